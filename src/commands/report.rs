//! `report`: one self-contained HTML file.

use super::ending::{Ended, Failure};
use super::output::{note, say};
use super::plan::make;
use super::start::Start;
use crate::cli::{self, Common};
use crate::pass::{Base, Known, Manifests};
use crate::plan::Plan;
use crate::render::escape::terminal;
use crate::render::report::{ReportPage, html};
use anyhow::Context;
use camino::Utf8Path;
use std::fs;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Report) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let repository = start.repository(&args.forge)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    let (made, known) = make(&start, &args.forge, &listed, &repository, &manifests).await?;
    write(&made.plan, &known, &args.out, false)?;
    if !common.quiet {
        say(&format!("{} written", args.out))?;
    }
    for problem in &made.problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&made.problems))
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
