//! Plug-ins: programs that collect, evaluate or realize.

use super::Config;
use crate::quantity::{FlinkDuration, Memory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A plug-in's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// Adds metrics from elsewhere to a job's snapshot.
    Collector,
    /// Augments or replaces what was estimated of a job.
    Evaluator,
    /// Carries a planned change out, in place of a pull request.
    Realizer,
}

impl std::fmt::Display for PluginKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PluginKind::Collector => "collector",
            PluginKind::Evaluator => "evaluator",
            PluginKind::Realizer => "realizer",
        })
    }
}

/// A plug-in that is a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginConfig {
    /// Its role.
    pub kind: PluginKind,
    /// The program and its arguments; no shell. A program with a `/` is relative to the configuration, else it is looked up in PATH.
    pub exec: Vec<String>,
    /// It is ended after this time, with its children. From 100 ms to 10 min.
    #[serde(default = "timeout")]
    #[schemars(extend("shortest" = "100 ms", "longest" = "10 min"))]
    pub timeout: FlinkDuration,
    /// It is ended after this much output. At most 64m.
    #[serde(default = "max_output", alias = "max-output")]
    pub max_output: Memory,
    /// Environment variables that it gets besides PATH: `NAME` as Plimsoll has it, or `NAME=VALUE`.
    #[serde(default)]
    pub env: Vec<String>,
}

fn timeout() -> FlinkDuration {
    FlinkDuration::from_millis(10_000)
}

fn max_output() -> Memory {
    Memory::from_mib(1)
}

/// What makes no sense about the plug-ins.
pub(super) fn check(config: &Config) -> Result<(), String> {
    for (name, plugin) in &config.plugins {
        let plain = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return Err(format!(
                "plugins: `{name}` is not a name: write up to 40 letters, digits, `-`, `_` or `.`"
            ));
        }
        if plugin.exec.first().is_none_or(String::is_empty) {
            return Err(format!(
                "plugins.{name}.exec names no program: write for example `exec: [python3, evaluator.py]`"
            ));
        }
        if !(100..=600_000).contains(&plugin.timeout.millis()) {
            return Err(format!(
                "plugins.{name}.timeout is not between 100 ms and 10 min"
            ));
        }
        if !(1..=64 << 20).contains(&plugin.max_output.bytes()) {
            return Err(format!(
                "plugins.{name}.max_output is not between 1b and 64m"
            ));
        }
        for variable in &plugin.env {
            let variable = variable.split('=').next().unwrap_or_default();
            let plain = |one: char| one.is_ascii_alphanumeric() || one == '_';
            if variable.is_empty() || !variable.chars().all(plain) {
                return Err(format!(
                    "plugins.{name}.env: an entry is NAME or NAME=VALUE, with letters, digits and `_` in the name"
                ));
            }
        }
    }
    Ok(())
}
