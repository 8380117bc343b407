//! Plug-ins at work: which there are, what collectors add, what evaluators say, what a realizer did.

use super::Failure;
use super::check::{Line, line};
use super::propose::{Proposed, failed};
use super::world::World;
use crate::clients::plugin::{ExecPlugin, Program};
use crate::config::{Config, PluginConfig, PluginKind};
use crate::evaluate::plugin::{CollectAsk, CollectRequest, EvaluateRequest, PROTOCOL, Told};
use crate::evaluate::{capacities, demand};
use crate::flink::deployment::Deployment;
use crate::manifest::{Catalog, Tree};
use crate::plan::{Plan, RealizeOutcome, RealizeRequest};
use crate::policy::Standing;
use crate::ports::{HistoryStore, Plugins};
use crate::snapshot::{Gap, History, JobKey, JobState, Snapshot};
use camino::Utf8Path;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Jobs about which plug-ins are asked at once.
const AT_ONCE: usize = 8;
/// The annotation that names a job's own evaluators, separated by commas.
const ANNOTATION: &str = "plimsoll.dev/evaluator";
/// PATH of a program where we have none.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Characters of a realizer's sentence that are kept.
const MOST_CHARACTERS: usize = 300;

/// The configured programs beside the plug-ins that the build brings (`own`). A name that is used and there is no plug-in of that
/// name and kind is an error, and so is one that both bring.
pub fn assemble(config: &Config, folder: &Utf8Path, own: &Plugins) -> Result<Plugins, Failure> {
    let mut plugins = own.clone();
    for (name, configured) in &config.plugins {
        if own.has(name) {
            return Err(Failure::Usage(format!(
                "plugins.{name}: this build of Plimsoll brings a plug-in of that name; choose another one"
            )));
        }
        let plugin = Arc::new(ExecPlugin::new(program(name, configured, folder)));
        match configured.kind {
            PluginKind::Collector => drop(plugins.collectors.insert(name.clone(), plugin)),
            PluginKind::Evaluator => drop(plugins.evaluators.insert(name.clone(), plugin)),
            PluginKind::Realizer => drop(plugins.realizers.insert(name.clone(), plugin)),
        }
    }
    let missing = |key: &str, kind: PluginKind, name: &str| {
        Err(Failure::Usage(format!(
            "{key}: there is no {kind} `{name}`: add plugins.{name} with `kind: {kind}` and `exec`"
        )))
    };
    for name in &config.collectors {
        if !plugins.collectors.contains_key(name) {
            return missing("collectors", PluginKind::Collector, name);
        }
    }
    for name in &config.evaluators {
        if !plugins.evaluators.contains_key(name) {
            return missing("evaluators", PluginKind::Evaluator, name);
        }
    }
    if let Some(name) = &config.realizer
        && !plugins.realizers.contains_key(name)
    {
        return missing("realizer", PluginKind::Realizer, name);
    }
    Ok(plugins)
}

fn program(name: &str, plugin: &PluginConfig, folder: &Utf8Path) -> Program {
    let mut exec = plugin.exec.iter().cloned();
    let program = place(&exec.next().unwrap_or_default(), folder);
    let own = |name: &str| std::env::var(name).ok();
    let mut environment = vec![(
        "PATH".to_string(),
        own("PATH").unwrap_or_else(|| PATH.to_string()).into(),
    )];
    environment.extend(
        plugin
            .env
            .iter()
            .filter_map(|entry| match entry.split_once('=') {
                Some((name, value)) => Some((name.to_string(), value.into())),
                None => Some((entry.clone(), own(entry)?.into())),
            }),
    );
    Program {
        name: name.to_string(),
        program,
        arguments: exec.collect(),
        folder: here(folder).as_std_path().to_path_buf(),
        environment,
        timeout: plugin.timeout.to_std(),
        max_output: plugin.max_output.bytes(),
    }
}

fn here(folder: &Utf8Path) -> &Utf8Path {
    if folder.as_str().is_empty() {
        Utf8Path::new(".")
    } else {
        folder
    }
}

/// Where a program is. One with a `/` is relative to the configuration; since it runs in that folder, its path must not be. Links are
/// not followed: the Python of a virtual environment knows by its link where it belongs.
fn place(program: &str, folder: &Utf8Path) -> PathBuf {
    if !program.contains('/') {
        return program.into();
    }
    let joined = here(folder).join(program).into_std_path_buf();
    std::path::absolute(&joined).unwrap_or(joined)
}

/// For `check`, a line for each program: whether it is there. It isn't started, since nobody knows what it does when it is asked.
pub fn check(world: &World) -> Vec<Line> {
    let path = std::env::var("PATH").unwrap_or_else(|_| PATH.to_string());
    let config = &world.config;
    config
        .plugins
        .iter()
        .map(|(name, plugin)| {
            let program = plugin.exec.first().map_or("", String::as_str);
            let place = place(program, &world.folder);
            let there = if program.contains('/') {
                place.is_file()
            } else {
                std::env::split_paths(&path).any(|folder| folder.join(Path::new(&place)).is_file())
            };
            let used = config.collectors.contains(name)
                || config.evaluators.contains(name)
                || config.realizer.as_ref() == Some(name);
            let use_of = match (used, plugin.kind) {
                (true, _) => "",
                (false, PluginKind::Evaluator) => ", asked only for jobs whose annotation names it",
                (false, _) => ", named nowhere and never asked",
            };
            let result = if there {
                Ok(format!(
                    "{} {} is there, not tried{use_of}",
                    plugin.kind,
                    place.display()
                ))
            } else {
                Err(format!(
                    "{} {} is not there: mend plugins.{name}.exec, or install it",
                    plugin.kind,
                    place.display()
                ))
            };
            line(format!("plug-in {name}"), result)
        })
        .collect()
}

/// Asks the collectors about each job that was seen running. What fails is a gap of that job, and is given back with its name.
pub async fn collect(world: &World, snapshots: &mut [Snapshot]) -> Vec<String> {
    if world.config.collectors.is_empty() {
        return Vec::new();
    }
    let running = snapshots
        .iter_mut()
        .filter(|snapshot| snapshot.state == JobState::Running);
    futures::stream::iter(running.map(|snapshot| collect_one(world, snapshot)))
        .buffered(AT_ONCE)
        .concat()
        .await
}

async fn collect_one(world: &World, snapshot: &mut Snapshot) -> Vec<String> {
    let mut gaps = Vec::new();
    for name in &world.config.collectors {
        let Some(collector) = world.plugins.collectors.get(name) else {
            continue;
        };
        let request = CollectRequest {
            schema: PROTOCOL.to_string(),
            ask: CollectAsk::Collect,
            plugin: name.clone(),
            job: snapshot.job.clone(),
            at_ms: snapshot.taken_at_ms,
            job_id: snapshot.job_id.clone(),
            configuration: snapshot.configuration.clone(),
        };
        match collector.collect(&request).await {
            Ok(answer) => {
                gaps.extend(answer.add_to(name, &mut snapshot.external));
                gaps.extend(answer.replace_in(name, snapshot));
            }
            Err(error) => gaps.push(Gap::new(format!("collector {name}"), error.to_string())),
        }
    }
    let named = gaps
        .iter()
        .map(|gap| sentence(&snapshot.job, gap))
        .collect();
    snapshot.gaps.extend(gaps);
    named
}

fn sentence(job: &JobKey, gap: &Gap) -> String {
    format!("{}: {}: {}", job.short(), gap.what, gap.reason)
}

/// Asks the evaluators about each job that this world was not asked about yet, and keeps what they said for the settings of that job.
pub async fn ask(
    world: &World,
    store: &impl HistoryStore,
    tree: &Tree,
    jobs: &[JobKey],
) -> Result<(), Failure> {
    if world.plugins.evaluators.is_empty() {
        return Ok(());
    }
    let catalog = Catalog::read(tree);
    let mut asked: BTreeMap<JobKey, Vec<String>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| !world.was_told(job)) {
        let located = super::planning::locate(world, &catalog, job).ok();
        let deployment = located.and_then(|located| Deployment::from_value(&located.value).ok());
        let own = deployment.map(|deployment| own_evaluators(&deployment.annotations));
        let names = own
            .filter(|own| !own.is_empty())
            .unwrap_or_else(|| world.config.evaluators.clone());
        if !names.is_empty() {
            asked.insert(job.clone(), names);
        }
    }
    let expected: Vec<JobKey> = asked.keys().cloned().collect();
    store.expect(&expected);
    for lot in expected.chunks(AT_ONCE) {
        let mut answers = Vec::with_capacity(lot.len());
        for job in lot {
            let history = super::planning::history(world, store, job)?;
            answers.push(tell(world, &asked[job], history));
        }
        for (job, told) in lot.iter().zip(futures::future::join_all(answers).await) {
            world.keep_told(job, told);
        }
    }
    Ok(())
}

/// The evaluators that a manifest's annotation names.
fn own_evaluators(annotations: &BTreeMap<String, String>) -> Vec<String> {
    annotations
        .get(ANNOTATION)
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_string())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Evaluators that a job's annotation names and nobody brings: each is a gap of the job.
pub fn refuse_unknown(world: &World, job: &JobKey, standing: &Standing, told: &mut Told) {
    for name in own_evaluators(&standing.annotations) {
        if world.plugins.evaluators.contains_key(&name) {
            continue;
        }
        let shown: String = name.chars().take(64).collect();
        let reason = format!(
            "the annotation {ANNOTATION} names it, and there is no such evaluator: add it to plugins, or mend the annotation"
        );
        let gap = Gap::new(format!("evaluator {shown}"), reason);
        // A plan may be made twice in a run.
        if !told.gaps.contains(&gap) {
            told.gaps.push(gap);
            world.keep_told(job, told.clone());
        }
    }
}

async fn tell(world: &World, names: &[String], history: History) -> Told {
    let settings = world.rooms(&history.job).evaluate;
    let mut told = Told::default();
    // Without an estimate there is nothing to augment, and the plan says why.
    let Ok(mut demand) = demand(&history, &settings) else {
        return told;
    };
    let mut capacities = capacities(&history, &demand);
    for name in names {
        let Some(evaluator) = world.plugins.evaluators.get(name) else {
            continue;
        };
        let request = EvaluateRequest {
            lag_limit_seconds: settings.lag_limit_seconds,
            minimum_history_seconds: Some(settings.minimum_history_seconds),
            demand: Some(demand.clone()),
            capacities: capacities.clone(),
            ..EvaluateRequest::new(name, world.now_ms(), history.clone())
        };
        match evaluator.evaluate(&request).await {
            Ok(answer) => told.hear(name, &answer, &mut demand, &mut capacities),
            Err(error) => told.failed(name, error.to_string()),
        }
    }
    told
}

/// What evaluators failed at, each with job and plug-in.
pub fn failures(world: &World, jobs: &[JobKey]) -> Vec<String> {
    let of = |job: &JobKey| {
        let gaps = world.told(job).gaps;
        gaps.iter()
            .map(|gap| sentence(job, gap))
            .collect::<Vec<_>>()
    };
    jobs.iter().flat_map(of).collect()
}

/// Lets the configured realizer carry out what would be proposed; absent where none is configured.
pub async fn realize(world: &World, plan: &Plan) -> Option<Vec<Proposed>> {
    let name = world.config.realizer.as_ref()?;
    let realizer = world.plugins.realizers.get(name)?;
    let mut done = Vec::new();
    for (item, change) in plan.proposals() {
        let request = RealizeRequest::new(name, world.now_ms(), change);
        let by = |message: &str| {
            let message: String = message.chars().take(MOST_CHARACTERS).collect();
            let colon = if message.is_empty() { "" } else { ": " };
            format!("{} by plug-in {name}{colon}{message}", item.job.short())
        };
        let job = item.job.to_string();
        done.push(match realizer.realize(&request).await {
            Ok(answer) if answer.outcome == RealizeOutcome::Done => Proposed {
                done: "realized",
                ..failed(&job, by(&answer.message))
            },
            Ok(answer) => failed(&job, by(&answer.message)),
            Err(error) => failed(&job, by(&error.to_string())),
        });
    }
    Some(done)
}
