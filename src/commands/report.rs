//! `report`: one self-contained HTML file.

use super::forge::{AnyRepository, repository};
use super::known::{know, pull_requests};
use super::output::say;
use super::planning::plan;
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{self, Common};
use crate::ports::{HistoryStore, PullRequest, Repository};
use crate::render::report::{ReportPage, html};
use crate::snapshot::JobKey;
use anyhow::Context;
use camino::Utf8Path;
use std::fs;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Report) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let jobs = world.jobs(&args.jobs.jobs, common).await?;
    write(&world, &args.forge, &jobs, &args.out).await?;
    if !common.quiet {
        say(&format!("{} written", args.out))?;
    }
    Ok(Ended::Done)
}

/// Writes the report of the jobs as they stand.
pub async fn write(
    world: &World,
    typed: &cli::Forge,
    jobs: &[JobKey],
    file: &Utf8Path,
) -> Result<(), Failure> {
    let pull_requests = pull_requests(world, typed).await?;
    let repository = repository(world, typed)?;
    let store = world.history()?;
    if !world.plugins.evaluators.is_empty() {
        let tree = repository.tree();
        let tree = tree.map_err(|error| Failure::Failed(error.into()))?;
        super::plugins::ask(world, &store, &tree, jobs).await?;
    }
    write_as(world, &repository, &store, pull_requests, jobs, file, false)
}

/// The same for a simulated fleet: the page says that it is one.
pub fn write_simulated(
    world: &World,
    repository: &AnyRepository,
    store: &impl HistoryStore,
    pull_requests: &[PullRequest],
    jobs: &[JobKey],
    file: &Utf8Path,
) -> Result<(), Failure> {
    write_as(
        world,
        repository,
        store,
        pull_requests.to_vec(),
        jobs,
        file,
        true,
    )
}

fn write_as(
    world: &World,
    repository: &AnyRepository,
    store: &impl HistoryStore,
    pull_requests: Vec<PullRequest>,
    jobs: &[JobKey],
    file: &Utf8Path,
    simulated: bool,
) -> Result<(), Failure> {
    let known = know(world, store, repository, pull_requests, jobs)?;
    let (books, judged) = (&known.books, &known.judged);
    let plan = plan(
        world,
        store,
        books,
        judged,
        &known.pull_requests,
        jobs,
        || {},
    )?;
    let page = ReportPage {
        plan: &plan,
        changes: &books.audit.changes,
        problems: &books.problems,
        simulated,
    };
    let html = html(&page).context("report")?;
    fs::write(file, html).with_context(|| format!("{file}"))?;
    Ok(())
}
