//! Signals of a shard's jobs, asked for in pieces that the store's limits allow.

use super::answer::Labels;
use super::dialect::{Choice, Dialect};
use super::error::PrometheusError;
use super::grid::Grid;
use super::http::Api;
use super::queries::Asking;
use super::series::{Place, ShardSeries, place};
use super::signals::{ALL, Form, STATS, Scope, Signal};
use crate::config::PrometheusConfig;
use crate::snapshot::{Gap, JobKey};
use futures::StreamExt;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// How often a query that asks for too much is halved: a store that always says so is asked 256 times for a piece at most.
const MOST_HALVINGS: u32 = 8;
/// A shard is read within so many times the time for one query.
const PATIENCE: u32 = 10;

/// A job with how many vertices it is thought to have.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The job.
    pub job: JobKey,
    /// Its vertices.
    pub vertices: usize,
}

/// What was read, and what was not.
#[derive(Debug)]
pub struct Fetched {
    /// The values.
    pub series: ShardSeries,
    /// Signals that could not be read, of which jobs.
    pub failed: Vec<(Vec<JobKey>, Gap)>,
    /// The store's warnings: with each a part may be missing.
    pub warnings: BTreeSet<String>,
}

/// One request to be made.
#[derive(Debug, Clone)]
struct Piece {
    signal: Signal,
    jobs: std::ops::Range<usize>,
    steps: std::ops::Range<usize>,
    /// How often it was halved.
    halved: u32,
}

/// What came of a piece.
enum Came {
    Values(Vec<(Labels, Vec<(u32, f32)>)>, Vec<String>),
    TooMuch(PrometheusError),
    Nothing(PrometheusError),
}

/// How a store is asked.
#[derive(Debug)]
pub struct Fetch<'a> {
    /// The store.
    pub api: &'a Api,
    /// Its labels.
    pub dialect: &'a Dialect,
    /// Limits.
    pub config: &'a PrometheusConfig,
}

impl Fetch<'_> {
    /// Every signal of these jobs at these steps.
    ///
    /// # Errors
    /// When nothing can be read at all: nobody answers, we are refused, or the first query fails for another reason than its size.
    /// A later query that fails is a gap of its jobs.
    pub async fn all(&self, wanted: &[Wanted], grid: Grid) -> Result<Fetched, PrometheusError> {
        let patience = self.config.timeout.to_std().saturating_mul(PATIENCE);
        tokio::time::timeout(patience, self.all_in_time(wanted, grid))
            .await
            .unwrap_or_else(|_| {
                Err(PrometheusError::TimedOut {
                    url: self.api.place().to_string(),
                    seconds: patience.as_secs_f64(),
                })
            })
    }

    async fn all_in_time(&self, wanted: &[Wanted], grid: Grid) -> Result<Fetched, PrometheusError> {
        let mut fetched = Fetched {
            series: ShardSeries::new(grid, wanted.iter().map(|wanted| &wanted.job), self.dialect),
            failed: Vec::new(),
            warnings: BTreeSet::new(),
        };
        if wanted.is_empty() || grid.len == 0 {
            return Ok(fetched);
        }
        let (first, rest) = ALL
            .split_first()
            .map_or((Signal::Age, &[][..]), |(first, rest)| (*first, rest));
        // One alone at first: where nobody answers, the others need not be tried.
        self.pieces(
            self.cut(first, wanted, &grid),
            wanted,
            &grid,
            &mut fetched,
            true,
        )
        .await?;
        let pieces = rest
            .iter()
            .filter(|signal| self.is_asked(**signal))
            .flat_map(|signal| self.cut(*signal, wanted, &grid))
            .collect();
        self.pieces(pieces, wanted, &grid, &mut fetched, false)
            .await?;
        self.at_the_end(wanted, &grid, &mut fetched).await?;
        Ok(fetched)
    }

    /// Pods can be told apart by namespace only.
    fn is_asked(&self, signal: Signal) -> bool {
        let of_pods = matches!(
            signal,
            Signal::CpuRequested
                | Signal::MemoryRequested
                | Signal::ContainerUsed
                | Signal::ContainerLimit
        );
        !of_pods || !self.dialect.namespace.is_empty()
    }

    /// The pieces of a signal by what is known of the jobs.
    fn cut(&self, signal: Signal, wanted: &[Wanted], grid: &Grid) -> Vec<Piece> {
        let stats = if signal.form() == Form::Stats {
            STATS.len()
        } else {
            1
        };
        let series_of = |wanted: &Wanted| match signal.scope() {
            Scope::Vertex => wanted.vertices.max(1),
            _ => stats,
        };
        let most_series = (self.config.max_series as usize).max(1);
        let most_values = (self.config.max_values as usize).max(1);
        let mut pieces = Vec::new();
        let mut begin = 0;
        while begin < wanted.len() {
            let mut series = 0;
            let mut end = begin;
            while end < wanted.len() {
                let more = series + series_of(&wanted[end]);
                let fits = more <= most_series
                    && more.saturating_mul(grid.len.min(self.config.max_points as usize))
                        <= most_values;
                if end > begin && !fits {
                    break;
                }
                series = more;
                end += 1;
            }
            let steps =
                (most_values / series.max(1)).clamp(1, (self.config.max_points as usize).max(1));
            let mut from = 0;
            while from < grid.len {
                let to = grid.len.min(from + steps);
                pieces.push(Piece {
                    signal,
                    jobs: begin..end,
                    steps: from..to,
                    halved: 0,
                });
                from = to;
            }
            begin = end;
        }
        pieces
    }

    async fn pieces(
        &self,
        mut pieces: Vec<Piece>,
        wanted: &[Wanted],
        grid: &Grid,
        fetched: &mut Fetched,
        needed: bool,
    ) -> Result<(), PrometheusError> {
        while !pieces.is_empty() {
            let mut smaller = Vec::new();
            let mut asked = futures::stream::iter(pieces.into_iter().map(|piece| async move {
                let came = self.ask(&piece, wanted, grid).await;
                (piece, came)
            }))
            .buffer_unordered(self.config.concurrency.max(1) as usize);
            while let Some((piece, came)) = asked.next().await {
                match came {
                    Came::Values(all, warnings) => {
                        for (labels, values) in all {
                            fetched
                                .series
                                .put(piece.signal, self.dialect, &labels, &values);
                        }
                        fetched.warnings.extend(warnings);
                    }
                    Came::TooMuch(error) => match halves(&piece) {
                        Some(halves) => smaller.extend(halves),
                        None => fetched.failed.push(failed(&piece, wanted, &error)),
                    },
                    Came::Nothing(error) if needed || error.is_final() => return Err(error),
                    Came::Nothing(error) => fetched.failed.push(failed(&piece, wanted, &error)),
                }
            }
            drop(asked);
            pieces = smaller;
        }
        Ok(())
    }

    async fn ask(&self, piece: &Piece, wanted: &[Wanted], grid: &Grid) -> Came {
        let jobs = Choice::of(
            wanted[piece.jobs.clone()].iter().map(|wanted| &wanted.job),
            self.dialect,
        );
        let asking = self.asking(&jobs, grid);
        let times = (
            grid.end_ms(piece.steps.start),
            grid.end_ms(piece.steps.end.saturating_sub(1)),
            grid.step_ms,
        );
        // Kept aside until the whole answer was read: half an answer is none.
        let mut all = Vec::new();
        let answer = self
            .api
            .query_range(&asking.query(piece.signal), times, &mut |labels, values| {
                all.push((labels.clone(), grid.placed(values)));
            })
            .await;
        match answer {
            Ok(outcome) => {
                for info in &outcome.infos {
                    tracing::debug!("{}: {info}", piece.signal.name());
                }
                Came::Values(all, outcome.warnings)
            }
            Err(error) if error.asks_too_much() => Came::TooMuch(error),
            Err(error) => Came::Nothing(error),
        }
    }

    fn asking<'a>(&'a self, jobs: &'a Choice, grid: &Grid) -> Asking<'a> {
        Asking {
            dialect: self.dialect,
            jobs,
            step_ms: grid.step_ms,
            resolution_ms: i64::try_from(self.config.resolution.millis()).unwrap_or(60_000),
        }
    }

    /// Names, sources and partitions, as they are at the end.
    async fn at_the_end(
        &self,
        wanted: &[Wanted],
        grid: &Grid,
        fetched: &mut Fetched,
    ) -> Result<(), PrometheusError> {
        let at_ms = grid.end_ms(grid.len.saturating_sub(1));
        for piece in self.cut(Signal::Parallelism, wanted, &Grid { len: 1, ..*grid }) {
            let jobs = Choice::of(
                wanted[piece.jobs.clone()].iter().map(|wanted| &wanted.job),
                self.dialect,
            );
            let asking = self.asking(&jobs, grid);
            let queries = [
                (asking.vertex_names(), "names of vertices"),
                (asking.source_vertices(), "sources"),
                (asking.partitions(), "partitions"),
            ];
            for (query, what) in queries {
                let mut all = Vec::new();
                let answer = self
                    .api
                    .query(&query, at_ms, &mut |labels, values| {
                        all.push((
                            labels.clone(),
                            values.last().map_or(0.0, |(_, value)| *value),
                        ));
                    })
                    .await;
                match answer {
                    Ok(outcome) => fetched.warnings.extend(outcome.warnings),
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => {
                        let jobs = wanted[piece.jobs.clone()]
                            .iter()
                            .map(|wanted| wanted.job.clone());
                        fetched
                            .failed
                            .push((jobs.collect(), Gap::new(what, error.to_string())));
                        continue;
                    }
                }
                for (labels, value) in all {
                    let Some(vertex) = fetched.series.vertex(self.dialect, &labels) else {
                        continue;
                    };
                    match what {
                        "sources" => vertex.source = true,
                        "partitions" if value >= 1.0 => vertex.partitions = Some(value as u32),
                        "names of vertices" => {
                            vertex.name = labels.get(&self.dialect.task_name).cloned()
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// How many vertices each job of the store has at a time, by place and job name.
    ///
    /// # Errors
    /// See [`PrometheusError`].
    pub async fn sizes(
        &self,
        jobs: &Choice,
        grid: &Grid,
        at_ms: i64,
    ) -> Result<Vec<(Labels, usize)>, PrometheusError> {
        let mut sizes = Vec::new();
        let query = self.asking(jobs, grid).vertices_of_jobs();
        self.api
            .query(&query, at_ms, &mut |labels, values| {
                let count = values.last().map_or(0.0, |(_, value)| *value);
                sizes.push((
                    labels.clone(),
                    if count.is_finite() { count as usize } else { 0 },
                ));
            })
            .await?;
        Ok(sizes)
    }
}

/// Two smaller pieces: by jobs while there are several, then by time.
fn halves(piece: &Piece) -> Option<[Piece; 2]> {
    let middle = |range: &std::ops::Range<usize>| range.start + range.len() / 2;
    if piece.halved >= MOST_HALVINGS {
        return None;
    }
    let with = |jobs, steps| Piece {
        signal: piece.signal,
        jobs,
        steps,
        halved: piece.halved + 1,
    };
    if piece.jobs.len() > 1 {
        let at = middle(&piece.jobs);
        return Some([
            with(piece.jobs.start..at, piece.steps.clone()),
            with(at..piece.jobs.end, piece.steps.clone()),
        ]);
    }
    (piece.steps.len() > 1).then(|| {
        let at = middle(&piece.steps);
        [
            with(piece.jobs.clone(), piece.steps.start..at),
            with(piece.jobs.clone(), at..piece.steps.end),
        ]
    })
}

fn failed(piece: &Piece, wanted: &[Wanted], error: &PrometheusError) -> (Vec<JobKey>, Gap) {
    let jobs = wanted[piece.jobs.clone()]
        .iter()
        .map(|wanted| wanted.job.clone())
        .collect();
    (jobs, Gap::new(piece.signal.name(), error.to_string()))
}

/// Jobs that would read the same series as another one, each with that one: two clusters in a store without a label for them.
pub fn shared_places(jobs: &[JobKey], dialect: &Dialect) -> BTreeMap<JobKey, JobKey> {
    let mut first: BTreeMap<Place, &JobKey> = BTreeMap::new();
    let mut shared = BTreeMap::new();
    for job in jobs {
        match first.entry(place(job, dialect)) {
            Entry::Vacant(free) => {
                free.insert(job);
            }
            Entry::Occupied(taken) => {
                let other = *taken.get();
                shared.insert(job.clone(), other.clone());
                shared.insert(other.clone(), job.clone());
            }
        }
    }
    shared
}
