//! `report`: one self-contained HTML file.

use super::ending::{Ended, Failure};
use super::output::say;
use super::plan::make;
use super::start::Start;
use crate::cli::{self, Common};
use crate::pass::Known;
use crate::plan::Plan;
use crate::render::report::{ReportPage, html};
use anyhow::Context;
use camino::Utf8Path;
use std::fs;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Report) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let (made, known) = make(&start, &args.forge, &listed).await?;
    write(&made.plan, &known, &args.out, false)?;
    if !common.quiet {
        say(&format!("{} written", args.out))?;
    }
    Ok(Ended::Done)
}

/// Writes the report of a plan and of what it was made from. The page of a simulated fleet says that it is one.
pub fn write(plan: &Plan, known: &Known, file: &Utf8Path, simulated: bool) -> Result<(), Failure> {
    let page = ReportPage {
        plan,
        changes: &known.books.audit.changes,
        problems: &known.books.problems,
        simulated,
    };
    let html = html(&page).context("report")?;
    fs::write(file, html).with_context(|| format!("{file}"))?;
    Ok(())
}
