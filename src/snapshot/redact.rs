//! Snapshots that may be shared.

use super::{Gap, JobKey, LiveResource, Snapshot};
use crate::flink::sizing::is_sizing_option;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;

/// The fewest bytes of a key.
const LEAST_KEY: usize = 16;

/// What names are hashed with: who does not have it can't find a name by hashing guesses. The same key gives the same hashes, so that
/// snapshots that are shared at different times still fit together.
#[derive(Clone)]
pub struct RedactKey(Vec<u8>);

impl RedactKey {
    /// A key of at least 16 bytes; nothing where there are fewer.
    pub fn new(bytes: &[u8]) -> Option<RedactKey> {
        (bytes.len() >= LEAST_KEY).then(|| RedactKey(bytes.to_vec()))
    }

    /// HMAC-SHA256 (RFC 2104) of a text, hexadecimal.
    fn digest(&self, text: &str) -> String {
        // Keys of any length are taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return "0".repeat(64);
        };
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hashed(&self, word: &str, text: &str) -> String {
        format!("{word}-{}", &self.digest(text)[..10])
    }

    /// Ids keep their form: 32 hexadecimal digits.
    fn hashed_id(&self, id: &str) -> String {
        self.digest(id)[..32].to_string()
    }
}

impl fmt::Debug for RedactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactKey(…)")
    }
}

/// Options beside those that size a job whose values are numbers, sizes, durations or switches, and name nothing.
const PLAIN_OPTIONS: [&str; 6] = [
    "kubernetes.taskmanager.",
    "kubernetes.jobmanager.",
    "jobmanager.memory.",
    "pipeline.max-parallelism",
    "execution.checkpointing.",
    "metrics.fetcher.update-interval",
];

/// Packages whose exceptions are everybody's.
const PUBLIC_PACKAGES: [&str; 4] = ["java.", "javax.", "org.apache.", "org.rocksdb."];

/// The same snapshot without names: job, TaskManagers and ids become hashes with a key (equal names stay equal, also across snapshots with the
/// same key), vertices become `vertex-0`, `vertex-1`, …; options are reduced to those that name nothing; texts of gaps lose names, addresses
/// and every word that is not plain. Numbers stay.
pub fn redact(snapshot: &Snapshot, key: &RedactKey) -> Snapshot {
    let hashed = |word: &str, text: &str| key.hashed(word, text);
    let hashed_id = |id: &str| key.hashed_id(id);
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut shared = snapshot.clone();
    shared.job = JobKey {
        cluster: hashed("cluster", &snapshot.job.cluster),
        kind: snapshot.job.kind,
        namespace: hashed("namespace", &snapshot.job.namespace),
        name: hashed("job", &snapshot.job.name),
    };
    names.insert(snapshot.job.name.clone(), shared.job.name.clone());
    names.insert(snapshot.job.namespace.clone(), shared.job.namespace.clone());
    names.insert(snapshot.job.cluster.clone(), shared.job.cluster.clone());
    shared.job_id = snapshot.job_id.as_deref().map(&hashed_id);
    if let (Some(id), Some(hidden)) = (&snapshot.job_id, &shared.job_id) {
        names.insert(id.clone(), hidden.clone());
    }
    for (index, vertex) in shared.vertices.iter_mut().enumerate() {
        let (name, id) = (format!("vertex-{index}"), hashed_id(&vertex.id));
        names.insert(std::mem::replace(&mut vertex.name, name.clone()), name);
        names.insert(std::mem::replace(&mut vertex.id, id.clone()), id);
        for input in &mut vertex.inputs {
            input.vertex = hashed_id(&input.vertex);
        }
        vertex.slot_sharing_group = vertex.slot_sharing_group.as_deref().map(&hashed_id);
    }
    for (index, name) in shared.finished.iter_mut().enumerate() {
        let hidden = format!("finished-{index}");
        names.insert(std::mem::replace(name, hidden.clone()), hidden);
    }
    for task_manager in &mut shared.task_managers {
        let id = hashed("taskmanager", &task_manager.id);
        names.insert(std::mem::replace(&mut task_manager.id, id.clone()), id);
    }
    // Whoever named them may have named more than a metric.
    shared.external.clear();
    for failure in &mut shared.failures {
        if !PUBLIC_PACKAGES
            .iter()
            .any(|package| failure.class.starts_with(package))
        {
            failure.class = hashed("exception", &failure.class);
        }
    }
    shared
        .configuration
        .retain(|key, value| names_nothing(key, value));
    if let Some(resource) = &mut shared.resource {
        redact_resource(resource, &mut names, key);
    }
    for gap in &mut shared.gaps {
        *gap = if is_of_a_collector(gap) {
            Gap::new("collector", "(redacted)")
        } else {
            Gap::new(without(&names, &gap.what), without(&names, &gap.reason))
        };
    }
    shared
}

/// Whether a collector failed at it (`collector NAME`, `metric NAME of collector NAME`): its names and its last words are foreign, and may
/// name anything.
fn is_of_a_collector(gap: &Gap) -> bool {
    gap.what.starts_with("collector ") || gap.what.contains(" of collector ")
}

/// Labels, annotations, owner and errors name things; states, generations and sizes do not.
fn redact_resource(
    resource: &mut LiveResource,
    names: &mut BTreeMap<String, String>,
    key: &RedactKey,
) {
    resource.uid = resource.uid.as_deref().map(|uid| key.hashed_id(uid));
    resource.error = resource.error.as_ref().map(|_| "(redacted)".to_string());
    resource.unreadable = resource
        .unreadable
        .as_ref()
        .map(|_| "(redacted)".to_string());
    resource.owner = None;
    resource.labels.clear();
    resource.annotations.clear();
    if let Some(cluster) = &mut resource.session_cluster {
        let hidden = key.hashed("job", cluster);
        names.insert(std::mem::replace(cluster, hidden.clone()), hidden);
    }
    for fields in [Some(&mut resource.spec), resource.reconciled.as_mut()]
        .into_iter()
        .flatten()
    {
        fields.retain(
            |path, value| match path.strip_prefix("spec.flinkConfiguration.") {
                Some(option) => names_nothing(option, value),
                None => path != "spec.deploymentName",
            },
        );
    }
}

fn names_nothing(key: &str, value: &str) -> bool {
    let plain_value = value.len() <= 40
        && value
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || " .-_".contains(one));
    plain_value
        && (is_sizing_option(key) || PLAIN_OPTIONS.iter().any(|plain| key.starts_with(plain)))
        && ![
            // It names vertices by their ids.
            "overrides",
            "annotations",
            "labels",
            "service-account",
            "image",
            "storage",
            "dir",
        ]
        .iter()
        .any(|word| key.contains(word))
}

/// The text with each known name replaced, longest first, and every word cut out that is not plain: an address, a path, the name of a host or
/// of a class, an id. What is left is what Plimsoll says itself.
fn without(names: &BTreeMap<String, String>, text: &str) -> String {
    let mut ordered: Vec<(&String, &String)> =
        names.iter().filter(|(name, _)| !name.is_empty()).collect();
    ordered.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut text = text.to_string();
    for (name, hidden) in ordered {
        // A name of one letter is replaced where it is a word, else it would be every such letter.
        text = if name.len() > 1 {
            text.replace(name.as_str(), hidden)
        } else {
            let words = text.split(' ');
            words
                .map(|word| if word == name { hidden } else { word })
                .collect::<Vec<_>>()
                .join(" ")
        };
    }
    text.split(' ')
        .map(|word| if is_plain(word, names) { word } else { "(…)" })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a word is one of a sentence: letters, perhaps with a hyphen and with signs around it; a number; or what stands for a name.
fn is_plain(word: &str, names: &BTreeMap<String, String>) -> bool {
    let bare = word.trim_matches(|one: char| "()[]`\"',;:.!?".contains(one));
    let number = bare.len() <= 12
        && bare
            .chars()
            .all(|one| one.is_ascii_digit() || ".,%".contains(one));
    let letters = bare.len() <= 24
        && bare
            .chars()
            .all(|one| one.is_ascii_lowercase() || one == '-' || one == '\u{2019}');
    let capital = bare.len() <= 24
        && bare.chars().all(|one| one.is_ascii_alphabetic())
        && KNOWN_WORDS.contains(&bare);
    number || letters || capital || names.values().any(|hidden| hidden == bare)
}

/// Words with capitals that name nothing of the owner's.
const KNOWN_WORDS: [&str; 14] = [
    "JobManager",
    "TaskManager",
    "TaskManagers",
    "Flink",
    "Kubernetes",
    "JSON",
    "HTTP",
    "API",
    "REST",
    "GC",
    "CPU",
    "MiB",
    "No",
    "Not",
];
