//! What a store holds of Flink, for `check` and `try`.

use super::dialect::{Choice, Dialect, as_reported};
use super::error::PrometheusError;
use super::grid::Grid;
use super::http::Api;
use super::queries::COUNTED;
use super::series::Place;
use super::signals::{ALL, Signal};
use crate::config::LabelPreset;
use std::collections::BTreeSet;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probe {
    /// Names of Flink's metrics, without the prefix.
    pub metrics: BTreeSet<String>,
    /// Labels that tasks' metrics have.
    pub labels: BTreeSet<String>,
    /// What stands in front of Flink's names where nothing begins with the prefix that was looked for.
    pub elsewhere: BTreeSet<String>,
    /// The oldest time looked at that has a job, Unix milliseconds; to the precision of a fiftieth of the time looked at.
    pub oldest_ms: Option<i64>,
    /// The newest such time.
    pub newest_ms: Option<i64>,
}

/// A metric that every running job has: what stands in front of it is the prefix.
const MARK: &str = "jobmanager_job_uptime";
/// Signals without which jobs are not judged, and what is lost without the others is only precision.
const NEEDED: [Signal; 16] = [
    Signal::Age,
    Signal::Restarts,
    Signal::CheckpointsCompleted,
    Signal::CheckpointsFailed,
    Signal::CheckpointDuration,
    Signal::StateBytes,
    Signal::SlotsTotal,
    Signal::CpuCores,
    Signal::HeapUsed,
    Signal::HeapMax,
    Signal::ManagedUsed,
    Signal::GcShare,
    Signal::BusyMax,
    Signal::Backpressured,
    Signal::RecordsIn,
    Signal::RecordsOut,
];

impl Probe {
    /// Four queries, whatever the fleet's size.
    ///
    /// # Errors
    /// See [`PrometheusError`].
    pub async fn of(
        api: &Api,
        prefix: &str,
        matchers: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Probe, PrometheusError> {
        let matchers = matchers.trim();
        let and = if matchers.is_empty() {
            String::new()
        } else {
            format!(",{matchers}")
        };
        let recent_ms = to_ms.saturating_sub(3_600_000).max(from_ms);
        let all = format!("{{__name__=~\"{prefix}(jobmanager|taskmanager)_.+\"{and}}}");
        let metrics = api.names(Some("__name__"), &all, recent_ms, to_ms).await?;
        let elsewhere = if metrics.is_empty() {
            let any = format!("{{__name__=~\"(?:.+_)?{MARK}\"{and}}}");
            api.names(Some("__name__"), &any, recent_ms, to_ms)
                .await?
                .into_iter()
                .filter_map(|name| Some(name.strip_suffix(MARK)?.to_string()))
                .collect()
        } else {
            BTreeSet::new()
        };
        let tasks = format!("{{__name__=~\"{prefix}taskmanager_job_task_.+\"{and}}}");
        let labels = api.names(None, &tasks, recent_ms, to_ms).await?;
        let grid = Grid::within(from_ms, to_ms, ((to_ms - from_ms) / 50).max(1_000));
        let mut seen: BTreeSet<i64> = BTreeSet::new();
        if grid.len > 0 {
            let times = (grid.first_ms, grid.end_ms(grid.len - 1), grid.step_ms);
            let query = format!(
                "count({prefix}taskmanager_job_task_busyTimeMsPerSecond{{{matchers}}}) # plimsoll: reach"
            );
            api.query_range(&query, times, &mut |_, values| {
                seen.extend(
                    values
                        .iter()
                        .map(|(time, _)| (time * 1000.0).round() as i64),
                );
            })
            .await?;
        }
        Ok(Probe {
            metrics: metrics
                .into_iter()
                .filter_map(|name| {
                    let name = name.strip_prefix(prefix)?;
                    // OpenTelemetry's exporters put `_total` behind counters: both are read.
                    Some(name.strip_suffix(COUNTED).unwrap_or(name).to_string())
                })
                .collect(),
            elsewhere,
            labels: labels.into_iter().collect(),
            oldest_ms: seen.first().copied(),
            newest_ms: seen.last().copied(),
        })
    }

    /// Metrics that are needed and not there, each with what it is needed for.
    pub fn missing(&self) -> Vec<(&'static str, Signal)> {
        NEEDED
            .into_iter()
            .filter_map(|signal| {
                let wanted = signal.metrics();
                let there = wanted.iter().any(|metric| self.metrics.contains(*metric));
                (!there).then(|| (wanted.last().copied().unwrap_or_default(), signal))
            })
            .collect()
    }

    /// Signals that are not there and only cost precision.
    pub fn lesser(&self) -> Vec<Signal> {
        ALL.into_iter()
            .filter(|signal| {
                !NEEDED.contains(signal)
                    && !matches!(
                        signal,
                        Signal::CpuRequested
                            | Signal::MemoryRequested
                            | Signal::ContainerUsed
                            | Signal::ContainerLimit
                    )
            })
            .filter(|signal| {
                !signal
                    .metrics()
                    .iter()
                    .any(|metric| self.metrics.contains(*metric))
            })
            .collect()
    }

    /// How Flink and its scraping have to be set, for what is missing; absent when nothing is.
    pub fn advice(&self) -> Option<String> {
        let missing = self.missing();
        let of = |process: &str| {
            self.metrics
                .iter()
                .any(|metric| metric.starts_with(process))
        };
        if let Some(prefix) = self
            .elsewhere
            .iter()
            .next()
            .filter(|_| self.metrics.is_empty())
        {
            return Some(format!(
                "Flink's metrics begin with `{prefix}` there: set history.prometheus.metric_prefix: \"{prefix}\""
            ));
        }
        if self.metrics.is_empty() {
            return Some(
                "set in Flink's configuration `metrics.reporters: prom` and `metrics.reporter.prom.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory`, \
                 and let port 9249 of JobManagers and TaskManagers be scraped"
                    .to_string(),
            );
        }
        if !of("taskmanager_") {
            return Some(
                "TaskManagers are not scraped: let port 9249 of their pods be scraped too"
                    .to_string(),
            );
        }
        if !of("jobmanager_") {
            return Some(
                "JobManagers are not scraped: let port 9249 of their pods be scraped too"
                    .to_string(),
            );
        }
        if missing.is_empty() {
            return None;
        }
        let names: Vec<&str> = missing.iter().map(|(metric, _)| *metric).collect();
        Some(format!(
            "let them pass `metrics.reporter.prom.filter.includes` and `filter.excludes` in Flink's configuration, and `metric_relabel_configs` in Prometheus': {}",
            names.join(", ")
        ))
    }

    /// The way of scraping that the labels look like.
    pub fn preset(&self) -> LabelPreset {
        let has = |labels: &[&str]| labels.iter().all(|label| self.labels.contains(*label));
        if has(&["namespace", "app"]) {
            LabelPreset::App
        } else if has(&["kubernetes_namespace", "app"]) {
            LabelPreset::Kubernetes
        } else if has(&["namespace", "pod"]) {
            LabelPreset::Pod
        } else if has(&["exported_namespace", "exported_app"]) {
            LabelPreset::Exported
        } else {
            LabelPreset::JobName
        }
    }

    /// What is wrong with the labels, in one sentence for `check` and `try` alike; none when all that the dialect needs are there.
    pub fn label_problem(&self, dialect: &Dialect, preset: LabelPreset) -> Option<String> {
        let unknown = self.unknown_labels(dialect);
        if unknown.is_empty() {
            return None;
        }
        let list: Vec<String> = unknown
            .iter()
            .map(|(label, twin)| match twin {
                Some(twin) => {
                    format!("{label} (there is {twin}: set it under history.prometheus.labels)")
                }
                None => label.clone(),
            })
            .collect();
        let fitting = self.preset();
        let hint = if fitting == preset {
            String::new()
        } else {
            let name = serde_json::to_value(fitting).ok();
            let name = name
                .as_ref()
                .and_then(|name| name.as_str())
                .unwrap_or_default();
            format!("; `preset: {name}` would fit the labels that are there")
        };
        let there: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        Some(format!(
            "tasks' metrics have no {}{hint}; they have {}",
            list.join(", "),
            there.join(", ")
        ))
    }

    /// Labels that the dialect needs and tasks' metrics do not have, each with its `exported_` twin where that is there.
    pub fn unknown_labels(&self, dialect: &Dialect) -> Vec<(String, Option<String>)> {
        let mut needed = vec![
            &dialect.name,
            &dialect.job_name,
            &dialect.job_id,
            &dialect.task_id,
            &dialect.subtask_index,
            &dialect.tm_id,
        ];
        needed.extend(
            [&dialect.cluster, &dialect.namespace]
                .into_iter()
                .filter(|label| !label.is_empty()),
        );
        needed.sort();
        needed.dedup();
        needed
            .into_iter()
            .filter(|label| !self.labels.contains(*label))
            .map(|label| {
                let twin = format!("exported_{label}");
                (label.clone(), self.labels.contains(&twin).then_some(twin))
            })
            .collect()
    }
}

/// Whether something answers there as Prometheus does.
///
/// # Errors
/// See [`PrometheusError`].
pub async fn answers(api: &Api, at_ms: i64) -> Result<(), PrometheusError> {
    api.query(
        "vector(1) # plimsoll: are you a Prometheus?",
        at_ms,
        &mut |_, _| {},
    )
    .await
    .map(|_| ())
}

/// Names under which more than one execution runs at a time: `payments/orders (2)`. Their series can't be told apart.
///
/// # Errors
/// See [`PrometheusError`].
pub async fn collisions(
    api: &Api,
    dialect: &Dialect,
    at_ms: i64,
) -> Result<Vec<String>, PrometheusError> {
    let jobs = Choice::everything();
    let asking = super::Asking {
        dialect,
        jobs: &jobs,
        step_ms: 60_000,
        resolution_ms: 60_000,
    };
    let mut found = Vec::new();
    api.query(
        &asking.executions_of_jobs(),
        at_ms,
        &mut |labels, values| {
            let named: Vec<&str> = dialect
                .job()
                .into_iter()
                .filter_map(|label| labels.get(label).map(String::as_str))
                .collect();
            let count = values.last().map_or(0.0, |(_, value)| *value);
            found.push(format!("{} ({count:.0})", named.join("/")));
        },
    )
    .await?;
    found.sort();
    Ok(found)
}

/// The places that hold a job at a time, and how many jobs each.
///
/// # Errors
/// See [`PrometheusError`].
pub async fn places(
    api: &Api,
    dialect: &Dialect,
    at_ms: i64,
) -> Result<BTreeSet<Place>, PrometheusError> {
    let jobs = Choice::everything();
    let asking = super::Asking {
        dialect,
        jobs: &jobs,
        step_ms: 60_000,
        resolution_ms: 60_000,
    };
    let mut places = BTreeSet::new();
    api.query(&asking.vertices_of_jobs(), at_ms, &mut |labels, _| {
        let mut place = super::series::place_of(labels, dialect);
        if dialect.names_jobs_only() {
            place.2 = as_reported(&place.2);
        }
        places.insert(place);
    })
    .await?;
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LabelsConfig;

    fn probe(metrics: &[&str], labels: &[&str]) -> Probe {
        Probe {
            metrics: metrics.iter().map(ToString::to_string).collect(),
            labels: labels.iter().map(ToString::to_string).collect(),
            ..Probe::default()
        }
    }

    #[test]
    fn advice_names_what_to_set() {
        let all: Vec<&str> = ALL
            .iter()
            .flat_map(|signal| signal.metrics())
            .copied()
            .collect();
        assert_eq!(probe(&all, &[]).advice(), None);
        let table: [(&[&str], &str); 4] = [
            (&[], "PrometheusReporterFactory"),
            (&["jobmanager_job_uptime"], "TaskManagers are not scraped"),
            (
                &["taskmanager_Status_JVM_CPU_Time"],
                "JobManagers are not scraped",
            ),
            (
                &["jobmanager_job_uptime", "taskmanager_Status_JVM_CPU_Time"],
                "numRestarts",
            ),
        ];
        for (metrics, words) in table {
            let advice = probe(metrics, &[]).advice().unwrap_or_default();
            assert!(advice.contains(words), "{metrics:?}: {advice}");
        }
    }

    #[test]
    fn labels_tell_the_way_of_scraping() {
        let table: [(&[&str], LabelPreset); 5] = [
            (&["namespace", "app", "pod"], LabelPreset::App),
            (&["kubernetes_namespace", "app"], LabelPreset::Kubernetes),
            (&["namespace", "pod"], LabelPreset::Pod),
            (
                &["exported_namespace", "exported_app"],
                LabelPreset::Exported,
            ),
            (&["job_name"], LabelPreset::JobName),
        ];
        for (labels, preset) in table {
            assert_eq!(probe(&[], labels).preset(), preset, "{labels:?}");
        }
        let dialect = Dialect::of(LabelPreset::App, &LabelsConfig::default(), "flink_", "");
        let found = probe(
            &[],
            &[
                "namespace",
                "app",
                "exported_job_name",
                "job_id",
                "task_id",
                "subtask_index",
                "tm_id",
            ],
        );
        assert_eq!(
            found.unknown_labels(&dialect),
            [(
                "job_name".to_string(),
                Some("exported_job_name".to_string())
            )]
        );
    }
}
