//! The configuration that `init` writes, filled in with what was found.

use crate::manifest::Chart;
use crate::world::{Remote, Surroundings};
use std::fmt::Write as _;

const CONFIG: &str = include_str!("../../../templates/init/plimsoll.yaml");

const CLUSTER_OUTSIDE: &str = "kubernetes: {}                   # the current context of the kubeconfig; or {context: prod}, or `in-cluster: true` instead";
const CLUSTER_INSIDE: &str = "in-cluster: true                 # the service account of the CronJob's pod; `kubernetes: {}` instead for a kubeconfig";
const HISTORY_OUTSIDE: &str = "file: plimsoll.sqlite            # kept by the workflow's cache; with a Prometheus no file is needed:";
const HISTORY_INSIDE: &str = "file: /history/plimsoll.sqlite   # on the CronJob's volume; with a Prometheus no file is needed:";

/// The text of `plimsoll.yaml`.
pub fn text(found: &Surroundings, cronjob: bool) -> String {
    let (cluster, history) = if cronjob {
        (CLUSTER_INSIDE, HISTORY_INSIDE)
    } else {
        (CLUSTER_OUTSIDE, HISTORY_OUTSIDE)
    };
    CONFIG
        .replace("@cluster", cluster)
        .replace("@history", history)
        .replace("@namespaces", &namespaces(found))
        .replace("@repository\n", &repository(found))
        .replace("@forge\n", &forge(found.remote.as_ref()))
}

fn namespaces(found: &Surroundings) -> String {
    if found.all_placed && !found.namespaces.is_empty() {
        let names: Vec<String> = found.namespaces.iter().map(|name| scalar(name)).collect();
        let list = format!("namespaces: [{}]", names.join(", "));
        format!("{list:<32} # those of the manifests here; absent: all")
    } else {
        "# namespaces: [payments]         # absent: all".to_string()
    }
}

/// The section `repository`, with a mapping for each chart.
fn repository(found: &Surroundings) -> String {
    let mapped: Vec<&(Chart, String)> = found
        .charts
        .iter()
        .filter(|(chart, _)| !chart.fields.is_empty())
        .collect();
    if mapped.is_empty() {
        return "repository: {path: .}\n".to_string();
    }
    let mut text = "repository:\n  path: .\n  values:                          # which values of a chart set which fields of its jobs, read off its templates\n".to_string();
    for (chart, file) in &mapped {
        let jobs: Vec<String> = chart
            .jobs
            .iter()
            .filter_map(|(namespace, name)| {
                Some(scalar(&format!("{}/{name}", namespace.as_ref()?)))
            })
            .collect();
        let folder = if chart.folder.is_empty() {
            "."
        } else {
            &chart.folder
        };
        // Without names the mapping is for every job that has no manifest of its own, and only one chart can be meant so.
        let mut lines = Vec::new();
        if chart.all_named && !jobs.is_empty() {
            lines.push(format!("jobs: [{}]", jobs.join(", ")));
        } else if mapped.len() > 1 {
            lines.push(format!("jobs: [NAMESPACE/NAME]         # the jobs of the chart in {}: its templates don't name them", plain(folder)));
        }
        lines.push(format!("file: {}", scalar(file)));
        lines.push("fields:".to_string());
        for (field, key) in &chart.fields {
            lines.push(format!(
                "  {}: {}",
                scalar(&field.to_string()),
                scalar(&key.to_string())
            ));
        }
        for (at, line) in lines.iter().enumerate() {
            let _ = writeln!(text, "  {} {line}", if at == 0 { "-" } else { " " });
        }
        for (field, why) in &chart.unmapped {
            let _ = writeln!(
                text,
                "    # Plimsoll can't change {}: {}",
                plain(field),
                plain(why)
            );
        }
    }
    text
}

fn forge(remote: Option<&Remote>) -> String {
    match remote {
        None => String::new(),
        Some(remote) if remote.host == "github.com" || remote.host.ends_with(".ghe.com") => {
            format!(
                "\n# Pull requests go to {} (the remote `origin`).\n",
                plain(&remote.repository)
            )
        }
        Some(remote) => format!(
            "\n# The remote `origin` is on {host}. Is it GitHub Enterprise?\n# forge: {{kind: github, github: {{api: \"https://{host}/api/v3\", repository: {repository}}}}}\n# The way for other forges is a folder of patches:\n# forge: {{kind: patch, patch: {{folder: patches}}}}\n",
            host = plain(&remote.host),
            repository = plain(&remote.repository)
        ),
    }
}

/// A text as a YAML scalar: as it stands where that is safe, else in quotes.
fn scalar(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    // A bracketed key is safe behind a plain beginning: `spec.flinkConfiguration["a.b"]`.
    let all = text.chars().all(|c| safe(c) || "[]\"".contains(c));
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if begins && all && !words.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_string()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// Foreign text in a comment: one line of it.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_a_scalar_and_a_comment() {
        for (text, expected) in [
            ("charts/orders/values.yaml", "charts/orders/values.yaml"),
            (
                "spec.flinkConfiguration[\"a.b\"]",
                "spec.flinkConfiguration[\"a.b\"]",
            ),
            ("true", "\"true\""),
            ("1e3", "\"1e3\""),
            ("a: b\n- c", "\"a: b\\n- c\""),
            ("a #b", "\"a #b\""),
            ("-a", "\"-a\""),
            ("", "\"\""),
        ] {
            assert_eq!(scalar(text), expected);
            let read: String = yaml_serde::from_str(&scalar(text)).unwrap();
            assert_eq!(read, text);
        }
        assert_eq!(plain("a\nmode: propose"), "a mode: propose");
    }
}
