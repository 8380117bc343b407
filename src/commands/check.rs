//! `check`: is everything in place? One line each, with the way to mend it.

use super::ending::{Ended, Failure};
use super::output::{say, say_json};
use super::start::{Listed, Start};
use crate::cli::{self, Common, Output};
use crate::manifest::Catalog;
use crate::pass::{
    Fleet, Neighbours, history as history_of, locate, offered, owner, short_windows,
};
use crate::policy::{Mode, Rule};
use crate::ports::{Cluster, HistoryStore, Repository};
use crate::quantity::{count, without_secrets};
use crate::render::escape::terminal;
use crate::snapshot::History;
use crate::world::checks::{self, AskedOfPrometheus, Line, line, seen};
use std::sync::Arc;

/// Jobs whose histories are looked at for how often they are observed.
const JOBS_ASKED: usize = 5;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Check) -> Result<Ended, Failure> {
    if args.local {
        return told(common, &checks::local());
    }
    let start = Start::new(common)?;
    let config = &start.opened.config;
    let mut lines = vec![line(
        "configuration",
        Ok(format!(
            "mode {}, {}, {}, {}",
            match config.mode {
                Mode::Ignore => "ignore",
                Mode::Report => "report",
                Mode::Propose => "propose",
            },
            count(config.clusters.len(), "cluster"),
            count(start.static_jobs().len(), "listed job"),
            count(start.opened.rules.len(), "rule")
        )),
    )];
    lines.push(policies(&start.opened.rules));
    lines.push(history(&start));
    let (listed, about_clusters) = clusters(&start, common).await?;
    lines.extend(about_clusters);
    // Behind the clusters: it is asked for the jobs that they were found to have.
    let asked = AskedOfPrometheus {
        history: &config.history,
        folder: &start.opened.folder,
        known: start.named_in_flink(listed.fleet.known()),
        configured: start.settings.jobs.keys().cloned().collect(),
        now_ms: start.now_ms(),
    };
    lines.extend(checks::prometheus(asked).await);
    lines.extend(checks::plugins(config, &start.opened.folder));
    lines.extend(windows(&start, &listed));
    lines.extend(manifests(&start, &listed));
    lines.push(checks::forge(&start.destination(&cli::Forge::default())).await);
    lines.extend(checks::left(config, &start.opened.folder));
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

fn policies(rules: &[Rule]) -> Line {
    let failed: Vec<String> = rules.iter().flat_map(Rule::failed_tests).collect();
    let tests: usize = rules.iter().map(|rule| rule.tests.len()).sum();
    let result = if failed.is_empty() {
        Ok(format!(
            "{}, {}",
            count(rules.len(), "rule"),
            match tests {
                1 => "their 1 test passes".to_string(),
                tests => format!("their {tests} tests pass"),
            }
        ))
    } else {
        Err(failed.join("; "))
    };
    line("policies", result)
}

fn history(start: &Start) -> Line {
    let file = start.history_file();
    if !file.exists() {
        return line(
            "history",
            Ok(format!("{file} is created by the first `plimsoll observe`")),
        );
    }
    let static_list = Listed {
        fleet: Fleet {
            listed: start.static_jobs(),
            ..Fleet::default()
        },
        clusters: None,
    };
    let jobs = start
        .history(&static_list)
        .map_err(|error| error.to_string())
        .and_then(|store| store.jobs().map_err(|error| error.to_string()));
    line(
        "history",
        jobs.map(|jobs| format!("{file} holds {}", count(jobs.len(), "job"))),
    )
}

/// Whether the windows are long enough for the looks that the history file holds; where `schedule.every` says how often they come, or a
/// store has a step of its own, the configuration was held against that when it was read.
fn windows(start: &Start, listed: &Listed) -> Option<Line> {
    let config = &start.opened.config;
    let said = config.schedule.every.is_some() || config.history.prometheus.is_some();
    if said || !start.history_file().exists() {
        return None;
    }
    let store = start.history(listed).ok()?;
    let jobs = store.jobs().ok()?;
    let histories: Vec<History> = jobs
        .iter()
        .take(JOBS_ASKED)
        .filter_map(|job| history_of(&start.settings, &store, job, start.now_ms()).ok())
        .collect();
    let short = short_windows(&start.settings, &histories);
    Some(line(
        "windows",
        if short.is_empty() {
            Ok("long enough for the looks in the history".to_string())
        } else {
            Err(short.join("; "))
        },
    ))
}

/// The jobs as they are listed, and the lines about their clusters.
async fn clusters(start: &Start, common: &Common) -> Result<(Listed, Vec<Line>), Failure> {
    if !start.has_clusters() {
        return Ok((Listed::default(), vec![line("clusters", Err("no cluster is named: add `clusters: [{name: …, kubernetes: {context: …}}]` or `clusters: [{name: …, jobs: [{namespace, name, rest}]}]` to plimsoll.yaml".to_string()))]));
    }
    // What can't be listed has its own lines below.
    let listed = match start.listed(&[], common).await {
        Ok(listed) => listed,
        Err(_) => Listed {
            fleet: Fleet {
                listed: start.static_jobs(),
                ..Fleet::default()
            },
            clusters: Some(Arc::new(start.connect().await?)),
        },
    };
    let mut lines = Vec::new();
    if let Some(clusters) = &listed.clusters {
        lines.extend(checks::kubernetes(clusters).await);
        for (job, entry) in start
            .settings
            .jobs
            .iter()
            .filter(|(_, entry)| entry.is_listed())
        {
            let look = clusters.observe(job, None).await;
            let silent = format!("nobody answers at {}", without_secrets(&entry.rest));
            lines.push(line(format!("job {}", job.short()), seen(look, &silent)));
        }
    }
    Ok((listed, lines))
}

fn manifests(start: &Start, listed: &Listed) -> Vec<Line> {
    let tree = match start
        .repository(&cli::Forge::default())
        .map_err(|error| error.to_string())
        .and_then(|repository| repository.tree().map_err(|error| error.to_string()))
    {
        Ok(tree) => tree,
        Err(error) => return vec![line("repository", Err(error))],
    };
    let catalog = Catalog::read(&tree);
    let mut lines = vec![line("repository", Ok(count(tree.len(), "file")))];
    let neighbours = Neighbours::of(&start.settings, Some(&listed.fleet));
    let offered = offered(&start.plugins);
    for job in listed.fleet.known() {
        let live = listed.fleet.resource(job);
        let found = locate(&start.settings, &neighbours, live, &catalog, job);
        let owner = owner(found.as_ref().ok(), live).choosing_from(&offered);
        lines.push(line(
            format!("manifest of {}", job.short()),
            found
                .map(|located| format!("{}:{}", located.file, located.line))
                .map_err(|refusal| refusal.to_string()),
        ));
        if let Some(sentence) = owner.not_understood() {
            lines.push(line(
                format!("owner of {}", job.short()),
                Err(format!("{sentence}; until then the job is held")),
            ));
        }
    }
    lines
}
