//! Exceptions that failed the job.

use super::Rest;
use super::answers::{List, Number, Object, Text};
use super::metric_names::encoded;
use super::pass::Pass;
use crate::snapshot::{Failure, Gap, OutOfMemory};
use serde::Deserialize;

/// Failures that are read of one job: Flink keeps sixteen unless told otherwise.
const MOST_FAILURES: usize = 1_000;

/// `/jobs/:id/exceptions`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Exceptions {
    #[serde(rename = "exceptionHistory")]
    history: Object<Entries>,
    /// Flink before 1.13 tells only the latest.
    #[serde(rename = "root-exception", deserialize_with = "present")]
    root: Option<Text>,
    timestamp: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entries {
    entries: List<Object<Entry>, MOST_FAILURES>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    #[serde(rename = "exceptionName")]
    name: Text,
    stacktrace: Text,
    timestamp: Number,
}

/// What is there, also as null: a job that never failed has no root exception.
fn present<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Text>, D::Error> {
    Text::deserialize(reader).map(Some)
}

/// Failures, newest first.
pub(super) async fn failures<R: Rest>(
    pass: &Pass<'_, R>,
    job_id: &str,
) -> (Vec<Failure>, Option<Gap>) {
    match pass
        .read::<Object<Exceptions>>(&format!("/jobs/{}/exceptions", encoded(job_id)))
        .await
    {
        Ok(document) if document.history.is_given() || document.root.is_some() => {
            (listed(&document), None)
        }
        Ok(_) => (
            Vec::new(),
            Some(Gap::new(
                "exceptions",
                "the answer holds no history of them",
            )),
        ),
        Err(error) => (Vec::new(), Some(Gap::new("exceptions", error.to_string()))),
    }
}

fn listed(document: &Exceptions) -> Vec<Failure> {
    let mut failures: Vec<Failure> = document
        .history
        .entries
        .iter()
        .filter_map(|entry| {
            let stack = entry.stacktrace.as_str().unwrap_or_default();
            let name = entry.name.text().unwrap_or_else(|| first_word(stack));
            Some(failure(entry.timestamp.time_ms()?, &name, stack))
        })
        .collect();
    if failures.is_empty()
        && let Some(at_ms) = document.timestamp.time_ms()
        && let Some(stack) = document.root.as_ref().and_then(Text::as_str)
    {
        failures.push(failure(at_ms, &first_word(stack), stack));
    }
    failures.sort_by(|left, right| {
        right
            .at_ms
            .cmp(&left.at_ms)
            .then_with(|| left.class.cmp(&right.class))
    });
    failures
}

fn failure(at_ms: i64, name: &str, stack: &str) -> Failure {
    // Some versions tell the name with its message, and the stack without.
    let told = format!("{name}\n{stack}");
    Failure {
        at_ms,
        class: first_word(name),
        out_of_memory: OutOfMemory::is_told_by(&told),
        memory: OutOfMemory::told_by(&told),
    }
}

/// The class in front of a message: messages can hold data.
fn first_word(text: &str) -> String {
    text.split([':', ' ', '\n', '\r'])
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_are_not_kept_and_memory_is_noticed() {
        let document: Object<Exceptions> = serde_json::from_value(json!({"exceptionHistory": {"entries": [
            {"exceptionName": "com.acme.PayException: card 4111", "stacktrace": "com.acme.PayException: card 4111", "timestamp": 5},
            {"exceptionName": "java.lang.RuntimeException", "timestamp": 9,
             "stacktrace": "java.lang.RuntimeException: x\nCaused by: java.lang.OutOfMemoryError: Java heap space"}]}})).expect("exceptions");
        let found = listed(&document);
        assert_eq!(found[0].at_ms, 9);
        assert!(found[0].out_of_memory);
        assert_eq!(found[1].class, "com.acme.PayException");
        assert!(!found[1].out_of_memory);
        assert_eq!(found[0].memory, Some(OutOfMemory::Heap));
        assert_eq!(found[1].memory, None);
    }

    #[test]
    fn each_kind_of_memory_is_told_by_its_own_words() {
        let table = [
            (
                "java.lang.OutOfMemoryError: Metaspace. The metaspace out-of-memory error has occurred.",
                true,
                Some(OutOfMemory::Metaspace),
            ),
            (
                "java.lang.OutOfMemoryError: Direct buffer memory. The direct out-of-memory error has occurred.",
                true,
                Some(OutOfMemory::Direct),
            ),
            (
                "java.lang.OutOfMemoryError: Cannot reserve 4194304 bytes of direct buffer memory",
                true,
                Some(OutOfMemory::Direct),
            ),
            (
                "java.lang.OutOfMemoryError: GC overhead limit exceeded",
                true,
                Some(OutOfMemory::GcOverhead),
            ),
            (
                "x\nCaused by: java.lang.OutOfMemoryError: Java heap space\n\tat a.B",
                true,
                Some(OutOfMemory::Heap),
            ),
            (
                "java.lang.OutOfMemoryError: unable to create new native thread",
                true,
                Some(OutOfMemory::Container),
            ),
            (
                "org.apache.flink.runtime.resourcemanager.exceptions.ResourceManagerException: Pod terminated, exitCode=137, reason=OOMKilled",
                true,
                Some(OutOfMemory::Container),
            ),
            (
                "Container [pid=1,containerID=c] is running beyond physical memory limits. Current usage: 4.0 GB",
                true,
                Some(OutOfMemory::Container),
            ),
            ("com.acme.Own: java.lang.OutOfMemoryError", true, None),
            ("java.io.IOException: out of disk", false, None),
        ];
        for (stack, out, kind) in table {
            let failure = failure(1, "n", stack);
            assert_eq!(
                (failure.out_of_memory, failure.memory),
                (out, kind),
                "{stack}"
            );
        }
    }
}
