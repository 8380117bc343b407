//! A Prometheus-compatible store as a history. Jobs are read shard by shard and handed out one by one.

use super::assemble::{Known, at_once, points, stands_still};
use super::dialect::{Choice, Dialect, as_reported};
use super::error::PrometheusError;
use super::fetch::{Fetch, Fetched, Wanted, shared_places};
use super::grid::Grid;
use super::http::Api;
use super::latest::newest;
use super::runner::Runner;
use super::series::{JobSeries, Place, ResourceSeries, place, place_of};
use super::signals::OF_VERTICES;
use super::signals::Signal;
use super::sparse::sparse;
use crate::config::PrometheusConfig;
use crate::ports::{HistoryError, HistoryStore};
use crate::snapshot::{Gap, History, JobKey, JobKind, JobState, Snapshot, Workload};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A job is thought to have so many vertices while the store has not told.
const USUAL_VERTICES: usize = 20;
/// Values of a job's own signals, for each step.
const OF_A_JOB: usize = 60;

/// A history in a Prometheus-compatible store. It is only read: looks are appended elsewhere.
#[derive(Debug)]
pub struct PrometheusHistory {
    api: Api,
    dialect: Dialect,
    config: PrometheusConfig,
    /// All jobs that may be asked for, in order.
    jobs: Vec<JobKey>,
    /// Jobs that would read another one's series, each with that one.
    shared: BTreeMap<JobKey, JobKey>,
    /// Those that will be asked for, in order: a shard is made of them.
    expected: Mutex<Vec<JobKey>>,
    /// Names or ids of jobs in Flink, where a resource runs several.
    flink_jobs: BTreeMap<JobKey, String>,
    shard: Mutex<Option<Shard>>,
    sizes: Mutex<Option<BTreeMap<Place, usize>>>,
    reach_ms: i64,
    runner: Runner,
    /// Who reads now: a shard must not be replaced between being read and being used.
    turn: futures::lock::Mutex<()>,
}

/// The shard that was read last.
#[derive(Debug)]
struct Shard {
    jobs: BTreeSet<JobKey>,
    from_ms: i64,
    to_ms: i64,
    fetched: Fetched,
}

impl PrometheusHistory {
    /// A store as configured, for these jobs; each may have the name or id of its job in Flink. Nothing is asked yet. Files in the
    /// configuration are relative to `folder`.
    ///
    /// # Errors
    /// When a secret or certificate is missing.
    pub fn open(
        config: &PrometheusConfig,
        folder: &Path,
        jobs: impl IntoIterator<Item = (JobKey, Option<String>)>,
    ) -> Result<PrometheusHistory, PrometheusError> {
        let mut keys = Vec::new();
        let mut flink_jobs = BTreeMap::new();
        for (job, flink_job) in jobs {
            if let Some(flink_job) = flink_job {
                flink_jobs.insert(job.clone(), flink_job);
            }
            keys.push(job);
        }
        keys.sort();
        let dialect = Dialect::new(config);
        let shared = shared_places(&keys, &dialect);
        Ok(PrometheusHistory {
            api: Api::new(config, folder)?,
            dialect,
            shared,
            config: config.clone(),
            expected: Mutex::new(keys.clone()),
            jobs: keys,
            flink_jobs,
            shard: Mutex::new(None),
            sizes: Mutex::new(None),
            reach_ms: 0,
            runner: Runner::new().map_err(|error| PrometheusError::Setup(error.to_string()))?,
            turn: futures::lock::Mutex::new(()),
        })
    }

    /// Reads at least so far back (milliseconds) whenever it reads: jobs that are asked for with different begins then still share
    /// their queries.
    pub fn reaching(self, reach_ms: i64) -> PrometheusHistory {
        PrometheusHistory { reach_ms, ..self }
    }

    /// The connection.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The labels.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    fn fetch(&self) -> Fetch<'_> {
        Fetch {
            api: &self.api,
            dialect: &self.dialect,
            config: &self.config,
        }
    }

    fn step_ms(&self) -> i64 {
        i64::try_from(self.config.step.millis()).unwrap_or(600_000)
    }

    /// What waits for answers where nothing else may.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    fn told(&self, error: &PrometheusError) -> HistoryError {
        HistoryError {
            place: self.api.place().to_string(),
            reason: error.to_string(),
        }
    }

    /// The jobs that the store holds at a time, for a fleet that nobody listed: with the cluster's name that the labels or else `cluster`
    /// say. Where a resource runs several jobs, each of them, with its name in Flink.
    ///
    /// # Errors
    /// See [`PrometheusError`].
    pub async fn discover(
        &self,
        cluster: &str,
        at_ms: i64,
    ) -> Result<Vec<(JobKey, Option<String>)>, PrometheusError> {
        let grid = Grid::within(at_ms, at_ms, self.step_ms());
        let sizes = self
            .fetch()
            .sizes(&Choice::everything(), &grid, at_ms)
            .await?;
        let mut by_place: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
        for (labels, _) in &sizes {
            let place = place_of(labels, &self.dialect);
            if place.2.is_empty() {
                continue;
            }
            let name = labels
                .get(&self.dialect.job_name)
                .cloned()
                .unwrap_or_default();
            by_place.entry(place).or_default().insert(name);
        }
        let or = |told: &str, other: &str| {
            if told.is_empty() {
                other.to_string()
            } else {
                told.to_string()
            }
        };
        let mut jobs = Vec::new();
        for ((place_cluster, namespace, name), names) in by_place {
            let several = names.len() > 1;
            for flink_job in names {
                jobs.push((
                    JobKey {
                        cluster: or(&place_cluster, cluster),
                        kind: JobKind::Deployment,
                        namespace: or(&namespace, "default"),
                        name: if several {
                            format!("{name}:{flink_job}")
                        } else {
                            name.clone()
                        },
                    },
                    several.then_some(flink_job),
                ));
            }
        }
        Ok(jobs)
    }

    /// One job's history with what a look over REST told of it: its graph, configuration and memory are not in the store.
    ///
    /// # Errors
    /// When the store can't be read at all. What is missing of one job is a gap in its newest snapshot.
    pub async fn read(
        &self,
        job: &JobKey,
        from_ms: i64,
        to_ms: i64,
        known: Option<&History>,
    ) -> Result<History, HistoryError> {
        let _turn = self.turn.lock().await;
        let known_running = known.and_then(|known| known.latest_running.as_ref());
        let known = known.and_then(|known| known.latest.as_ref());
        // One that restarts just then shows its graph and its TaskManagers all the same.
        let seen = known_running.or_else(|| known.filter(|known| !known.vertices.is_empty()));
        self.load(job, from_ms, to_ms)
            .await
            .map_err(|error| self.told(&error))?;
        let shard = self.shard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shard) = shard.as_ref() else {
            return Ok(History::empty(job.clone()));
        };
        let resolution_ms = i64::try_from(self.config.resolution.millis()).unwrap_or(60_000);
        let history = match self.find(job, shard) {
            Err(gap) => nothing(job, to_ms, known, known_running, gap),
            Ok((_, series))
                if !self.names_execution(job)
                    && at_once(series, &shard.fetched.series.grid).len() > 1 =>
            {
                let ids = at_once(series, &shard.fetched.series.grid);
                let gap = Gap::new(
                    "history",
                    format!(
                        "{} executions run under one name and can't be told apart ({}): give each job a name of its own (pipeline.name), or name a label that tells them apart in history.prometheus.labels",
                        ids.len(),
                        ids.join(", ")
                    ),
                );
                nothing(job, to_ms, known, known_running, gap)
            }
            Ok((resource, series)) => {
                let grid = shard.fetched.series.grid;
                let mut all = points(
                    resource,
                    series,
                    &grid,
                    resolution_ms,
                    Known { running: seen },
                );
                let mut latest = newest(job, series, &all, &grid, seen);
                if let Some(latest) = latest.as_mut().filter(|_| ended(series, &grid)) {
                    latest.state = JobState::Stopped;
                    latest.gaps.push(Gap::new(
                        "job",
                        "its series stand still (its uptime does not grow): nothing runs, and a Pushgateway keeps the last values of a job that has ended; delete its group there",
                    ));
                }
                let jobs = sharing(resource, &grid);
                if let Some(latest) = latest.as_mut().filter(|_| jobs > 1) {
                    latest.workload = Workload::Shared { jobs };
                }
                let ends: Vec<i64> = all.iter().map(|point| point.to_ms).collect();
                if let (Some(latest), Some(gap)) = (&mut latest, sparse(&ends, grid.step_ms)) {
                    latest.gaps.push(gap);
                }
                all.retain(|point| point.from_ms >= from_ms && point.to_ms <= to_ms);
                let mut history = History {
                    job: job.clone(),
                    points: all,
                    latest_running: latest
                        .clone()
                        .filter(|latest| latest.state == JobState::Running),
                    latest,
                };
                if history.latest_running.is_none() {
                    history.latest_running = known_running.cloned();
                }
                // A look that found it stopped or failed after its series ended says how things are.
                if let Some(known) = known.filter(|known| {
                    history
                        .latest
                        .as_ref()
                        .is_none_or(|latest| known.taken_at_ms > latest.taken_at_ms)
                        && known.state != JobState::Running
                }) {
                    history.latest = Some(known.clone());
                }
                history
            }
        };
        Ok(with_gaps(history, job, &shard.fetched))
    }

    /// Whether the job is named by the id of its execution.
    fn names_execution(&self, job: &JobKey) -> bool {
        self.flink_jobs.get(job).is_some_and(|named| {
            named.len() == 32 && named.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    }

    /// The series of a job, or why there are none.
    fn find<'a>(
        &self,
        job: &JobKey,
        shard: &'a Shard,
    ) -> Result<(&'a ResourceSeries, &'a JobSeries), Gap> {
        if !self.flink_jobs.contains_key(job)
            && let Some(other) = self.shared.get(job)
        {
            return Err(Gap::new(
                "history",
                format!(
                    "{job} and {other} read the same series: name the label that tells them apart in history.prometheus.labels (cluster, namespace), or their flink_job"
                ),
            ));
        }
        let wanted = place(&self.asked(job), &self.dialect);
        let found = shard
            .fetched
            .series
            .resources
            .get(&wanted)
            .filter(|resource| !resource.jobs.is_empty());
        let Some(resource) = found else {
            let labels: Vec<String> = self
                .dialect
                .resource()
                .iter()
                .zip(
                    [&wanted.0, &wanted.1, &wanted.2]
                        .into_iter()
                        .filter(|value| !value.is_empty()),
                )
                .map(|(label, value)| format!("{label}={value}"))
                .collect();
            return Err(Gap::new(
                "history",
                format!(
                    "{} holds no series with {}: see `plimsoll check`",
                    self.api.place(),
                    labels.join(", ")
                ),
            ));
        };
        if let Some(named) = self.flink_jobs.get(job) {
            return resource
                .jobs
                .iter()
                .find(|(name, series)| {
                    **name == as_reported(named) || series.executions.contains_key(named)
                })
                .map(|(_, series)| (resource, series))
                .ok_or_else(|| {
                    Gap::new(
                        "history",
                        format!("it holds no job `{named}` of this resource: correct flink_job"),
                    )
                });
        }
        // Of one that was renamed the newest counts; two that run at once must be told apart.
        let end = resource.jobs.values().filter_map(JobSeries::last).max();
        let newest: Vec<(&String, &JobSeries)> = resource
            .jobs
            .iter()
            .filter(|(_, series)| series.last() == end)
            .collect();
        match newest[..] {
            [(_, series)] => Ok((resource, series)),
            _ => Err(Gap::new(
                "history",
                format!(
                    "several jobs run in it: name one of {} as its flink_job",
                    newest
                        .iter()
                        .map(|(name, _)| name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )),
        }
    }

    /// The key whose name is the resource's: jobs that were found in a session cluster carry the job's name behind a colon.
    fn asked(&self, job: &JobKey) -> JobKey {
        match (self.flink_jobs.get(job), job.name.rsplit_once(':')) {
            (Some(flink_job), Some((name, behind))) if behind == flink_job => JobKey {
                name: name.to_string(),
                ..job.clone()
            },
            _ => job.clone(),
        }
    }

    /// Reads the shard that a job belongs to, unless it was the last.
    async fn load(&self, job: &JobKey, from_ms: i64, to_ms: i64) -> Result<(), PrometheusError> {
        let held = self
            .shard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|shard| {
                shard.jobs.contains(job) && shard.from_ms <= from_ms && shard.to_ms >= to_ms
            });
        if held {
            return Ok(());
        }
        let from_ms = from_ms.min(to_ms.saturating_sub(self.reach_ms));
        let grid = Grid::within(from_ms, to_ms, self.step_ms());
        self.measure(&grid, to_ms).await?;
        let wanted = self.shard_of(job, &grid);
        // The last one goes before the next one comes.
        *self.shard.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let asked: Vec<Wanted> = wanted
            .iter()
            .map(|wanted| Wanted {
                job: self.asked(&wanted.job),
                vertices: wanted.vertices,
            })
            .collect();
        let fetched = self.fetch().all(&asked, grid).await?;
        *self.shard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shard {
            jobs: wanted.into_iter().map(|wanted| wanted.job).collect(),
            from_ms,
            to_ms,
            fetched,
        });
        Ok(())
    }

    /// How many vertices each job has, once: it sets how many jobs are read together. A store that can't say costs only precision.
    async fn measure(&self, grid: &Grid, at_ms: i64) -> Result<(), PrometheusError> {
        if self
            .sizes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
        {
            return Ok(());
        }
        let mut sizes = BTreeMap::new();
        match self.fetch().sizes(&Choice::everything(), grid, at_ms).await {
            Ok(all) => {
                for (labels, vertices) in all {
                    *sizes.entry(place_of(&labels, &self.dialect)).or_insert(0) += vertices;
                }
            }
            Err(error) if error.is_final() => return Err(error),
            Err(error) => tracing::info!("how many vertices the jobs have is not known: {error}"),
        }
        *self.sizes.lock().unwrap_or_else(PoisonError::into_inner) = Some(sizes);
        Ok(())
    }

    /// The neighbours of a job that are read with it: as many as fit into what may be held at once.
    fn shard_of(&self, job: &JobKey, grid: &Grid) -> Vec<Wanted> {
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let vertices = |job: &JobKey| {
            let found = sizes
                .as_ref()
                .and_then(|sizes| sizes.get(&place(&self.asked(job), &self.dialect)));
            found.copied().unwrap_or(USUAL_VERTICES)
        };
        let most = (self.config.max_held as usize).max(1);
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let at = expected.partition_point(|other| other < job);
        let mut shard = vec![Wanted {
            job: job.clone(),
            vertices: vertices(job),
        }];
        let values =
            |vertices: usize| (vertices * OF_VERTICES + OF_A_JOB).saturating_mul(grid.len.max(1));
        let mut held = values(shard[0].vertices);
        for next in expected.iter().skip(at).filter(|next| *next != job) {
            let count = vertices(next);
            held = held.saturating_add(values(count));
            if held > most {
                break;
            }
            shard.push(Wanted {
                job: next.clone(),
                vertices: count,
            });
        }
        shard
    }
}

/// How many jobs of a resource go on at the end of what the store holds: with several it is a session cluster.
fn sharing(resource: &ResourceSeries, grid: &Grid) -> u32 {
    let end = resource.jobs.values().filter_map(JobSeries::last).max();
    let goes_on = |series: &&JobSeries| series.last() == end && !ended(series, grid);
    u32::try_from(resource.jobs.values().filter(goes_on).count()).unwrap_or(u32::MAX)
}

/// Whether every execution that the last step tells of has ended.
fn ended(series: &JobSeries, grid: &Grid) -> bool {
    let Some(last) = series.last() else {
        return false;
    };
    let mut told = series
        .executions
        .values()
        .filter(|columns| columns.at(Signal::Age, last).is_some())
        .peekable();
    told.peek().is_some() && told.all(|columns| stands_still(columns, grid, last))
}

/// A job of which the store holds nothing.
fn nothing(
    job: &JobKey,
    to_ms: i64,
    known: Option<&Snapshot>,
    known_running: Option<&Snapshot>,
    gap: Gap,
) -> History {
    let mut latest = known
        .cloned()
        .unwrap_or_else(|| Snapshot::new(job.clone(), to_ms, JobState::Unreachable));
    latest.gaps.push(gap);
    History {
        job: job.clone(),
        points: Vec::new(),
        latest_running: known_running.cloned(),
        latest: Some(latest),
    }
}

/// Adds what could not be read of the shard.
fn with_gaps(mut history: History, job: &JobKey, fetched: &Fetched) -> History {
    let failed = fetched
        .failed
        .iter()
        .filter(|(jobs, _)| {
            jobs.iter()
                .any(|other| other == job || job.name.starts_with(&format!("{}:", other.name)))
        })
        .map(|(_, gap)| gap.clone());
    let warned = fetched
        .warnings
        .iter()
        .map(|warning| Gap::new("history", format!("the store warns: {warning}")));
    let mut gaps: Vec<Gap> = failed.chain(warned).collect();
    gaps.sort();
    gaps.dedup();
    for snapshot in [&mut history.latest, &mut history.latest_running]
        .into_iter()
        .flatten()
    {
        snapshot.gaps.extend(gaps.iter().cloned());
    }
    history
}

impl HistoryStore for PrometheusHistory {
    fn append(&mut self, _snapshot: &Snapshot) -> Result<(), HistoryError> {
        Err(HistoryError {
            place: self.api.place().to_string(),
            reason: "it is only read: looks over REST are kept in history.file".to_string(),
        })
    }

    fn expect(&self, jobs: &[JobKey]) {
        let mut expected = jobs.to_vec();
        expected.sort();
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = expected;
    }

    fn jobs(&self) -> Result<Vec<JobKey>, HistoryError> {
        Ok(self.jobs.clone())
    }

    fn history(&self, job: &JobKey, from_ms: i64, to_ms: i64) -> Result<History, HistoryError> {
        self.runner
            .wait(self.read(job, from_ms, to_ms, None))
            .unwrap_or_else(|error| {
                Err(HistoryError {
                    place: self.api.place().to_string(),
                    reason: error.to_string(),
                })
            })
    }

    fn compact(&mut self, _now_ms: i64) -> Result<(), HistoryError> {
        Ok(())
    }
}
