//! `init`: a configuration and what runs it, into a GitOps repository. Nothing that is there is ever overwritten, and all is written or none.

use super::ending::{Ended, Failure};
use super::output::{say, say_json};
use crate::cli::{self, Common, Output};
use crate::config::NAMES;
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::Write;

/// The configuration, with `@cluster` and `@history` where the two ways of running it differ.
const CONFIG: &str = include_str!("../../templates/init/plimsoll.yaml");
const WORKFLOW: &str = include_str!("../../templates/init/workflow.yaml");
const CRONJOB: &str = include_str!("../../templates/init/cronjob.yaml");

const CLUSTER_OUTSIDE: &str = "kubernetes: {}                   # the current context of the kubeconfig; or {context: prod}, or `in-cluster: true` instead";
const CLUSTER_INSIDE: &str = "in-cluster: true                 # the service account of the CronJob's pod; `kubernetes: {}` instead for a kubeconfig";
const HISTORY_OUTSIDE: &str = "file: plimsoll.sqlite            # kept by the workflow's cache; with a Prometheus no file is needed:";
const HISTORY_INSIDE: &str = "file: /history/plimsoll.sqlite   # on the CronJob's volume; with a Prometheus no file is needed:";

/// A file to write, its path relative to the repository's folder.
#[derive(Serialize)]
struct Written {
    path: &'static str,
    content: String,
}

/// Carries the command out.
pub fn run(common: &Common, args: &cli::Init) -> Result<Ended, Failure> {
    let files = files(args.cronjob);
    if args.print {
        show(common, &files)?;
        return Ok(Ended::Done);
    }
    refuse_what_is_there(&args.folder, &files)?;
    let mut made = Made::default();
    for file in &files {
        if let Err(error) = made.write(&args.folder.join(file.path), &file.content) {
            let left = made.undo();
            return Err(Failure::Failed(error.context(left)));
        }
    }
    let written: Vec<&str> = made.files.iter().map(|path| path.as_str()).collect();
    let next = if args.cronjob {
        "fill in the images and the repository of plimsoll-cronjob.yaml, apply it and the rights of `plimsoll rbac`; the first runs only report (mode: report)"
    } else {
        "name your cluster in plimsoll.yaml, then `plimsoll check`; the first runs only report (mode: report)"
    };
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "files": written }))?,
        _ => say(&format!("wrote {}\nnext: {next}\n", written.join(" and ")))?,
    }
    Ok(Ended::Done)
}

/// What is written.
fn files(cronjob: bool) -> [Written; 2] {
    let (cluster, history, path, runner) = if cronjob {
        (
            CLUSTER_INSIDE,
            HISTORY_INSIDE,
            "plimsoll-cronjob.yaml",
            CRONJOB,
        )
    } else {
        (
            CLUSTER_OUTSIDE,
            HISTORY_OUTSIDE,
            ".github/workflows/plimsoll.yaml",
            WORKFLOW,
        )
    };
    let config = CONFIG
        .replace("@cluster", cluster)
        .replace("@history", history);
    [
        Written {
            path: "plimsoll.yaml",
            content: config,
        },
        Written {
            path,
            content: runner.to_string(),
        },
    ]
}

fn show(common: &Common, files: &[Written]) -> Result<(), Failure> {
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "files": files })),
        _ => {
            let text: String = files
                .iter()
                .map(|file| format!("# --- {}\n{}", file.path, file.content))
                .collect();
            say(&text)
        }
    }
}

/// Refuses by name what would be written over, and every other place that a configuration is read from: two at once are an error of every
/// later command. A symbolic link counts, whether or not it leads anywhere.
fn refuse_what_is_there(folder: &Utf8Path, files: &[Written]) -> Result<(), Failure> {
    let own = files.iter().map(|file| file.path);
    let mut there: Vec<String> = Vec::new();
    for path in NAMES.into_iter().chain(own) {
        let path = folder.join(path);
        let shown = path.to_string();
        if path.symlink_metadata().is_ok() && !there.contains(&shown) {
            there.push(shown);
        }
    }
    if there.is_empty() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} {} there already, and nothing was written: take {} away first, or look at `plimsoll init --print`",
        there.join(" and "),
        if there.len() == 1 { "is" } else { "are" },
        if there.len() == 1 { "it" } else { "them" },
    )))
}

/// What this call has made, so that a failure can take it back.
#[derive(Default)]
struct Made {
    files: Vec<Utf8PathBuf>,
    /// The outer before the inner.
    folders: Vec<Utf8PathBuf>,
}

impl Made {
    /// Makes a new file with the folders above it; one that appeared meanwhile is left as it is.
    fn write(&mut self, path: &Utf8Path, content: &str) -> Result<(), anyhow::Error> {
        let missing: Vec<&Utf8Path> = path
            .ancestors()
            .skip(1)
            .take_while(|folder| !folder.as_str().is_empty() && !folder.exists())
            .collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder).with_context(|| format!("making the folder {folder}"))?;
            self.folders.push(folder.to_path_buf());
        }
        let named = || format!("writing {path}");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .with_context(named)?;
        self.files.push(path.to_path_buf());
        file.write_all(content.as_bytes()).with_context(named)
    }

    /// Takes away what was made, and says how that went.
    fn undo(&self) -> String {
        let files = self.files.iter().map(|file| (file, fs::remove_file(file)));
        let folders = self.folders.iter().rev();
        let left: Vec<&str> = files
            .chain(folders.map(|folder| (folder, fs::remove_dir(folder))))
            .filter(|(_, taken)| taken.is_err())
            .map(|(path, _)| path.as_str())
            .collect();
        if left.is_empty() {
            "nothing was written".to_string()
        } else {
            format!(
                "could not be written whole; take {} away",
                left.join(" and ")
            )
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_takes_back_what_this_call_made_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir(place.join("there")).unwrap();
        fs::write(place.join("there/kept.yaml"), "kept").unwrap();
        let mut made = Made::default();
        made.write(&place.join("there/new/deep/one.yaml"), "one")
            .unwrap();
        made.write(&place.join("two.yaml"), "two").unwrap();
        // It appeared after the check.
        let error = made.write(&place.join("there/kept.yaml"), "mine");
        assert!(error.is_err());
        assert_eq!(made.undo(), "nothing was written");
        assert!(!place.join("there/new").exists() && !place.join("two.yaml").exists());
        let kept = fs::read_to_string(place.join("there/kept.yaml")).unwrap();
        assert_eq!(kept, "kept");
    }
}
