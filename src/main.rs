//! Parse, run one command, turn the result into an exit code.

use clap::Parser;
use plimsoll::cli::Cli;
use plimsoll::commands::carry_out;
use plimsoll::pass::THREAD;
use std::io::Write;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = match (cli.common.quiet, cli.common.verbose) {
        (true, _) => "error,octocrab=off",
        (false, 0) => "warn,octocrab=off",
        (false, 1) => "plimsoll=info",
        (false, _) => "plimsoll=debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .init();
    quiet_about_jobs();
    match carry_out(cli).await {
        Ok(ended) => ExitCode::from(ended.exit_code()),
        Err(failure) => {
            // Nothing is left to do when stderr is gone too.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A fault that stops one job is one line of the answer, with the job's name; where it happened is told with `-v`.
fn quiet_about_jobs() {
    let all = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |fault| {
        if std::thread::current().name() == Some(THREAD) {
            tracing::info!("{fault}");
        } else {
            all(fault);
        }
    }));
}
