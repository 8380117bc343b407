//! Where each value that a job goes by comes from: the default, the configuration's file, the job's own entry in it, or what its owner says
//! on the job.

use super::{Config, JobConfig};
use crate::owner::Owner;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Sections that no job goes by: servers, secrets, places.
const NOT_OF_JOBS: [&str; 11] = [
    "clusters",
    "forge",
    "history",
    "plugins",
    "policies",
    "proxy",
    "repository",
    "schedule",
    "seal",
    "tls",
    "version",
];

/// Keys of a job's entry that are no settings of it.
const NO_SETTINGS: [&str; 5] = ["access", "kind", "name", "namespace", "rest"];

/// One value in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its key: a path in the configuration, or the part of an annotation's key after `plimsoll.dev/`.
    pub key: String,
    /// The value; absent values are not told.
    pub value: Value,
    /// Where it comes from, for people.
    pub origin: String,
}

/// What the values of a job are made of.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// Its file; absent where there is none.
    pub file: Option<&'a str>,
    /// The paths that the file writes.
    pub written: &'a BTreeSet<String>,
    /// The job's own entry.
    pub entry: Option<&'a JobConfig>,
    /// What its owner says in the manifest, and where that is.
    pub manifest: Option<(&'a str, &'a Owner)>,
    /// What its owner says on the live resource.
    pub live: Option<&'a Owner>,
}

/// Every value that a job goes by, by key, each with its origin.
///
/// # Errors
/// When a value can't be shown as JSON.
pub fn settings_of(layers: Layers<'_>) -> Result<Vec<Setting>, serde_json::Error> {
    let file = layers.file.unwrap_or("the configuration");
    let mut found: BTreeMap<String, (Value, String)> = BTreeMap::new();
    let mut all = Map::new();
    if let Value::Object(sections) = serde_json::to_value(layers.config)? {
        let history = sections.get("history").cloned().unwrap_or_default();
        for key in ["minimum", "window"] {
            all.insert(format!("history.{key}"), history[key].clone());
        }
        let of_jobs = |key: &String| !NOT_OF_JOBS.contains(&key.as_str());
        all.extend(sections.into_iter().filter(|(key, _)| of_jobs(key)));
    }
    for (key, value) in leaves("", &Value::Object(all)) {
        let origin = if layers.written.contains(&key) {
            file.to_string()
        } else {
            "default".to_string()
        };
        found.insert(key, (value, origin));
    }
    if let Some(Value::Object(entry)) = layers.entry.map(serde_json::to_value).transpose()? {
        let own = entry
            .into_iter()
            .filter(|(key, _)| !NO_SETTINGS.contains(&key.as_str()));
        for (key, value) in leaves("", &Value::Object(own.collect())) {
            found.insert(key, (value, format!("{file}, the job's own entry")));
        }
    }
    for (key, value, origin) in owners(layers)? {
        found.insert(key, (value, origin));
    }
    Ok(found
        .into_iter()
        .map(|(key, (value, origin))| Setting { key, value, origin })
        .collect())
}

/// What the owner says in both places: of each the word that counts, and who says it.
fn owners(layers: Layers<'_>) -> Result<Vec<(String, Value, String)>, serde_json::Error> {
    let written = layers.manifest.map(|(_, owner)| owner.clone());
    let (written, live) = (
        written.unwrap_or_default(),
        layers.live.cloned().unwrap_or_default(),
    );
    let said = serde_json::to_value(&written)?;
    let counts = serde_json::to_value(written.and(live))?;
    let place = layers.manifest.map_or("the manifest", |(file, _)| file);
    let Value::Object(counts) = counts else {
        return Ok(Vec::new());
    };
    Ok(counts
        .into_iter()
        .map(|(key, value)| {
            let origin = if said.get(&key) == Some(&value) {
                format!("annotation in {place}")
            } else {
                "annotation on the cluster's resource".to_string()
            };
            let key = match key.as_str() {
                "hold_until_ms" => "hold-until".to_string(),
                "unreadable" => "not understood".to_string(),
                _ => key,
            };
            (key, value, origin)
        })
        .collect())
}

/// The paths that a configuration's text writes. A text that can't be read writes none: whoever asks has read it before.
pub fn written(text: &str) -> BTreeSet<String> {
    let read: Option<Value> = yaml_serde::from_str(text).ok();
    read.map(|value| leaves("", &value))
        .unwrap_or_default()
        .into_iter()
        .map(|(path, _)| path)
        .collect()
}

/// The values below a value, with their dotted paths; lists are values. What is absent is left out.
fn leaves(path: &str, value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Null => Vec::new(),
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(&path, value)
            })
            .collect(),
        other => vec![(path.to_string(), other.clone())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use serde_json::json;

    #[test]
    fn each_value_has_the_layer_that_set_it_last() {
        let text = "mode: propose\nslo: {lag: 90s}\nwatch: {window: 48h}\nclusters:\n- name: prod\n  jobs:\n  - {namespace: a, name: b, rest: \"http://b:8081\", tier: \"1\", slo: {lag: 30s}}\n";
        let config = parse("plimsoll.yaml", text).unwrap();
        let manifest = Owner::read(&json!({"annotations": {"plimsoll.dev/owner": "ada"}}));
        let live = Owner::read(
            &json!({"annotations": {"plimsoll.dev/mode": "report", "plimsoll.dev/tier": "0"}}),
        );
        let entry = config.clusters[0].jobs.first();
        let written = written(text);
        let found = settings_of(Layers {
            config: &config,
            file: Some("plimsoll.yaml"),
            written: &written,
            entry,
            manifest: Some(("apps/b.yaml", &manifest)),
            live: Some(&live),
        })
        .unwrap();
        let of = |key: &str| {
            let one = found.iter().find(|one| one.key == key).unwrap();
            (one.value.clone(), one.origin.clone())
        };
        let live = "annotation on the cluster's resource";
        for (key, origin) in [
            ("watch.window", "plimsoll.yaml"),
            ("watch.warm_up", "default"),
            ("slo.lag", "plimsoll.yaml, the job's own entry"),
            ("tier", live),
            ("mode", live),
            ("owner", "annotation in apps/b.yaml"),
        ] {
            assert_eq!(of(key).1, origin, "{key}");
        }
        assert_eq!(of("mode").0, json!("report"));
        assert!(found.iter().all(|one| !one.key.starts_with("clusters")));
        assert!(found.iter().all(|one| one.key != "rest"));
    }
}
