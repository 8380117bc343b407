//! What was read of a shard's jobs, before it becomes histories.

use super::answer::Labels;
use super::dialect::{Dialect, as_reported};
use super::grid::{Column, Grid};
use super::signals::{Form, STAT_LABEL, STATS, Scope, Signal};
use crate::snapshot::JobKey;
use std::collections::BTreeMap;

/// The values of one thing: a column for each signal, five for one with statistics.
#[derive(Debug, Clone, Default)]
pub struct Columns(BTreeMap<Signal, [Column; STATS.len()]>);

impl Columns {
    /// The value, or the mean, at a step.
    pub fn at(&self, signal: Signal, index: usize) -> Option<f64> {
        self.0.get(&signal)?[0].at(index)
    }

    /// Mean, smallest, median, 95 % quantile and largest at a step.
    pub fn stats(&self, signal: Signal, index: usize) -> Option<[f64; 5]> {
        let columns = self.0.get(&signal)?;
        let mut stats = [0.0; STATS.len()];
        for (place, column) in stats.iter_mut().zip(columns) {
            *place = column.at(index)?;
        }
        Some(stats)
    }

    /// The last step of a signal.
    pub fn last(&self, signal: Signal) -> Option<usize> {
        self.0.get(&signal)?[0].last()
    }

    fn put(&mut self, signal: Signal, stat: usize, grid: &Grid, values: &[(u32, f32)]) {
        let column = &mut self.0.entry(signal).or_default()[stat];
        for (step, value) in values {
            column.put(grid.len, *step as usize, *value);
        }
    }
}

/// A vertex.
#[derive(Debug, Clone, Default)]
pub struct VertexSeries {
    /// Its name as the reporter writes it, where it runs at the end.
    pub name: Option<String>,
    /// Whether a source's operator is in it.
    pub source: bool,
    /// Partitions that it reads at the end.
    pub partitions: Option<u32>,
    /// Its values.
    pub columns: Columns,
}

/// A job in Flink.
#[derive(Debug, Clone, Default)]
pub struct JobSeries {
    /// Its values.
    pub columns: Columns,
    /// Those of its executions, by job id.
    pub executions: BTreeMap<String, Columns>,
    /// By vertex id.
    pub vertices: BTreeMap<String, VertexSeries>,
}

impl JobSeries {
    /// The last step at which anything was seen.
    pub fn last(&self) -> Option<usize> {
        let executions = self
            .executions
            .values()
            .filter_map(|columns| columns.last(Signal::Age));
        let vertices = self
            .vertices
            .values()
            .filter_map(|vertex| vertex.columns.last(Signal::Parallelism));
        executions.chain(vertices).max()
    }
}

/// A resource: its processes, and its jobs by their names in Flink.
#[derive(Debug, Clone, Default)]
pub struct ResourceSeries {
    /// Of its processes together.
    pub columns: Columns,
    /// By `job_name` as the reporter writes it.
    pub jobs: BTreeMap<String, JobSeries>,
}

/// A resource's name in a store: cluster, namespace, name, as far as it has labels for them.
pub type Place = (String, String, String);

/// All that was read of a shard.
#[derive(Debug, Clone)]
pub struct ShardSeries {
    /// The steps.
    pub grid: Grid,
    /// By place; only those that were asked for.
    pub resources: BTreeMap<Place, ResourceSeries>,
}

/// What the labels of a resource would be.
pub fn place(job: &JobKey, dialect: &Dialect) -> Place {
    let told = |label: &str, value: &str| {
        if label.is_empty() {
            String::new()
        } else {
            value.to_string()
        }
    };
    let name = if dialect.names_jobs_only() {
        as_reported(&job.name)
    } else {
        job.name.clone()
    };
    (
        told(&dialect.cluster, &job.cluster),
        told(&dialect.namespace, &job.namespace),
        name,
    )
}

/// The place that labels name.
pub fn place_of(labels: &Labels, dialect: &Dialect) -> Place {
    let value = |label: &str| labels.get(label).cloned().unwrap_or_default();
    let name = value(dialect.name_label());
    let name = if dialect.names_jobs_only() {
        as_reported(&name)
    } else {
        name
    };
    (value(&dialect.cluster), value(&dialect.namespace), name)
}

impl ShardSeries {
    /// Nothing yet of these jobs.
    pub fn new<'a>(
        grid: Grid,
        jobs: impl IntoIterator<Item = &'a JobKey>,
        dialect: &Dialect,
    ) -> ShardSeries {
        ShardSeries {
            grid,
            resources: jobs
                .into_iter()
                .map(|job| (place(job, dialect), ResourceSeries::default()))
                .collect(),
        }
    }

    /// Puts a series of a signal, as [`Grid::placed`] gives it, where its labels say. One of a resource that was not asked for is left out.
    pub fn put(
        &mut self,
        signal: Signal,
        dialect: &Dialect,
        labels: &Labels,
        values: &[(u32, f32)],
    ) {
        let Some(resource) = self.resources.get_mut(&place_of(labels, dialect)) else {
            return;
        };
        let stat = match signal.form() {
            Form::Stats => {
                let told = labels.get(STAT_LABEL).map_or("", String::as_str);
                match STATS.iter().position(|stat| *stat == told) {
                    Some(stat) => stat,
                    None => return,
                }
            }
            Form::AtEnd | Form::Mean => 0,
        };
        let value = |label: &str| labels.get(label).cloned().unwrap_or_default();
        let grid = self.grid;
        if signal.scope() == Scope::Cluster {
            resource.columns.put(signal, stat, &grid, values);
            return;
        }
        let job = resource
            .jobs
            .entry(as_reported(&value(&dialect.job_name)))
            .or_default();
        let columns = match signal.scope() {
            Scope::Cluster | Scope::Job => &mut job.columns,
            Scope::Execution => job.executions.entry(value(&dialect.job_id)).or_default(),
            Scope::Vertex => {
                &mut job
                    .vertices
                    .entry(value(&dialect.task_id))
                    .or_default()
                    .columns
            }
        };
        columns.put(signal, stat, &grid, values);
    }

    /// The vertex that labels name, where it was asked for.
    pub fn vertex(&mut self, dialect: &Dialect, labels: &Labels) -> Option<&mut VertexSeries> {
        let resource = self.resources.get_mut(&place_of(labels, dialect))?;
        let job = resource
            .jobs
            .get_mut(&as_reported(labels.get(&dialect.job_name)?))?;
        job.vertices.get_mut(labels.get(&dialect.task_id)?)
    }
}
