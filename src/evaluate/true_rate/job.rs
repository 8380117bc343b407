//! All steps in a row, over the recorded passes of one job.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::CollectError;
use super::decision::{self, Cluster, Decision, DecisionError, JobCase};
use super::delay::DelayedScaleDowns;
use super::evaluate::{EvaluateError, Evaluation, evaluate};
use super::input::{RawSample, ScalingHistory, VertexId};
use super::options::Options;
use super::partitions;
use super::sample::History;
use super::topology::Topology;
use super::tracking::{
    RestartRecords, measure_restart, restart_time_s, trim_history, trim_restarts,
};
use super::window::{Window, observe};

/// A job with everything the autoscaler would have seen and remembered of it.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The job graph.
    pub topology: &'a Topology,
    /// The user's Flink configuration.
    pub config: &'a BTreeMap<String, String>,
    /// When the job entered RUNNING, Unix ms.
    pub running_ms: i64,
    /// The passes in time order; the decision is made after the last, at its time.
    pub passes: &'a [RawSample],
    /// Past scalings.
    pub history: &'a ScalingHistory,
    /// Past restarts.
    pub restarts: &'a RestartRecords,
    /// Waiting scale-downs.
    pub delayed: &'a DelayedScaleDowns,
    /// The cluster.
    pub cluster: Cluster<'a>,
}

/// How far the computation came, and what it gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Passes that failed, by time.
    pub failed_passes: Vec<(i64, CollectError)>,
    /// What the last pass left, unless it failed.
    pub collected: Option<CollectedJob>,
    /// The restart time to plan with, s, once there are enough samples.
    pub restart_s: Option<i64>,
    /// Evaluated metrics.
    pub evaluation: Option<Evaluation>,
    /// The decision, once the window is full.
    pub decision: Option<Decision>,
    /// Waiting scale-downs afterwards.
    pub delayed: DelayedScaleDowns,
    /// What ended the computation early.
    pub stop: Option<Stop>,
}

/// What collection leaves behind after the last pass.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectedJob {
    /// Partitions found, by vertex; 0 where none.
    pub partitions: BTreeMap<VertexId, u32>,
    /// Whether the window is full.
    pub fully_collected: bool,
    /// The samples evaluation sees.
    pub samples: History,
    /// Restart records, trimmed, the latest measured if possible.
    pub restarts: RestartRecords,
    /// Past scalings, trimmed.
    pub history: ScalingHistory,
    /// Vertices excluded in this pass.
    pub excluded: BTreeSet<String>,
}

/// What ends a computation before its decision.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Stop {
    /// There was no pass at all.
    #[error("there are no samples; let the job run for a while")]
    NoPass,
    /// The last pass failed.
    #[error("the last pass failed: {0}")]
    Sample(#[source] CollectError),
    /// The window cannot be evaluated.
    #[error("the window cannot be evaluated: {0}")]
    Evaluation(#[source] EvaluateError),
    /// The decision failed.
    #[error("the decision failed: {0}")]
    Decision(#[source] DecisionError),
}

/// What the autoscaler would do.
pub fn run(job: Job<'_>, options: &Options) -> Outcome {
    let mut outcome = Outcome {
        failed_passes: Vec::new(),
        collected: None,
        restart_s: None,
        evaluation: None,
        decision: None,
        delayed: job.delayed.clone(),
        stop: None,
    };
    outcome.stop = stages(job, options, &mut outcome).err();
    outcome
}

fn stages(job: Job<'_>, options: &Options, outcome: &mut Outcome) -> Result<(), Stop> {
    let collected = collect_all(job, options, &mut outcome.failed_passes)?;
    let now_ms = job.passes.last().map_or(0, |pass| pass.at_ms);
    let collected = &*outcome.collected.insert(collected);
    let samples = collected.samples.len();
    if samples < 2 {
        return Err(Stop::Evaluation(EvaluateError::TooFewSamples { samples }));
    }
    let restart_s = restart_time_s(&collected.restarts, options);
    outcome.restart_s = Some(restart_s);
    let evaluation = evaluate(
        &collected.samples,
        job.topology,
        &collected.partitions,
        restart_s,
        options,
    );
    let evaluation = &*outcome
        .evaluation
        .insert(evaluation.map_err(Stop::Evaluation)?);
    if !collected.fully_collected {
        return Ok(());
    }
    let case = JobCase {
        topology: job.topology,
        evaluation,
        excluded: &collected.excluded,
        history: &collected.history,
        restart_s,
        now_ms,
        config: job.config,
        cluster: job.cluster,
    };
    let decision = decision::decide(case, &mut outcome.delayed, options);
    outcome.decision = Some(decision.map_err(Stop::Decision)?);
    Ok(())
}

/// Runs all passes and gives what is there after the last.
pub fn collect_all(
    job: Job<'_>,
    options: &Options,
    failed: &mut Vec<(i64, CollectError)>,
) -> Result<CollectedJob, Stop> {
    let mut window = Window::default();
    let mut last = Err(Stop::NoPass);
    for pass in job.passes {
        last = observe(&mut window, pass, job.running_ms, job.topology, options)
            .inspect_err(|error| failed.push((pass.at_ms, error.clone())))
            .map_err(Stop::Sample);
    }
    let pass = last?;
    let now_ms = job.passes.last().map_or(0, |pass| pass.at_ms);
    let history = trim_history(job.history, job.topology, options, now_ms);
    let mut restarts = trim_restarts(job.restarts, options, now_ms);
    measure_restart(&mut restarts, &history, job.topology, job.running_ms);
    Ok(CollectedJob {
        partitions: partitions_of(job, options),
        fully_collected: pass.fully_collected,
        samples: window.into_evaluated(&pass, options),
        restarts,
        history,
        excluded: pass.excluded,
    })
}

/// Partitions of each vertex by the names of the last pass; only sources are asked.
fn partitions_of(job: Job<'_>, options: &Options) -> BTreeMap<VertexId, u32> {
    let latest = job.passes.last();
    let each = job.topology.vertices().map(|vertex| {
        let raw = latest.and_then(|pass| pass.vertices.get(&vertex.id));
        let raw = raw.filter(|_| vertex.inputs.is_empty());
        let names = raw.into_iter().flat_map(|raw| {
            let names = raw.metrics.keys().chain(&raw.further_names);
            names.map(String::as_str)
        });
        (vertex.id, partitions::count(names, options.profile))
    });
    each.collect()
}
