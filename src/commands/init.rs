//! `init`: a configuration and what runs it, into a GitOps repository. Nothing that is there is ever overwritten.

use super::output::{say, say_json};
use super::{Ended, Failure};
use crate::cli::{self, Common, Output};
use anyhow::Context;
use std::fs;

const CONFIG: &str = include_str!("../../templates/init/plimsoll.yaml");
const WORKFLOW: &str = include_str!("../../templates/init/workflow.yaml");
const CRONJOB: &str = include_str!("../../templates/init/cronjob.yaml");

/// Carries the command out.
pub fn run(common: &Common, args: &cli::Init) -> Result<Ended, Failure> {
    let runner = if args.cronjob {
        ("plimsoll-cronjob.yaml", CRONJOB)
    } else {
        (".github/workflows/plimsoll.yaml", WORKFLOW)
    };
    let files = [("plimsoll.yaml", CONFIG), runner];
    if args.print {
        let text: String = files
            .iter()
            .map(|(path, text)| format!("# --- {path}\n{text}"))
            .collect();
        say(&text)?;
        return Ok(Ended::Done);
    }
    let there: Vec<String> = files
        .iter()
        .map(|(path, _)| args.folder.join(path))
        .filter(|path| path.exists())
        .map(camino::Utf8PathBuf::into_string)
        .collect();
    if !there.is_empty() {
        return Err(Failure::Usage(format!(
            "{} is there already, and nothing was written: take it away first, or look at `plimsoll init --print`",
            there.join(" and ")
        )));
    }
    let mut written = Vec::new();
    for (path, text) in files {
        let path = args.folder.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{folder}"))?;
        }
        fs::write(&path, text).with_context(|| format!("{path}"))?;
        written.push(path.into_string());
    }
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "files": written }))?,
        _ => say(&format!(
            "wrote {}\nnext: name your cluster in {}, then `plimsoll check`; the first runs only report (mode: report)\n",
            written.join(" and "),
            written[0]
        ))?,
    }
    Ok(Ended::Done)
}
