//! Plug-ins at work: which there are, what collectors add, what evaluators say, what a realizer did.

use super::Failure;
use super::propose::Proposed;
use super::world::World;
use crate::clients::plugin::{ExecPlugin, Program};
use crate::config::{Config, PluginConfig, PluginKind};
use crate::evaluate::plugin::{CollectAsk, CollectRequest, EvaluateRequest, PROTOCOL, Told};
use crate::evaluate::{capacities, demand};
use crate::flink::deployment::Deployment;
use crate::manifest::Catalog;
use crate::plan::{Plan, RealizeOutcome, RealizeRequest};
use crate::ports::{HistoryStore, Plugins};
use crate::snapshot::{Gap, History, JobKey, JobState, Snapshot};
use camino::Utf8Path;
use futures::StreamExt;
use std::sync::Arc;

/// Jobs about which plug-ins are asked at once.
const AT_ONCE: usize = 8;
/// The annotation that names a job's own evaluator.
const ANNOTATION: &str = "plimsoll.dev/evaluator";

/// The configured plug-ins; a name that is used and configured nowhere is an error.
pub fn assemble(config: &Config, folder: &Utf8Path) -> Result<Plugins, Failure> {
    let mut plugins = Plugins::default();
    for (name, configured) in &config.plugins {
        let plugin = Arc::new(ExecPlugin::new(program(name, configured, folder)));
        match configured.kind {
            PluginKind::Collector => drop(plugins.collectors.insert(name.clone(), plugin)),
            PluginKind::Evaluator => drop(plugins.evaluators.insert(name.clone(), plugin)),
            PluginKind::Realizer => drop(plugins.realizers.insert(name.clone(), plugin)),
        }
    }
    let used = config.collectors.iter().chain(&config.evaluators);
    for name in used.chain(&config.realizer) {
        if !config.plugins.contains_key(name) {
            return Err(Failure::Usage(format!(
                "plug-in `{name}` is used and not configured: add plugins.{name} with kind and exec"
            )));
        }
    }
    Ok(plugins)
}

fn program(name: &str, plugin: &PluginConfig, folder: &Utf8Path) -> Program {
    let folder = if folder.as_str().is_empty() {
        Utf8Path::new(".")
    } else {
        folder
    };
    let mut exec = plugin.exec.iter().cloned();
    let first = exec.next().unwrap_or_default();
    // A relative path is looked up before the folder changes.
    let path = if first.contains('/') {
        let joined = folder.join(&first);
        joined
            .canonicalize()
            .unwrap_or_else(|_| joined.into_std_path_buf())
    } else {
        first.into()
    };
    let mut environment = vec![(
        "PATH".to_string(),
        std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_string()),
    )];
    environment.extend(
        plugin
            .env
            .iter()
            .filter_map(|entry| match entry.split_once('=') {
                Some((name, value)) => Some((name.to_string(), value.to_string())),
                None => Some((entry.clone(), std::env::var(entry).ok()?)),
            }),
    );
    Program {
        name: name.to_string(),
        program: path,
        arguments: exec.collect(),
        folder: folder.as_std_path().to_path_buf(),
        environment,
        timeout: plugin.timeout.to_std(),
        max_output: plugin.max_output.bytes(),
    }
}

/// Asks the collectors about each job that was seen running; what fails is a gap of that job.
pub async fn collect(world: &World, snapshots: &mut [Snapshot]) {
    if world.config.collectors.is_empty() {
        return;
    }
    futures::stream::iter(snapshots.iter_mut())
        .for_each_concurrent(AT_ONCE, |snapshot| async move {
            if snapshot.state != JobState::Running {
                return;
            }
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
                        let gaps = answer.add_to(name, &mut snapshot.external);
                        snapshot.gaps.extend(gaps);
                    }
                    Err(error) => snapshot
                        .gaps
                        .push(Gap::new(format!("collector {name}"), error.to_string())),
                }
            }
        })
        .await;
}

/// Asks the evaluators about each job, and keeps what they said for the settings of that job.
pub async fn ask(
    world: &World,
    store: &impl HistoryStore,
    catalog: &Catalog<'_>,
    jobs: &[JobKey],
) -> Result<(), Failure> {
    if world.plugins.evaluators.is_empty() {
        return Ok(());
    }
    for lot in jobs.chunks(AT_ONCE) {
        let mut asked = Vec::new();
        for job in lot {
            let names = names(world, catalog, job);
            if !names.is_empty() {
                asked.push((job, names, super::planning::history(world, store, job)?));
            }
        }
        let answers = asked
            .into_iter()
            .map(|(job, names, history)| async move { (job, tell(world, &names, history).await) });
        for (job, told) in futures::future::join_all(answers).await {
            world.keep_told(job, told);
        }
    }
    Ok(())
}

/// The evaluators of a job: its own by annotation, else those of the fleet.
fn names(world: &World, catalog: &Catalog<'_>, job: &JobKey) -> Vec<String> {
    let located = super::planning::locate(world, catalog, job).ok();
    let own = located
        .and_then(|located| Deployment::from_value(&located.value).ok())
        .and_then(|deployment| deployment.annotations.get(ANNOTATION).cloned())
        .map(|name| name.trim().to_string())
        .filter(|name| !name.is_empty());
    own.map_or_else(|| world.config.evaluators.clone(), |name| vec![name])
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
            told.failed(
                &name.chars().take(64).collect::<String>(),
                format!("{ANNOTATION} names it, and the configuration has no such evaluator"),
            );
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

/// Lets the configured realizer carry out what would be proposed; absent where none is configured.
pub async fn realize(world: &World, plan: &Plan) -> Option<Vec<Proposed>> {
    let name = world.config.realizer.as_ref()?;
    let realizer = world.plugins.realizers.get(name)?;
    let mut done = Vec::new();
    for (item, change) in plan.proposals() {
        let request = RealizeRequest::new(name, world.now_ms(), change);
        let (what, said) = match realizer.realize(&request).await {
            Ok(answer) if answer.outcome == RealizeOutcome::Done => ("realized", answer.message),
            Ok(answer) => ("failed", answer.message),
            Err(error) => ("failed", error.to_string()),
        };
        let said: String = said.chars().take(300).collect();
        done.push(Proposed {
            job: item.job.to_string(),
            done: what,
            what: format!("{} by plug-in {name}: {said}", item.job.short()),
            url: None,
            title: None,
        });
    }
    Some(done)
}
