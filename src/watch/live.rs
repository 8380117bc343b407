//! When the cluster runs what was merged. Merged is not live: the operator must have redeployed, and the job must be RUNNING with
//! the values of the evidence in force.

use super::reconciled::{contradiction, is_behind};
use super::revert::{number, same_value, text};
use crate::quantity::{Cpu, Memory};
use crate::record::{Evidence, FieldChange};
use crate::snapshot::{History, Point, Shape};

/// How far what ran may lie from what was asked for, a share: Flink rounds pools to pages.
const TOLERANCE: f64 = 0.01;

/// Whether a shape is the one that a change asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Match {
    /// Every field that a shape shows is in force, and there is one.
    Yes,
    /// A field is not: one sentence.
    No(String),
    /// A shape shows none of the fields.
    Unknown,
}

/// How far a change is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Liveness {
    /// The cluster does not run it yet: one sentence.
    NotYet(String),
    /// It runs since then, Unix milliseconds.
    Since(i64),
    /// It ran since `since_ms`, and no longer does since `left_ms`: one sentence.
    Left {
        since_ms: i64,
        left_ms: i64,
        message: String,
    },
}

/// How far the change of this evidence is, merged at `merged_at_ms`: by what ran, and, where Kubernetes was asked, by what the operator
/// says. A change that its last reconciled spec does not hold is not live, whatever seems to run.
pub(super) fn liveness(evidence: &Evidence, merged_at_ms: i64, history: &History) -> Liveness {
    let seen = seen(evidence, merged_at_ms, history);
    let Liveness::Since(since_ms) = seen else {
        return seen;
    };
    match contradiction(evidence, merged_at_ms, history) {
        // It ran, and something else was deployed since.
        Some(message) if shown(evidence, history, since_ms) => Liveness::Left {
            since_ms,
            left_ms: history
                .latest
                .as_ref()
                .map_or(since_ms, |latest| latest.taken_at_ms),
            message,
        },
        Some(message) => Liveness::NotYet(message),
        None => match is_behind(history) {
            // What ran shows nothing of the change: then only the operator can say that it is its spec.
            Some(message) if !shown(evidence, history, since_ms) => Liveness::NotYet(message),
            _ => seen,
        },
    }
}

/// Whether the job was seen running with the values of the change since then.
fn shown(evidence: &Evidence, history: &History, since_ms: i64) -> bool {
    let told = told(evidence, history);
    history
        .points
        .iter()
        .filter(|point| point.to_ms >= since_ms && point.running > 0.0)
        .any(|point| matches(&told, &point.shape) == Match::Yes)
}

/// The same by what ran alone.
fn seen(evidence: &Evidence, merged_at_ms: i64, history: &History) -> Liveness {
    let told = told(evidence, history);
    let running: Vec<(&Point, Match)> = history
        .points
        .iter()
        // The clocks of git, cluster and Plimsoll may differ: what can be seen counts from the evidence on.
        .filter(|point| point.to_ms > evidence.at_ms.min(merged_at_ms))
        .filter(|point| point.running > 0.0 && point.running_since_ms.is_some())
        .map(|point| (point, matches(&told, &point.shape)))
        .collect();
    let since = running.iter().find_map(|(point, matched)| {
        let started = point.running_since_ms?;
        match matched {
            Match::Yes if started > evidence.at_ms => Some(started),
            // Rescaled without a restart.
            Match::Yes => Some(point.from_ms.max(evidence.at_ms)),
            Match::Unknown if started >= merged_at_ms && configured(evidence, history) => {
                Some(started)
            }
            _ => None,
        }
    });
    let Some(since_ms) = since else {
        return Liveness::NotYet(match running.last() {
            Some((_, Match::No(message))) => format!("the job still runs as before: {message}"),
            Some(_) => "the job has not been restarted since the merge".to_string(),
            None => "the job has not been seen RUNNING since the merge".to_string(),
        });
    };
    // A TaskManager that is lost for a moment is no other size: only what lasts is.
    let trailing = running
        .iter()
        .rev()
        .take_while(|(_, matched)| matches!(matched, Match::No(_)));
    match (trailing.last(), running.last()) {
        (Some((first, _)), Some((last, Match::No(message))))
            if last.to_ms - first.from_ms >= evidence.thresholds.warm_up_ms =>
        {
            Liveness::Left {
                since_ms,
                left_ms: first.from_ms,
                message: message.clone(),
            }
        }
        _ => Liveness::Since(since_ms),
    }
}

/// The fields of a change that the cluster tells in the same terms as the manifest. One that did not show the old value while the old
/// value was in force (a container's memory, a node's cores) will not show the new one either: waiting for it would never end.
pub(super) fn told(evidence: &Evidence, history: &History) -> Vec<FieldChange> {
    let before = history.points.iter().rev().find(|point| {
        point.to_ms <= evidence.at_ms && point.running > 0.0 && point.running_since_ms.is_some()
    });
    let as_before = |field: &FieldChange| {
        let old = FieldChange {
            after: field.before.clone(),
            ..field.clone()
        };
        before.is_none_or(|point| !matches!(field_matches(&old, &point.shape), Some(Err(_))))
    };
    let fields = evidence.fields.iter();
    fields.filter(|field| as_before(field)).cloned().collect()
}

/// Whether the JobManager's configuration contradicts none of the options that a change sets.
fn configured(evidence: &Evidence, history: &History) -> bool {
    let Some(snapshot) = &history.latest_running else {
        return true;
    };
    evidence.fields.iter().all(|field| {
        let key = option_key(&field.path);
        let in_force = key.and_then(|key| snapshot.configuration.get(&key).cloned());
        let in_force = in_force.map(serde_json::Value::String);
        in_force.is_none() || same_value(&field.path, in_force.as_ref(), field.after.as_ref())
    })
}

/// The Flink option that a path names, in either spelling: `spec.flinkConfiguration.a.b` or `spec.flinkConfiguration["a.b"]`.
fn option_key(path: &str) -> Option<String> {
    let (_, key) = path.split_once("flinkConfiguration")?;
    Some(plain(key).trim_matches('.').to_string())
}

/// A path with dots only.
fn plain(path: &str) -> String {
    path.replace("[\"", ".")
        .replace("['", ".")
        .replace(['[', ']', '"', '\''], "")
}

/// Whether a shape shows the values that a change sets.
pub(super) fn matches(fields: &[FieldChange], shape: &Shape) -> Match {
    let mut seen = false;
    for field in fields {
        match field_matches(field, shape) {
            Some(Ok(())) => seen = true,
            Some(Err(message)) => return Match::No(message),
            None => {}
        }
    }
    if seen { Match::Yes } else { Match::Unknown }
}

/// Whether one field is in force; none when a shape does not show it.
fn field_matches(field: &FieldChange, shape: &Shape) -> Option<Result<(), String>> {
    let wanted = field.after.as_ref()?;
    let path = plain(&field.path);
    let ends = |end: &str| path == end || path.ends_with(&format!(".{end}"));
    let of_task_manager = path.contains("taskManager.") || path.contains("taskmanager.");
    let said = |now: String| format!("{} is {now}, not {}", field.path, text(wanted));
    let count = |now: u32| {
        (f64::from(now) == number(wanted)?)
            .then_some(())
            .map_or(Some(Err(said(now.to_string()))), |()| Some(Ok(())))
    };
    if ends("taskmanager.numberOfTaskSlots") {
        return (shape.slots_per_task_manager > 0).then(|| count(shape.slots_per_task_manager))?;
    }
    if ends("taskManager.replicas") {
        return count(shape.task_managers);
    }
    if ends("job.parallelism") || ends("parallelism.default") {
        let highest = shape.parallelism.values().copied().max()?;
        let wanted = number(wanted)?;
        // A vertex may be held below by its own setting, or above; one that follows the job is enough.
        let follows = shape
            .parallelism
            .values()
            .any(|now| f64::from(*now) == wanted);
        return Some(if follows {
            Ok(())
        } else {
            Err(said(highest.to_string()))
        });
    }
    if ends("pipeline.jobvertex-parallelism-overrides") {
        return overrides_match(&text(wanted), shape).map(|now| now.map_err(said));
    }
    let memory = ends("resource.memory") || ends("requests.memory") || ends("memory.process.size");
    if of_task_manager && memory && shape.memory_bytes > 0 {
        let wanted = text(wanted).parse::<Memory>().ok()?.bytes() as f64;
        let now = shape.memory_bytes;
        let near = (now as f64 - wanted).abs() <= wanted * TOLERANCE;
        return Some(if near {
            Ok(())
        } else {
            Err(said(Memory::from_bytes(now).to_string()))
        });
    }
    let cpu = ends("resource.cpu")
        || ends("requests.cpu")
        || ends("kubernetes.taskmanager.cpu")
        || ends("kubernetes.taskmanager.cpu.amount");
    if of_task_manager && cpu && shape.cpu_millis > 0 {
        let wanted = text(wanted).parse::<Cpu>().ok()?.millicores();
        let now = shape.cpu_millis;
        return Some(if now == wanted {
            Ok(())
        } else {
            Err(said(Cpu::from_millicores(now).to_string()))
        });
    }
    None
}

/// Whether the vertices of `id:4,id:8` run so; none when no vertex of them is known.
fn overrides_match(wanted: &str, shape: &Shape) -> Option<Result<(), String>> {
    let mut seen = None;
    for part in wanted.split(',') {
        let (id, parallelism) = part.trim().split_once(':')?;
        let Some(now) = shape.parallelism.get(id.trim()) else {
            continue;
        };
        if now.to_string() != parallelism.trim() {
            return Some(Err(format!("{id}:{now}")));
        }
        seen = Some(Ok(()));
    }
    seen
}
