//! The queries of signals.
//!
//! Everything is first brought to one value for each task (or process) with `max by`: several replicas of a Prometheus, federated
//! copies, and the old and the new attempt of a restarted task then count once. Sums, means and quantiles over tasks come after that.

use super::dialect::{Choice, Dialect};
use super::signals::{
    BUSY, COLLECTOR, CONCURRENT, Form, PAUSING, REQUESTS, STAT_LABEL, STATS, Signal, UPTIME,
};

/// What OpenTelemetry's exporters put behind the name of a counter.
pub(super) const COUNTED: &str = "_total";
/// Operators of sources by their names.
const OF_SOURCES: &str = "Source:.*";

/// What a query's text depends on.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Labels.
    pub dialect: &'a Dialect,
    /// Jobs.
    pub jobs: &'a Choice,
    /// Length of a step, milliseconds.
    pub step_ms: i64,
    /// Distance of values within a step, milliseconds.
    pub resolution_ms: i64,
}

fn by(labels: &[&str]) -> String {
    format!("by ({})", labels.join(","))
}

fn with<'b>(labels: &[&'b str], more: &[&'b str]) -> Vec<&'b str> {
    let mut all = labels.to_vec();
    all.extend(
        more.iter()
            .filter(|label| !label.is_empty() && !labels.contains(label)),
    );
    all
}

impl Asking<'_> {
    /// The query of a signal.
    pub fn query(&self, signal: Signal) -> String {
        let expression = self.expression(signal);
        let told = match signal.form() {
            Form::AtEnd => expression,
            Form::Mean if self.is_rate(signal) => expression,
            Form::Mean => self.over_time("avg_over_time(", &expression),
            Form::Stats => self.stats(&expression),
        };
        format!("{told} # plimsoll: {}", signal.name())
    }

    /// Rates are over the whole step already.
    fn is_rate(&self, signal: Signal) -> bool {
        matches!(
            signal,
            Signal::CpuCores
                | Signal::CpuCoresMax
                | Signal::GcShare
                | Signal::RecordsIn
                | Signal::RecordsOut
        )
    }

    fn expression(&self, signal: Signal) -> String {
        let metric = signal.metrics().last().copied().unwrap_or_default();
        match signal {
            Signal::Age => {
                // `timestamp` tells when a value was scraped only of a bare selector.
                let uptime = self.dialect.selector(UPTIME, self.jobs, "");
                let age = format!("(({uptime} > 0) + 1000 * (time() - timestamp({uptime})))");
                format!(
                    "max {} ({})",
                    by(&with(&self.dialect.job(), &[&self.dialect.job_id])),
                    self.dialect.named(&age)
                )
            }
            Signal::Running => format!(
                "max {} ({} > bool 0)",
                by(&self.dialect.job()),
                self.selected(UPTIME, "")
            ),
            Signal::Restarts | Signal::CheckpointsCompleted | Signal::CheckpointsFailed => format!(
                "max {} ({})",
                by(&with(&self.dialect.job(), &[&self.dialect.job_id])),
                self.selected(metric, " >= 0")
            ),
            Signal::CheckpointDuration | Signal::StateBytes | Signal::CheckpointedBytes => {
                format!(
                    "max {} ({})",
                    by(&self.dialect.job()),
                    self.selected(metric, " >= 0")
                )
            }
            Signal::TaskManagers => format!(
                "count {} ({})",
                by(&self.dialect.resource()),
                self.task_managers(&self.selected(metric, ""))
            ),
            Signal::SlotsTotal | Signal::Registered => {
                self.of_job_manager(&self.selected(metric, " >= 0"))
            }
            Signal::SlotsUsed => self.of_job_manager(&format!(
                "({} - {})",
                self.selected("jobmanager_taskSlotsTotal", ""),
                self.without_name("jobmanager_taskSlotsAvailable")
            )),
            Signal::CpuCores => self.highest_rate("sum", metric, "1e9"),
            Signal::CpuCoresMax => self.highest_rate("max", metric, "1e9"),
            Signal::GcShare => format!(
                "max {} ({}) / 1000",
                by(&self.dialect.resource()),
                self.task_managers(&self.pauses())
            ),
            Signal::HeapUsed
            | Signal::HeapMax
            | Signal::ManagedUsed
            | Signal::ManagedTotal
            | Signal::NetworkUsed
            | Signal::NetworkTotal
            | Signal::MetaspaceUsed
            | Signal::NonHeapUsed
            | Signal::DirectUsed => format!(
                "max {} ({})",
                by(&self.dialect.resource()),
                self.task_managers(&self.selected(metric, " >= 0"))
            ),
            Signal::ContainerUsed => self.of_containers(metric, ""),
            // A container without a limit tells 0.
            Signal::ContainerLimit => self.of_containers(metric, " > 0"),
            Signal::CpuRequested => self.requested("cpu"),
            Signal::MemoryRequested => self.requested("memory"),
            Signal::Parallelism => self.parallelism(),
            // The gauges look back a minute, so their mean covers the step. `accumulateBusyTimeMs` is no counter that a rate could
            // be taken of: it is what idle and backpressured time leave over, and goes down now and then.
            Signal::Busy | Signal::Backpressured | Signal::Idle => format!(
                "avg {} ({}) / 1000",
                by(&self.dialect.vertex()),
                self.subtasks(metric, "", &[])
            ),
            Signal::BusyMax | Signal::BackpressuredMax => {
                format!(
                    "max {} ({}) / 1000",
                    by(&self.dialect.vertex()),
                    self.subtasks(metric, "", &[])
                )
            }
            Signal::BusyMedian => format!(
                "quantile {} (0.5, {}) / 1000",
                by(&self.dialect.vertex()),
                self.subtasks(metric, "", &[])
            ),
            Signal::RecordsIn => format!("{} or {}", self.emitted(), self.counted(metric)),
            Signal::RecordsOut => self.counted(metric),
            Signal::Skew => self.skew(),
            Signal::Pending => {
                let operator = [
                    self.dialect.operator_id.as_str(),
                    self.dialect.operator_name.as_str(),
                ];
                format!(
                    "sum {} ({})",
                    by(&self.dialect.vertex()),
                    self.subtasks(metric, "", &operator)
                )
            }
        }
    }

    /// A metric of the chosen jobs, with the resource's name, and a comparison that drops what is no measurement.
    fn selected(&self, metric: &str, keep: &str) -> String {
        let vector = self
            .dialect
            .named(&self.dialect.selector(metric, self.jobs, ""));
        if keep.is_empty() {
            vector
        } else {
            format!("({vector}{keep})")
        }
    }

    /// What the TaskManagers' pods request. Pods are named after the resource; where no label names a namespace, nothing is asked.
    fn requested(&self, resource: &str) -> String {
        let pods = self.dialect.pods_selector(
            REQUESTS,
            self.jobs,
            &format!("resource=\"{resource}\",container=\"flink-main-container\""),
        );
        format!("max {} ({pods})", by(&self.dialect.resource()))
    }

    /// The largest of the TaskManagers' containers, by the name of their pods.
    fn of_containers(&self, metric: &str, keep: &str) -> String {
        let pods =
            self.dialect
                .pods_selector(metric, self.jobs, "container=\"flink-main-container\"");
        format!("max {} ({pods}{keep})", by(&self.dialect.resource()))
    }

    fn without_name(&self, metric: &str) -> String {
        self.selected(metric, "")
    }

    /// One value for each TaskManager.
    fn task_managers(&self, vector: &str) -> String {
        let tm = self.dialect.tm_id.as_str();
        if self.dialect.names_jobs_only() {
            let tasks = self.lately(BUSY);
            let both = by(&with(&self.dialect.resource(), &[tm]));
            return format!(
                "(group {both} ({tasks}) * on ({tm}) group_left() max by ({tm}) ({vector}))"
            );
        }
        format!(
            "max {} ({vector})",
            by(&with(&self.dialect.resource(), &[tm]))
        )
    }

    /// A metric that was there within the step: a job that restarts has none just then.
    fn lately(&self, metric: &str) -> String {
        format!(
            "last_over_time({}[{}])",
            self.dialect.selector(metric, self.jobs, ""),
            self.reach()
        )
    }

    /// One value for each resource, of its JobManager.
    fn of_job_manager(&self, vector: &str) -> String {
        let resource = by(&self.dialect.resource());
        if self.dialect.names_jobs_only() {
            let host = self.dialect.host.as_str();
            let jobs = self.lately(UPTIME);
            let both = by(&with(&self.dialect.resource(), &[host]));
            return format!(
                "max {resource} (group {both} ({jobs}) * on ({host}) group_left() max by ({host}) ({vector}))"
            );
        }
        format!("max {resource} ({vector})")
    }

    /// One value for each subtask (and operator).
    fn subtasks(&self, metric: &str, extra: &str, operator: &[&str]) -> String {
        let vector = self
            .dialect
            .named(&self.dialect.selector(metric, self.jobs, extra));
        let labels = with(
            &with(&self.dialect.vertex(), &[&self.dialect.subtask_index]),
            operator,
        );
        format!("max {} ({vector} >= 0)", by(&labels))
    }

    fn parallelism(&self) -> String {
        let vector = self
            .dialect
            .named(&self.dialect.selector(BUSY, self.jobs, ""));
        format!(
            "count {} (group {} ({vector}))",
            by(&self.dialect.vertex()),
            by(&with(
                &self.dialect.vertex(),
                &[&self.dialect.subtask_index]
            ))
        )
    }

    /// How far a rate looks back, so that two scrapes lie within.
    fn reach(&self) -> String {
        span(self.step_ms.max(2 * self.resolution_ms))
    }

    fn rate(&self, metric: &str, extra: &str) -> String {
        let counter = self.dialect.selector(metric, self.jobs, extra);
        self.dialect
            .named(&format!("rate({counter}[{}])", self.reach()))
    }

    /// The rate of a counter of Flink's, also where a collector of OpenTelemetry has put `_total` behind its name.
    fn counter_rate(&self, metric: &str, extra: &str) -> String {
        format!(
            "({} or {})",
            self.rate(metric, extra),
            self.rate(&format!("{metric}{COUNTED}"), extra)
        )
    }

    /// Time in pauses of each process: the sum over the collectors that pause it. Where none of them is told, the sum over all collectors, if no
    /// concurrent one is among them: from Flink 1.19 on it counts their cycles too.
    fn pauses(&self) -> String {
        let time = |collector: &str| self.rate(&format!("{COLLECTOR}{collector}_Time"), "");
        let named = |collector: &&str| {
            format!(
                "label_replace({}, \"plimsoll_collector\", \"{collector}\", \"\", \"\")",
                time(collector)
            )
        };
        let pausing: Vec<String> = PAUSING.iter().map(named).collect();
        let cycles: Vec<String> = CONCURRENT.iter().map(|one| time(one)).collect();
        format!(
            "(sum without (plimsoll_collector) ({}) or ({} unless ({})))",
            pausing.join(" or "),
            time("All"),
            cycles.join(" or ")
        )
    }

    fn highest_rate(&self, over: &str, metric: &str, unit: &str) -> String {
        let rate = self.task_managers(&self.rate(metric, ""));
        format!("{over} {} ({rate}) / {unit}", by(&self.dialect.resource()))
    }

    /// Rate of a counter, all subtasks and their attempts together.
    fn counted(&self, metric: &str) -> String {
        let attempts = [
            self.dialect.job_id.as_str(),
            self.dialect.subtask_index.as_str(),
            self.dialect.task_attempt_num.as_str(),
        ];
        format!(
            "sum {} (max {} ({}))",
            by(&self.dialect.vertex()),
            by(&with(&self.dialect.vertex(), &attempts)),
            self.counter_rate(metric, "")
        )
    }

    /// What the operators of sources emit.
    fn emitted(&self) -> String {
        let operators = [
            self.dialect.job_id.as_str(),
            self.dialect.operator_id.as_str(),
            self.dialect.operator_name.as_str(),
            self.dialect.subtask_index.as_str(),
            self.dialect.task_attempt_num.as_str(),
        ];
        let rate = self.counter_rate(
            "taskmanager_job_task_operator_numRecordsOut",
            &self.sources(),
        );
        format!(
            "sum {} (max {} ({rate}))",
            by(&self.dialect.vertex()),
            by(&with(&self.dialect.vertex(), &operators)),
        )
    }

    fn sources(&self) -> String {
        format!("{}=~\"{OF_SOURCES}\"", self.dialect.operator_name)
    }

    fn skew(&self) -> String {
        let vertex = by(&self.dialect.vertex());
        let of = |subtasks: String| {
            format!("max {vertex} ({subtasks}) / (avg {vertex} ({subtasks}) > 0)")
        };
        let sources = self.subtasks(
            "taskmanager_job_task_operator_numRecordsOutPerSecond",
            &self.sources(),
            &[],
        );
        let others = self.subtasks("taskmanager_job_task_numRecordsInPerSecond", "", &[]);
        format!("{} or {}", of(sources), of(others))
    }

    fn over_time(&self, function: &str, expression: &str) -> String {
        format!(
            "{function}({expression})[{}:{}])",
            span(self.step_ms),
            span(self.resolution_ms)
        )
    }

    fn stats(&self, expression: &str) -> String {
        let functions = [
            "avg_over_time(",
            "min_over_time(",
            "quantile_over_time(0.5, ",
            "quantile_over_time(0.95, ",
            "max_over_time(",
        ];
        STATS
            .iter()
            .zip(functions)
            .map(|(stat, function)| {
                let told = self.over_time(function, expression);
                format!("label_replace({told}, \"{STAT_LABEL}\", \"{stat}\", \"\", \"\")")
            })
            .collect::<Vec<_>>()
            .join(" or ")
    }

    /// Vertices with their names: a value of 1 each.
    pub fn vertex_names(&self) -> String {
        format!(
            "group {} ({}) # plimsoll: names of vertices",
            by(&with(&self.dialect.vertex(), &[&self.dialect.task_name])),
            self.selected(BUSY, "")
        )
    }

    /// Vertices with a source's operator in them: a value of 1 each.
    pub fn source_vertices(&self) -> String {
        let of = |metric: &str| {
            let vector = self.dialect.selector(metric, self.jobs, &self.sources());
            format!(
                "group {} ({})",
                by(&self.dialect.vertex()),
                self.dialect.named(&vector)
            )
        };
        let counter = "taskmanager_job_task_operator_numRecordsOut";
        format!(
            "{} or {} # plimsoll: sources",
            of(counter),
            of(&format!("{counter}{COUNTED}"))
        )
    }

    /// Jobs that more than one execution runs under at once, with how many.
    pub fn executions_of_jobs(&self) -> String {
        format!(
            "count {} (group {} ({})) > 1 # plimsoll: executions",
            by(&self.dialect.job()),
            by(&with(&self.dialect.job(), &[&self.dialect.job_id])),
            self.selected(UPTIME, " > 0")
        )
    }

    /// Partitions that each source of Kafka reads: the splits that its readers hold, where they tell; else those named. Metrics of partitions
    /// that are gone stay.
    pub fn partitions(&self) -> String {
        let vertex = self.dialect.vertex();
        let held = format!(
            "sum {} ({})",
            by(&vertex),
            self.subtasks(
                "taskmanager_job_task_operator_DynamicKafkaSource_activeSplitCount",
                "",
                &[
                    self.dialect.operator_id.as_str(),
                    self.dialect.operator_name.as_str()
                ]
            )
        );
        format!(
            "{held} or count {} (group {} ({})) # plimsoll: partitions",
            by(&vertex),
            by(&with(&vertex, &["kafkaCluster", "topic", "partition"])),
            self.selected(
                "taskmanager_job_task_operator_KafkaSourceReader_topic_partition_currentOffset",
                ""
            )
        )
    }

    /// Jobs with how many vertices they have.
    pub fn vertices_of_jobs(&self) -> String {
        format!(
            "count {} (group {} ({})) # plimsoll: jobs",
            by(&self.dialect.job()),
            by(&self.dialect.vertex()),
            self.selected(BUSY, "")
        )
    }
}

/// A duration as PromQL writes it.
pub(super) fn span(ms: i64) -> String {
    if ms % 1000 == 0 {
        format!("{}s", ms / 1000)
    } else {
        format!("{ms}ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LabelPreset, LabelsConfig};

    fn query(signal: Signal) -> String {
        let dialect = Dialect::of(LabelPreset::App, &LabelsConfig::default(), "flink_", "");
        let jobs = Choice::everything();
        let asking = Asking {
            dialect: &dialect,
            jobs: &jobs,
            step_ms: 600_000,
            resolution_ms: 60_000,
        };
        asking.query(signal)
    }

    #[test]
    fn pauses_are_summed_and_cycles_left_out() {
        let pauses = query(Signal::GcShare);
        for part in [
            "flink_taskmanager_Status_JVM_GarbageCollector_G1_Young_Generation_Time",
            "\"plimsoll_collector\", \"ZGC_Minor_Pauses\"",
            "sum without (plimsoll_collector)",
            "GarbageCollector_All_Time{}[600s]) unless (rate(flink_taskmanager_Status_JVM_GarbageCollector_ZGC_Time",
        ] {
            assert!(pauses.contains(part), "{part}: {pauses}");
        }
        let (pausing, _) = pauses.split_once(" unless ").unwrap_or_default();
        assert!(!pausing.contains("Cycles"), "{pausing}");
    }

    #[test]
    fn counters_are_read_under_both_names() {
        for signal in [Signal::RecordsIn, Signal::RecordsOut] {
            let counted = query(signal);
            assert!(
                counted.contains("numRecordsOut{") && counted.contains("numRecordsOut_total{"),
                "{counted}"
            );
        }
    }

    #[test]
    fn containers_are_those_of_task_managers() {
        let used = query(Signal::ContainerUsed);
        assert!(
            used.contains("container_memory_working_set_bytes{container=\"flink-main-container\"}"),
            "{used}"
        );
    }
}
