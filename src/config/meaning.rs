//! What a configuration says that makes no sense together, though each value is one that may be written.

use super::access::{wrong_proxy, wrong_tls};
use super::{Config, kubernetes, plugins};
use crate::quantity::{FlinkDuration, without_secrets};
use crate::snapshot::{JobKey, JobKind};
use std::collections::BTreeSet;

/// What makes no sense, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The value that is to be mended, as a path: `plan.group`, `clusters[0].jobs[2].rest`.
    pub(super) path: String,
    /// What is wrong and what to do.
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn at(path: impl Into<String>, message: impl Into<String>) -> Wrong {
        Wrong {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// The first thing that makes no sense.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    clusters(config)?;
    let all = wrong_tls(&config.tls, "tls").map(|wrong| Wrong::at("tls", wrong));
    let proxy =
        || wrong_proxy(config.proxy.as_deref(), "proxy").map(|wrong| Wrong::at("proxy", wrong));
    if let Some(wrong) = all.or_else(proxy) {
        return Err(wrong);
    }
    let store = config.history.prometheus.as_ref();
    if let Some(wrong) = store.and_then(|store| store.wrong()) {
        return Err(Wrong::at("history.prometheus", wrong));
    }
    let any = JobKey {
        cluster: "any".to_string(),
        kind: JobKind::Deployment,
        namespace: "any".to_string(),
        name: "any".to_string(),
    };
    let mappings = &config.repository.values;
    for (at, mapping) in mappings.iter().enumerate() {
        let path = format!("repository.values[{at}]");
        if let Err(message) = mapping.layers_of(&any) {
            return Err(Wrong::at(path, message));
        }
        let clash = || {
            let mut others = mappings[..at].iter();
            others.find_map(|other| other.clashes(mapping))
        };
        if let Some(message) = mapping.wrong().or_else(clash) {
            return Err(Wrong::at(path, message));
        }
    }
    if let Some(reason) = config.forge.github.refuse() {
        return Err(Wrong::at("forge.github", reason));
    }
    plugins::check(config).map_err(|message| Wrong::at("plugins", message))?;
    thresholds(config)?;
    times(config)
}

fn clusters(config: &Config) -> Result<(), Wrong> {
    let mut clusters = BTreeSet::new();
    for (at, cluster) in config.clusters.iter().enumerate() {
        let own = format!("clusters[{at}]");
        let refuse = |path: &str, message: String| Err(Wrong::at(format!("{own}{path}"), message));
        if cluster.name.is_empty() || cluster.name.contains('/') {
            let name = &cluster.name;
            let message = format!("cluster `{name}`: a cluster's name is not empty and has no `/`");
            return refuse(".name", message);
        }
        if !clusters.insert(&cluster.name) {
            let message = format!(
                "cluster `{}` is listed twice: give one of them another name",
                cluster.name
            );
            return refuse(".name", message);
        }
        if let Some(wrong) = cluster
            .access
            .as_ref()
            .and_then(|access| access.wrong("access"))
        {
            return refuse(".access", wrong);
        }
        kubernetes::check(cluster).or_else(|message| refuse("", message))?;
        let mut jobs = BTreeSet::new();
        for (at, job) in cluster.jobs.iter().enumerate() {
            let own = format!(".jobs[{at}]");
            let plain = |name: &str| !name.is_empty() && !name.contains('/');
            if !plain(&job.namespace) || !plain(&job.name) {
                let message = format!(
                    "cluster `{}`: a job needs a namespace and a name without `/`",
                    cluster.name
                );
                return refuse(&own, message);
            }
            if !jobs.insert((job.kind, &job.namespace, &job.name)) {
                let message = format!(
                    "cluster `{}` lists job {}/{} twice: take one of the entries out",
                    cluster.name, job.namespace, job.name
                );
                return refuse(&own, message);
            }
            if !cluster.is_kubernetes() && url::Url::parse(&job.rest).is_err() {
                let message = format!(
                    "job {}/{}: `rest: {}` is not a URL; write for example http://host:8081",
                    job.namespace,
                    job.name,
                    without_secrets(&job.rest)
                );
                return refuse(&format!("{own}.rest"), message);
            }
            if let Some(wrong) = job
                .access
                .as_ref()
                .and_then(|access| access.wrong("access"))
            {
                return refuse(&format!("{own}.access"), wrong);
            }
        }
    }
    Ok(())
}

/// Lower thresholds are below the upper ones: else both verdicts hold at once, or one never does.
fn thresholds(config: &Config) -> Result<(), Wrong> {
    let classify = &config.classify;
    let recommend = &config.recommend;
    let pairs = [
        (
            "classify",
            "cpu_low",
            classify.cpu_low,
            "cpu_high",
            classify.cpu_high,
        ),
        (
            "classify",
            "heap_low",
            classify.heap_low,
            "heap_high",
            classify.heap_high,
        ),
        (
            "classify",
            "backpressure_low",
            classify.backpressure_low,
            "backpressure_high",
            classify.backpressure_high,
        ),
        (
            "classify",
            "waiting",
            classify.waiting,
            "computing",
            classify.computing,
        ),
        (
            "recommend",
            "min_cpu_millis",
            recommend.min_cpu_millis as f64,
            "max_cpu_millis",
            recommend.max_cpu_millis as f64,
        ),
    ];
    for (section, low, lower, high, upper) in pairs {
        if lower >= upper {
            let message = format!(
                "{section}.{low} is {lower} and {section}.{high} is {upper}: write a {low} below {high}"
            );
            return Err(Wrong::at(format!("{section}.{low}"), message));
        }
    }
    Ok(())
}

/// Times that must fit together.
fn times(config: &Config) -> Result<(), Wrong> {
    let history = &config.history;
    let not_shorter = |key: &str, one: &FlinkDuration, than: &str, other: &FlinkDuration| {
        if one < other {
            let message = format!(
                "{key} ({one}) is shorter than {than} ({other}): no decision could ever be made"
            );
            return Err(Wrong::at(key, message));
        }
        Ok(())
    };
    let (minimum, window) = (&history.minimum, &history.window);
    not_shorter("history.window", window, "history.minimum", minimum)?;
    not_shorter(
        "history.retention",
        &history.retention,
        "history.minimum",
        minimum,
    )?;
    // A store has its own rhythm; a history file has that of the runs.
    let step = history
        .prometheus
        .as_ref()
        .map(|store| ("history.prometheus.step", &store.step));
    let every = config
        .schedule
        .every
        .as_ref()
        .map(|every| ("schedule.every", every));
    let Some((key, interval)) = step.or(every) else {
        return Ok(());
    };
    let windows = [
        ("history.minimum", Some(minimum)),
        ("history.window", Some(window)),
        ("watch.window", Some(&config.watch.window)),
        ("watch.window_weekend", config.watch.window_weekend.as_ref()),
    ];
    for (name, window) in windows {
        let Some(window) = window else { continue };
        if window.millis() < interval.millis().saturating_mul(2) {
            let least = FlinkDuration::from_millis(interval.millis().saturating_mul(2));
            let message = format!(
                "{name} ({window}) is shorter than two intervals of observation ({key} is {interval}): write {least} or more"
            );
            return Err(Wrong::at(name, message));
        }
    }
    Ok(())
}
