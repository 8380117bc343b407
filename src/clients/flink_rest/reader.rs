//! One look at one job.

use super::answers::{List, Number, Object, Text};
use super::choice::{Listing, choose, listings, sharing};
use super::graph::{Details, JobDocument, PlanDocument, details};
use super::metric_names::encoded;
use super::pass::{Pass, ReadError};
use super::{
    Rest, Settings, checkpoints, configuration, failures, latency, task_managers, vertex_metrics,
};
use crate::snapshot::{Gap, JobKey, JobState, Slots, Snapshot, Vertex, Workload, mark_inputs};
use futures::StreamExt;
use serde::Deserialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// Stamps that differ from the JobManager's clock by more than this make ages doubtful, which is then said.
const CLOCKS_DIFFER_MS: i64 = 300_000;

/// Gaps that are named one by one.
const MOST_GAPS: usize = 500;

/// `/overview`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Overview {
    #[serde(rename = "flink-version")]
    flink_version: Text,
    #[serde(rename = "slots-total")]
    slots_total: Number,
    #[serde(rename = "slots-available")]
    slots_available: Number,
}

/// A metric of a job.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric {
    id: Text,
    value: Number,
}

/// The metrics that are asked for together.
type Metrics = List<Object<Metric>, 100>;

/// Looks at one job. `named` is Flink's id or name of it where a JobManager has several; `now_ms` stamps the snapshot instead of the
/// JobManager's clock. Never fails: whatever is missing is a gap with its reason; an address where nobody answers
/// gives the state `Unreachable`, one that answers 503 (a JobManager that starts or restarts) `Starting`.
pub async fn read_job<R: Rest>(
    rest: &R,
    job: &JobKey,
    named: Option<&str>,
    now_ms: Option<i64>,
    settings: &Settings,
) -> Snapshot {
    let pass = Pass::new(rest, settings.deadline);
    let mut jobs = match listings(&pass).await {
        Ok(jobs) => jobs,
        Err(error) => {
            let state = state_without_answer(&error);
            return without_job(job, now_ms, state, "JobManager", error.to_string());
        }
    };
    // A redeployment between the two requests changes the id: list once more, then believe it.
    for attempt in 0..2 {
        let chosen = match choose(&jobs, named, &job.name) {
            Ok(chosen) => chosen.clone(),
            Err(gap) => {
                return without_job(job, now_ms, JobState::Stopped, &gap.what, gap.reason);
            }
        };
        match job_document(&pass, settings, &chosen).await {
            Ok(document) => {
                let mut seen = snapshot(&pass, job, &chosen, document, now_ms, settings).await;
                let jobs = sharing(&jobs);
                if jobs > 1 && seen.workload == Workload::Streaming {
                    seen.workload = Workload::Shared { jobs };
                }
                return seen;
            }
            Err(error) if error.is_not_found() && attempt == 0 => {
                jobs = match listings(&pass).await {
                    Ok(jobs) => jobs,
                    Err(error) => {
                        let state = state_without_answer(&error);
                        return without_job(job, now_ms, state, "JobManager", error.to_string());
                    }
                };
            }
            Err(error) => {
                let state = if error.is_not_found() {
                    JobState::Starting
                } else {
                    state_without_answer(&error)
                };
                return without_job(job, now_ms, state, "job", error.to_string());
            }
        }
    }
    without_job(
        job,
        now_ms,
        JobState::Starting,
        "job",
        "its id changed while it was read".to_string(),
    )
}

/// A JobManager that starts or restarts answers 503: that is no failure to reach it.
fn state_without_answer(error: &ReadError) -> JobState {
    if error.is_not_ready() {
        JobState::Starting
    } else {
        JobState::Unreachable
    }
}

fn without_job(
    job: &JobKey,
    now_ms: Option<i64>,
    state: JobState,
    what: &str,
    reason: String,
) -> Snapshot {
    let mut snapshot = Snapshot::new(job.clone(), now_ms.unwrap_or_else(wall_clock_ms), state);
    snapshot.gaps.push(Gap::new(what, reason));
    snapshot
}

/// The only use of this machine's clock: to stamp a look that got no time from a JobManager.
fn wall_clock_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

/// The job's details, asked twice where a warm-up is wanted: asking makes Flink fetch metrics.
async fn job_document<R: Rest>(
    pass: &Pass<'_, R>,
    settings: &Settings,
    chosen: &Listing,
) -> Result<Object<JobDocument>, ReadError> {
    let path = format!("/jobs/{}", encoded(&chosen.id));
    let first = pass.read(&path).await?;
    match settings.warm_up.filter(|_| !chosen.has_ended()) {
        Some(wait) => {
            tokio::time::sleep(wait).await;
            pass.read(&path).await
        }
        None => Ok(first),
    }
}

async fn snapshot<R: Rest>(
    pass: &Pass<'_, R>,
    job: &JobKey,
    chosen: &Listing,
    document: Object<JobDocument>,
    now_ms: Option<i64>,
    settings: &Settings,
) -> Snapshot {
    let plan: Option<Object<PlanDocument>> = if document.has_plan() {
        None
    } else {
        pass.read(&format!("/jobs/{}/plan", encoded(&chosen.id)))
            .await
            .ok()
    };
    let too_large = document
        .too_large()
        .or_else(|| plan.as_ref().and_then(|plan| plan.too_large()));
    let Details {
        state,
        word,
        now_ms: flink_now,
        running_since_ms,
        batch,
        vertices,
        finished,
        gaps,
    } = details(&document, plan.as_deref());
    drop(document);
    if let Some(reason) = too_large {
        return without_job(
            job,
            now_ms.or(flink_now),
            JobState::Unreachable,
            "job",
            reason,
        );
    }
    let stamp = now_ms.or(flink_now).unwrap_or_else(wall_clock_ms);
    let mut snapshot = Snapshot::new(job.clone(), stamp, state);
    snapshot.job_id = Some(chosen.id.clone());
    snapshot.running_since_ms = running_since_ms;
    snapshot.gaps = gaps;
    snapshot.workload = match (batch, word.as_str()) {
        (true, _) => Workload::Batch,
        (false, "FINISHED") => Workload::Finished,
        (false, _) => Workload::Streaming,
    };
    snapshot.finished = finished;
    match (now_ms, flink_now) {
        (Some(told), Some(clock)) if told.abs_diff(clock) > CLOCKS_DIFFER_MS.unsigned_abs() => {
            snapshot.gaps.push(Gap::new(
                "clock",
                format!(
                    "the time given differs from the JobManager's clock by {} s: ages are doubtful",
                    told.abs_diff(clock) / 1000
                ),
            ));
        }
        (None, None) => snapshot.gaps.push(Gap::new(
            "clock",
            "the job's details hold no `now`: this machine's clock is used",
        )),
        _ => {}
    }
    if matches!(state, JobState::Stopped | JobState::Failed) {
        snapshot
            .gaps
            .push(Gap::new("job", format!("no job runs: Flink says {word}")));
    }
    read_job_level(pass, &chosen.id, &mut snapshot).await;
    let alive = matches!(state, JobState::Running | JobState::Starting);
    snapshot.vertices = if alive {
        let (vertices, gaps) = read_vertices(
            pass,
            settings,
            &chosen.id,
            vertices,
            latency::are_sent(&snapshot.configuration),
        )
        .await;
        snapshot.gaps.extend(gaps);
        vertices
    } else {
        vertices
    };
    mark_inputs(&mut snapshot.vertices);
    let (task_managers, gaps) = task_managers::task_managers(pass, settings).await;
    snapshot.task_managers = task_managers;
    snapshot.gaps.extend(gaps);
    let gaps = snapshot.gaps.len();
    if gaps > MOST_GAPS {
        snapshot.gaps.truncate(MOST_GAPS);
        snapshot.gaps.push(Gap::new(
            "gaps",
            format!("{} more things are missing", gaps - MOST_GAPS),
        ));
    }
    snapshot
}

/// The documents about the job and the cluster as a whole, side by side.
async fn read_job_level<R: Rest>(pass: &Pass<'_, R>, job_id: &str, snapshot: &mut Snapshot) {
    let restarts_path = format!(
        "/jobs/{}/metrics?get=numRestarts,fullRestarts,numRescales",
        encoded(job_id)
    );
    let (overview, config, restarts, (checkpoints, checkpoint_gaps), (failures, failure_gap)) = futures::join!(
        pass.read::<Object<Overview>>("/overview"),
        pass.read::<configuration::Options>("/jobmanager/config"),
        pass.read::<Metrics>(&restarts_path),
        checkpoints::checkpoints(pass, job_id),
        failures::failures(pass, job_id),
    );
    match overview {
        Ok(overview) => {
            snapshot.flink_version = overview.flink_version.text();
            snapshot.slots = overview
                .slots_total
                .small_count()
                .zip(overview.slots_available.small_count())
                .map(|(total, available)| Slots { total, available });
            if snapshot.slots.is_none() {
                snapshot.gaps.push(Gap::new(
                    "slots",
                    "the overview holds no counts of slots, or negative ones",
                ));
            }
        }
        Err(error) => snapshot
            .gaps
            .push(Gap::new("slots and Flink's version", error.to_string())),
    }
    match config {
        Ok(config) if configuration::is_list_of_options(&config) => {
            snapshot.configuration = configuration::kept(&config);
        }
        Ok(_) => snapshot.gaps.push(Gap::new(
            "configuration",
            "the JobManager's answer is not a list of options",
        )),
        Err(error) => snapshot
            .gaps
            .push(Gap::new("configuration", error.to_string())),
    }
    if let Ok(document) = &restarts {
        snapshot.rescales = job_metric(document, "numRescales");
    }
    match restarts.map(|document| restarts_of(&document)) {
        Ok(Some(restarts)) => snapshot.restarts = Some(restarts),
        Ok(None) => snapshot.gaps.push(Gap::new(
            "restarts",
            "job metric numRestarts is not reported",
        )),
        Err(error) => snapshot.gaps.push(Gap::new("restarts", error.to_string())),
    }
    snapshot.checkpoints = checkpoints;
    snapshot.failures = failures;
    snapshot.gaps.extend(checkpoint_gaps);
    snapshot.gaps.extend(failure_gap);
}

/// `numRestarts`; Flink before 1.12 only had `fullRestarts`.
fn restarts_of(metrics: &Metrics) -> Option<u64> {
    job_metric(metrics, "numRestarts").or_else(|| job_metric(metrics, "fullRestarts"))
}

fn job_metric(metrics: &Metrics, name: &str) -> Option<u64> {
    metrics
        .iter()
        .find(|metric| metric.id.is(name))
        .and_then(|metric| metric.value.count())
}

async fn read_vertices<R: Rest>(
    pass: &Pass<'_, R>,
    settings: &Settings,
    job_id: &str,
    vertices: Vec<Vertex>,
    markers: bool,
) -> (Vec<Vertex>, Vec<Gap>) {
    let read: Vec<(Vertex, Vec<Gap>)> = futures::stream::iter(vertices)
        .map(|vertex| vertex_metrics::measured(pass, settings, job_id, vertex, markers))
        .buffered(settings.concurrency.max(1))
        .collect()
        .await;
    let mut vertices = Vec::with_capacity(read.len());
    let mut gaps = Vec::new();
    for (vertex, missing) in read {
        vertices.push(vertex);
        gaps.extend(missing);
    }
    (vertices, gaps)
}
