//! How a store's labels name jobs, and the pieces of PromQL that follow from it.

use crate::config::{LabelPreset, LabelsConfig, PrometheusConfig};
use crate::snapshot::JobKey;
use std::collections::BTreeSet;

/// The label that a name cut out of another one is put into.
const CUT_NAME: &str = "plimsoll_name";
/// Names of pods that the operator makes: of TaskManagers (native: `orders-taskmanager-1-3`; standalone: `orders-taskmanager-` and two
/// hashes) and of JobManagers (`orders-` and two hashes).
const POD_PATTERN: &str = "(.+)-taskmanager-.+|(.+)-[0-9a-z]{5,10}-[0-9a-z]{5}";

/// The labels of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// Of the cluster; empty where the store has none.
    pub cluster: String,
    /// Of the namespace; empty where the store has none.
    pub namespace: String,
    /// Of the resource's name.
    pub name: String,
    /// What is cut out of `name`; empty: all of it.
    pub name_pattern: String,
    /// Of the job's name in Flink.
    pub job_name: String,
    /// Of the job's id.
    pub job_id: String,
    /// Of the vertex's id.
    pub task_id: String,
    /// Of the vertex's name.
    pub task_name: String,
    /// Of the subtask.
    pub subtask_index: String,
    /// Of the subtask's attempt.
    pub task_attempt_num: String,
    /// Of the operator's name.
    pub operator_name: String,
    /// Of the operator's id.
    pub operator_id: String,
    /// Of the TaskManager.
    pub tm_id: String,
    /// Of the host.
    pub host: String,
    prefix: String,
    matchers: String,
}

impl Dialect {
    /// The preset with what differs from it.
    pub fn new(config: &PrometheusConfig) -> Dialect {
        Dialect::of(
            config.preset,
            &config.labels,
            &config.metric_prefix,
            &config.matchers,
        )
    }

    /// Likewise, from its parts.
    pub fn of(preset: LabelPreset, labels: &LabelsConfig, prefix: &str, matchers: &str) -> Dialect {
        let (namespace, name, pattern) = match preset {
            LabelPreset::App => ("namespace", "app", ""),
            LabelPreset::Kubernetes => ("kubernetes_namespace", "app", ""),
            LabelPreset::Pod => ("namespace", "pod", POD_PATTERN),
            LabelPreset::Exported => ("exported_namespace", "exported_app", ""),
            LabelPreset::JobName => ("", "job_name", ""),
        };
        let or =
            |own: &Option<String>, usual: &str| own.clone().unwrap_or_else(|| usual.to_string());
        Dialect {
            cluster: or(&labels.cluster, ""),
            namespace: or(&labels.namespace, namespace),
            name: or(&labels.name, name),
            name_pattern: or(
                &labels.name_pattern,
                if labels.name.is_some() { "" } else { pattern },
            ),
            job_name: or(&labels.job_name, "job_name"),
            job_id: or(&labels.job_id, "job_id"),
            task_id: or(&labels.task_id, "task_id"),
            task_name: or(&labels.task_name, "task_name"),
            subtask_index: or(&labels.subtask_index, "subtask_index"),
            task_attempt_num: or(&labels.task_attempt_num, "task_attempt_num"),
            operator_name: or(&labels.operator_name, "operator_name"),
            operator_id: or(&labels.operator_id, "operator_id"),
            tm_id: or(&labels.tm_id, "tm_id"),
            host: or(&labels.host, "host"),
            prefix: prefix.to_string(),
            matchers: matchers.to_string(),
        }
    }

    /// Whether the resource's name stands only in the labels of jobs: then processes are found by the tasks that run in them.
    pub fn names_jobs_only(&self) -> bool {
        self.name == self.job_name
    }

    /// The label that holds the resource's name in answers.
    pub fn name_label(&self) -> &str {
        if self.name_pattern.is_empty() {
            &self.name
        } else {
            CUT_NAME
        }
    }

    /// Labels that name a resource, for `by (…)`.
    pub fn resource(&self) -> Vec<&str> {
        [
            self.cluster.as_str(),
            self.namespace.as_str(),
            self.name_label(),
        ]
        .into_iter()
        .filter(|label| !label.is_empty())
        .collect()
    }

    /// Those and the job's name.
    pub fn job(&self) -> Vec<&str> {
        let mut labels = self.resource();
        if !labels.contains(&self.job_name.as_str()) {
            labels.push(&self.job_name);
        }
        labels
    }

    /// Those and the vertex.
    pub fn vertex(&self) -> Vec<&str> {
        let mut labels = self.job();
        labels.push(&self.task_id);
        labels
    }

    /// A metric of which jobs it is asked, for instance `flink_jobmanager_job_uptime{namespace=~"a|b",app=~"c|d"}`.
    pub fn selector(&self, metric: &str, jobs: &Choice, extra: &str) -> String {
        let mut matchers: Vec<String> = Vec::new();
        if !jobs.all {
            let processes = self.names_jobs_only() && !metric.contains("_job_");
            if !self.cluster.is_empty() {
                matchers.push(one_of(&self.cluster, &jobs.clusters));
            }
            if !self.namespace.is_empty() {
                matchers.push(one_of(&self.namespace, &jobs.namespaces));
            }
            if !self.name_pattern.is_empty() {
                let names = alternatives(&jobs.names);
                matchers.push(format!(
                    "{}=~{}",
                    self.name,
                    quoted(&format!("(?:{names})-.+"))
                ));
            } else if !processes {
                matchers.push(one_of(&self.name, &jobs.names));
            }
        }
        matchers.extend(
            [extra, self.matchers.trim()]
                .iter()
                .filter(|more| !more.is_empty())
                .map(ToString::to_string),
        );
        format!("{}{metric}{{{}}}", self.prefix, matchers.join(","))
    }

    /// A metric of kube-state-metrics about the pods of TaskManagers, with the labels that name a resource here.
    pub fn pods_selector(&self, metric: &str, jobs: &Choice, extra: &str) -> String {
        let mut matchers = vec![extra.to_string()];
        if !jobs.all {
            if !self.cluster.is_empty() {
                matchers.push(one_of(&self.cluster, &jobs.clusters));
            }
            matchers.push(one_of("namespace", &jobs.namespaces));
            let names = alternatives(&jobs.names);
            matchers.push(format!(
                "pod=~{}",
                quoted(&format!("(?:{names})-taskmanager-.+"))
            ));
        }
        let vector = format!("{metric}{{{}}}", matchers.join(","));
        let label = self.name_label();
        let named = format!(
            "label_replace({vector}, \"{label}\", \"$1\", \"pod\", \"(.+)-taskmanager-.+\")"
        );
        match self.namespace.as_str() {
            "" | "namespace" => named,
            other => {
                format!("label_replace({named}, \"{other}\", \"$1\", \"namespace\", \"(.*)\")")
            }
        }
    }

    /// Cuts the resource's name out where that is needed. Takes an instant vector.
    pub fn named(&self, vector: &str) -> String {
        if self.name_pattern.is_empty() {
            return vector.to_string();
        }
        let groups: String = (1..=groups(&self.name_pattern))
            .map(|group| format!("${{{group}}}"))
            .collect();
        format!(
            "label_replace({vector}, \"{CUT_NAME}\", \"{groups}\", \"{}\", {})",
            self.name,
            quoted(&self.name_pattern)
        )
    }
}

/// Capturing groups of a pattern.
fn groups(pattern: &str) -> usize {
    let bytes = pattern.as_bytes();
    (0..bytes.len())
        .filter(|&at| {
            bytes[at] == b'('
                && bytes.get(at + 1) != Some(&b'?')
                && (at == 0 || bytes[at - 1] != b'\\')
        })
        .count()
}

/// Jobs that a query is about. The product of its sets is a little more than the jobs; who reads the answer takes his own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Every job of the store.
    pub all: bool,
    /// Clusters.
    pub clusters: BTreeSet<String>,
    /// Namespaces.
    pub namespaces: BTreeSet<String>,
    /// Names.
    pub names: BTreeSet<String>,
}

impl Choice {
    /// Every job of the store.
    pub fn everything() -> Choice {
        Choice {
            all: true,
            ..Choice::default()
        }
    }

    /// These jobs.
    pub fn of<'a>(jobs: impl IntoIterator<Item = &'a JobKey>, dialect: &Dialect) -> Choice {
        let mut choice = Choice::default();
        for job in jobs {
            choice.clusters.insert(job.cluster.clone());
            choice.namespaces.insert(job.namespace.clone());
            if dialect.names_jobs_only() {
                choice.names.insert(as_reported(&job.name));
            }
            choice.names.insert(job.name.clone());
        }
        choice
    }
}

/// A name as Flink's reporter writes it into a label: everything but letters, digits, colons and underscores becomes an underscore.
pub fn as_reported(name: &str) -> String {
    name.chars()
        .map(|sign| {
            if sign.is_ascii_alphanumeric() || sign == ':' {
                sign
            } else {
                '_'
            }
        })
        .collect()
}

fn one_of(label: &str, values: &BTreeSet<String>) -> String {
    format!("{label}=~{}", quoted(&alternatives(values)))
}

fn alternatives(values: &BTreeSet<String>) -> String {
    values
        .iter()
        .map(|value| literal(value))
        .collect::<Vec<_>>()
        .join("|")
}

/// A text that a regular expression matches as it stands. Slashes are doubled where it is quoted.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for sign in text.chars() {
        if "\\.+*?()|[]{}^$".contains(sign) {
            out.push('\\');
        }
        out.push(sign);
    }
    out
}

/// A PromQL string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' | '\\' => {
                out.push('\\');
                out.push(sign);
            }
            '\n' => out.push_str("\\n"),
            _ => out.push(sign),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::JobKind;

    fn job(namespace: &str, name: &str) -> JobKey {
        JobKey {
            cluster: "prod".into(),
            kind: JobKind::Deployment,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    fn dialect(preset: LabelPreset) -> Dialect {
        Dialect::of(preset, &LabelsConfig::default(), "flink_", "")
    }

    #[test]
    fn selectors_by_preset() {
        let jobs = [job("a", "x.y"), job("b", "z\"|.*")];
        let table = [
            (
                LabelPreset::App,
                "taskmanager_x",
                r#"flink_taskmanager_x{namespace=~"a|b",app=~"x\\.y|z\"\\|\\.\\*"}"#,
            ),
            (
                LabelPreset::Kubernetes,
                "taskmanager_x",
                r#"flink_taskmanager_x{kubernetes_namespace=~"a|b",app=~"x\\.y|z\"\\|\\.\\*"}"#,
            ),
            (
                LabelPreset::JobName,
                "taskmanager_x",
                "flink_taskmanager_x{}",
            ),
            (
                LabelPreset::JobName,
                "jobmanager_job_x",
                r#"flink_jobmanager_job_x{job_name=~"x\\.y|x_y|z\"\\|\\.\\*|z____"}"#,
            ),
        ];
        for (preset, metric, expected) in table {
            let dialect = dialect(preset);
            let choice = Choice::of(&jobs, &dialect);
            let selector = dialect.selector(metric, &choice, "");
            assert_eq!(selector, expected, "{preset:?}");
        }
    }

    #[test]
    fn names_are_cut_out_of_pods() {
        let dialect = dialect(LabelPreset::Pod);
        let choice = Choice::of(&[job("a", "x")], &dialect);
        assert_eq!(
            dialect.selector("m", &choice, "le=\"1\""),
            r#"flink_m{namespace=~"a",pod=~"(?:x)-.+",le="1"}"#
        );
        assert!(dialect.named("v").starts_with(
            r#"label_replace(v, "plimsoll_name", "${1}${2}", "pod", "(.+)-taskmanager"#
        ));
        assert_eq!(dialect.job(), ["namespace", "plimsoll_name", "job_name"]);
    }

    #[test]
    fn a_clusters_label_takes_part() {
        let labels = LabelsConfig {
            cluster: Some("cluster".into()),
            name: Some("flink_app".into()),
            ..LabelsConfig::default()
        };
        let dialect = Dialect::of(LabelPreset::Pod, &labels, "flink_", "env=\"x\"");
        let choice = Choice::of(&[job("a", "x")], &dialect);
        assert_eq!(
            dialect.selector("m", &choice, ""),
            r#"flink_m{cluster=~"prod",namespace=~"a",flink_app=~"x",env="x"}"#
        );
        assert_eq!(dialect.named("v"), "v");
    }
}
