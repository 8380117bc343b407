//! `completions`: what a shell needs to complete commands and options.

use super::ending::{Ended, Failure};
use super::output::say;
use crate::cli::{Cli, Completions};
use anyhow::Context;
use clap::CommandFactory;

/// Carries the command out.
pub fn run(args: &Completions) -> Result<Ended, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "plimsoll", &mut script);
    let script = String::from_utf8(script).context("the script of completions")?;
    say(&script)?;
    Ok(Ended::Done)
}
