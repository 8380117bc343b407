//! One file a command. Only here is anything printed: data to stdout, everything else to stderr.

mod artifact;
mod audit;
mod check;
mod check_history;
mod classify;
mod clusters;
mod completions;
mod demo;
mod evaluate;
mod explain;
mod forge;
mod github;
mod heartbeat;
mod history;
mod init;
mod known;
mod observe;
mod output;
mod plan;
mod plugins;
mod planning;
mod propose;
mod rbac;
mod report;
mod reverts;
mod run;
mod schema;
mod select;
mod sessions;
mod simulate;
mod simulate_doe;
mod table;
mod try_prometheus;
mod tryout;
mod watch;
mod world;

use crate::cli::{Cli, Command};
use crate::ports::Plugins;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was typed or configured can't be meant. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The world did not play along. Exit code 1.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code that says so.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Failed(_) => 1,
        }
    }
}

/// How a command that was carried out ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All of it.
    Done,
    /// Some jobs, files or clusters could not be read or written; each was named. Exit code 3.
    Partly,
    /// Changes wait, and `--exit-code` asked. Exit code 10.
    ChangesWait,
}

impl Ended {
    /// The exit code that says so.
    pub fn exit_code(self) -> u8 {
        match self {
            Ended::Done => 0,
            Ended::Partly => 3,
            Ended::ChangesWait => 10,
        }
    }

    /// Partly done when anything is named.
    pub(crate) fn with<T>(problems: &[T]) -> Ended {
        if problems.is_empty() {
            Ended::Done
        } else {
            Ended::Partly
        }
    }
}

/// Carries out what was typed, with plug-ins of your own build beside those that the configuration names as programs. They are asked
/// where the configuration uses their names (`collectors`, `evaluators`, `realizer`), or a job's annotation does.
///
/// `examples/own_plugin.rs` is a whole binary with an evaluator of its own.
///
/// # Errors
/// Those of [`carry_out`]; and a usage error where the configuration has a plug-in of the same name.
pub async fn carry_out_with(mut cli: Cli, plugins: Plugins) -> Result<Ended, Failure> {
    cli.common.plugins = plugins;
    carry_out(cli).await
}

/// Carries out what was typed.
pub async fn carry_out(cli: Cli) -> Result<Ended, Failure> {
    let common = &cli.common;
    match cli.command {
        Command::Try(args) => tryout::run(common, &args).await,
        Command::Demo(args) => demo::run(common, &args).await,
        Command::Check(args) => check::run(common, &args).await,
        Command::Observe(args) => observe::run(common, &args).await,
        Command::Classify(args) => classify::run(common, &args).await,
        Command::Plan(args) => plan::run(common, &args).await,
        Command::Propose(args) => propose::run(common, &args).await,
        Command::Watch(args) => watch::run(common, &args).await,
        Command::Run(args) => run::run(common, &args).await,
        Command::Explain(args) => explain::run(common, &args).await,
        Command::Audit(args) => audit::run(common, &args),
        Command::Report(args) => report::run(common, &args).await,
        Command::Simulate(args) => simulate::run(&args).await,
        Command::Init(args) => init::run(common, &args),
        Command::Rbac(args) => rbac::run(common, &args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}
