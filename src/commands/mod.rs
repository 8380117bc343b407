//! One file a command: parse, call a pass, print. Only here is anything printed: data to stdout, everything else to stderr.

mod audit;
mod check;
mod classify;
mod completions;
mod config;
mod demo;
mod ending;
mod evaluate;
mod explain;
mod init;
mod observe;
mod output;
mod plan;
mod propose;
mod rbac;
mod report;
mod run;
mod schema;
mod select;
mod simulate;
mod start;
mod table;
mod tryout;
mod verdicts;
mod watch;

pub use ending::{Ended, Failure};

use crate::cli::{Cli, Command};
use crate::ports::Plugins;

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
        Command::Config(args) => config::run(common, &args).await,
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
