//! `check`: is everything in place? One line each, with the way to mend it.

use super::forge::{AnyForge, forge, kind, none, repository};
use super::output::{say, say_json};
use super::planning::locate;
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{self, Common, Output};
use crate::manifest::Catalog;
use crate::policy::Mode;
use crate::ports::{Cluster, Forge, HistoryStore, Repository};
use crate::render::escape::terminal;
use crate::snapshot::JobState;
use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Line {
    what: String,
    ok: bool,
    message: String,
}

fn line(what: impl Into<String>, result: Result<String, String>) -> Line {
    let (ok, message) = match result {
        Ok(message) => (true, message),
        Err(message) => (false, message),
    };
    Line {
        what: what.into(),
        ok,
        message,
    }
}

/// Carries the command out.
pub async fn run(common: &Common) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let mut lines = vec![line(
        "configuration",
        Ok(format!(
            "mode {}, {} clusters, {} jobs, {} rules",
            match world.config.mode {
                Mode::Ignore => "ignore",
                Mode::Report => "report",
                Mode::Propose => "propose",
            },
            world.config.clusters.len(),
            world.entries.len(),
            world.rules.len()
        )),
    )];
    lines.push(history(&world));
    lines.extend(clusters(&world).await?);
    lines.extend(manifests(&world));
    lines.push(forge_line(&world).await);
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "checks": lines }))?,
        _ => say(&lines
            .iter()
            .map(|line| {
                format!(
                    "{} {}: {}\n",
                    if line.ok { "ok  " } else { "FAIL" },
                    terminal(&line.what),
                    terminal(&line.message)
                )
            })
            .collect::<String>())?,
    }
    let failed: Vec<&Line> = lines.iter().filter(|line| !line.ok).collect();
    Ok(Ended::with(&failed))
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

async fn clusters(world: &World) -> Result<Vec<Line>, Failure> {
    if world.entries.is_empty() {
        return Ok(vec![line("clusters", Err("no job is listed: add `clusters: [{name: …, jobs: [{namespace, name, rest}]}]` to plimsoll.yaml".to_string()))]);
    }
    let clusters = world.clusters(None)?;
    let mut lines = Vec::new();
    for (job, entry) in &world.entries {
        let result = match clusters.observe(job, None).await {
            Err(error) => Err(error.to_string()),
            Ok(snapshot) if snapshot.state == JobState::Unreachable => {
                Err(snapshot.gaps.first().map_or_else(
                    || format!("nobody answers at {}", entry.rest),
                    |gap| format!("{}: {}", gap.what, gap.reason),
                ))
            }
            Ok(snapshot) => {
                let missing: Vec<&str> =
                    snapshot.gaps.iter().map(|gap| gap.what.as_str()).collect();
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
        };
        lines.push(line(format!("job {}", job.short()), result));
    }
    Ok(lines)
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
    for job in world.entries.keys() {
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
