//! `check`: is everything in place? One line each, with the way to mend it.

mod kubernetes;
mod left;
mod local;

use super::check_history;
use super::forge::{AnyForge, forge, kind, none, repository};
use super::output::{say, say_json};
use super::planning::locate;
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{self, Common, Output};
use crate::manifest::Catalog;
use crate::policy::Mode;
use crate::ports::{Forge, HistoryStore, ObserveError, Repository};
use crate::render::escape::terminal;
use crate::snapshot::{JobState, Snapshot};
use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    what: String,
    ok: bool,
    /// It is in order, and a person has still something to do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    todo: bool,
    message: String,
}

pub(super) fn line(what: impl Into<String>, result: Result<String, String>) -> Line {
    let (ok, message) = match result {
        Ok(message) => (true, message),
        Err(message) => (false, message),
    };
    Line {
        what: what.into(),
        ok,
        todo: false,
        message,
    }
}

/// Something that is left to a person.
fn todo(what: &str, message: &str) -> Line {
    Line {
        todo: true,
        ..line(what, Ok(message.to_string()))
    }
}

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Check) -> Result<Ended, Failure> {
    if args.local {
        return told(common, &local::lines());
    }
    let world = World::open(common)?;
    let mut lines = vec![line(
        "configuration",
        Ok(format!(
            "mode {}, {} clusters, {} listed jobs, {} rules",
            match world.config.mode {
                Mode::Ignore => "ignore",
                Mode::Report => "report",
                Mode::Propose => "propose",
            },
            world.config.clusters.len(),
            world.listed().count(),
            world.rules.len()
        )),
    )];
    lines.push(policies(&world));
    lines.push(history(&world));
    lines.extend(clusters(&world, common).await?);
    // Behind the clusters: it is asked for the jobs that they were found to have.
    lines.extend(check_history::prometheus(&world).await);
    lines.extend(super::plugins::check(&world));
    lines.extend(manifests(&world));
    lines.push(forge_line(&world).await);
    lines.extend(left::lines(&world));
    told(common, &lines)
}

fn told(common: &Common, lines: &[Line]) -> Result<Ended, Failure> {
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "checks": lines }))?,
        _ => say(&lines
            .iter()
            .map(|line| {
                format!(
                    "{} {}: {}\n",
                    match line {
                        Line { ok: false, .. } => "FAIL",
                        Line { todo: true, .. } => "todo",
                        _ => "ok  ",
                    },
                    terminal(&line.what),
                    terminal(&line.message)
                )
            })
            .collect::<String>())?,
    }
    let failed: Vec<&Line> = lines.iter().filter(|line| !line.ok).collect();
    Ok(Ended::with(&failed))
}

fn policies(world: &World) -> Line {
    let failed: Vec<String> = world
        .rules
        .iter()
        .flat_map(crate::policy::Rule::failed_tests)
        .collect();
    let tests: usize = world.rules.iter().map(|rule| rule.tests.len()).sum();
    let result = if failed.is_empty() {
        Ok(format!(
            "{} rules, their {tests} tests pass",
            world.rules.len()
        ))
    } else {
        Err(failed.join("; "))
    };
    line("policies", result)
}

fn history(world: &World) -> Line {
    let file = world.path(&world.config.history.file);
    if !file.exists() {
        return line(
            "history",
            Ok(format!(
                "{file} will be begun by the first `plimsoll observe`"
            )),
        );
    }
    let jobs = world
        .history()
        .map_err(|error| error.to_string())
        .and_then(|store| store.jobs().map_err(|error| error.to_string()));
    line(
        "history",
        jobs.map(|jobs| format!("{file} holds {} jobs", jobs.len())),
    )
}

async fn clusters(world: &World, common: &Common) -> Result<Vec<Line>, Failure> {
    if !world.has_clusters() {
        return Ok(vec![line("clusters", Err("no cluster is named: add `clusters: [{name: …, kubernetes: {context: …}}]` or `clusters: [{name: …, jobs: [{namespace, name, rest}]}]` to plimsoll.yaml".to_string()))]);
    }
    // What can't be listed has its own lines below.
    let _ = world.jobs(&[], common).await;
    let mut lines = kubernetes::lines(world).await?;
    let clusters = world.clusters(None).await?;
    for (job, entry) in world.listed() {
        let look = clusters.observe(job, None).await;
        let silent = format!("nobody answers at {}", entry.rest);
        lines.push(line(format!("job {}", job.short()), seen(look, &silent)));
    }
    Ok(lines)
}

/// What one look says, or why it saw nothing.
fn seen(look: Result<Snapshot, ObserveError>, silent: &str) -> Result<String, String> {
    let snapshot = look.map_err(|error| error.to_string())?;
    if snapshot.state == JobState::Unreachable {
        return Err(snapshot.gaps.first().map_or_else(
            || silent.to_string(),
            |gap| format!("{}: {}", gap.what, gap.reason),
        ));
    }
    let missing: Vec<&str> = snapshot.gaps.iter().map(|gap| gap.what.as_str()).collect();
    let missing = if missing.is_empty() {
        String::new()
    } else {
        format!("; missing: {}", missing.join(", "))
    };
    Ok(format!(
        "Flink {}, {} vertices, {} TaskManagers{missing}",
        snapshot.flink_version.unwrap_or_default(),
        snapshot.vertices.len(),
        snapshot.task_managers.len()
    ))
}

fn manifests(world: &World) -> Vec<Line> {
    let tree = match repository(world, &cli::Forge::default())
        .map_err(|error| error.to_string())
        .and_then(|repository| repository.tree().map_err(|error| error.to_string()))
    {
        Ok(tree) => tree,
        Err(error) => return vec![line("repository", Err(error))],
    };
    let catalog = Catalog::read(&tree);
    let mut lines = vec![line("repository", Ok(format!("{} files", tree.len())))];
    for job in &world.known_jobs() {
        let found = locate(world, &catalog, job);
        lines.push(line(
            format!("manifest of {}", job.short()),
            found
                .map(|located| format!("{}:{}", located.file, located.line))
                .map_err(|refusal| refusal.to_string()),
        ));
    }
    lines
}

async fn forge_line(world: &World) -> Line {
    let typed = cli::Forge::default();
    if kind(world, &typed).is_none() {
        return line("forge", Ok(none(world)));
    }
    let told = match forge(world, &typed) {
        Ok(AnyForge::Github(forge)) => forge
            .check()
            .await
            .map(|told| format!("github, {told}"))
            .map_err(|error| error.to_string()),
        Ok(forge) => forge
            .pull_requests()
            .await
            .map(|list| format!("{}, {} pull requests of ours", forge.name(), list.len()))
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    line("forge", told)
}
