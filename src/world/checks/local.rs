//! `check --local`: the tools that a cluster on this machine needs, before there is a configuration.

use super::{Line, line};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a tool may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// A tool, how it says its version, what it is for and how to get it.
struct Tool {
    name: &'static str,
    arguments: &'static [&'static str],
    what_for: &'static str,
    mend: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        name: "git",
        arguments: &["--version"],
        what_for: "the repository of manifests",
        mend: "install git",
    },
    Tool {
        name: "docker",
        arguments: &["version", "--format", "engine {{.Server.Version}}"],
        what_for: "the nodes of a kind or k3d cluster",
        mend: "install Docker and start its engine (Docker Desktop on macOS and Windows)",
    },
    Tool {
        name: "kubectl",
        arguments: &["version", "--client"],
        what_for: "the cluster's resources",
        mend: "install kubectl",
    },
    Tool {
        name: "helm",
        arguments: &["version", "--short"],
        what_for: "Flink's operator and Prometheus",
        mend: "install helm",
    },
];

/// A line a tool.
pub fn lines() -> Vec<Line> {
    TOOLS
        .iter()
        .map(|tool| {
            let told = first_line(tool.name, tool.arguments)
                .map_err(|why| format!("{why}; it is for {}: {}", tool.what_for, tool.mend));
            line(tool.name, told)
        })
        .collect()
}

/// The first line that a program prints, or why there is none.
fn first_line(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{program}` can't be started: {error}"))?;
    let until = Instant::now() + PATIENCE;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > until {
            // It is ended, and what it said no longer matters.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!(
                "`{program}` gave no answer within {} s",
                PATIENCE.as_secs()
            ));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let output = child
        .wait_with_output()
        .map_err(|error| format!("`{program}` can't be read: {error}"))?;
    let first = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default()
            .trim()
            .to_string()
    };
    if output.status.success() {
        Ok(first(&output.stdout))
    } else {
        Err(format!(
            "`{program} {}` failed: {}",
            arguments.join(" "),
            first(&output.stderr)
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_says_or_why_it_says_nothing() {
        assert_eq!(
            first_line("sh", &["-c", "echo; echo one; echo two"]).unwrap(),
            "one"
        );
        let error = first_line("sh", &["-c", "echo no engine >&2; exit 1"]).unwrap_err();
        assert!(error.contains("no engine"), "{error}");
        let error = first_line("no-such-program-of-ours", &[]).unwrap_err();
        assert!(error.contains("can't be started"), "{error}");
    }
}
