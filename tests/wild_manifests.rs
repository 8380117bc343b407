//! Repositories as people keep them: each case is read from its folder, its job is planned, and the edit or the refusal is what the
//! case expects.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use plimsoll::clients::repository::FolderRepository;
use plimsoll::config::{MappedValues, ValuesMapping, parse};
use plimsoll::manifest::{Catalog, Change, Sought, Tree};
use plimsoll::plan::{Facts, Item, Rooms, object_key, plan_job};
use plimsoll::policy::{Mode, Standing};
use plimsoll::ports::Repository;
use plimsoll::simulate::demo;
use plimsoll::snapshot::{History, JobKey, JobKind, JobState, Point};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const HOUR_MS: i64 = 3_600_000;
/// 2026-03-02 06:00 UTC.
const NOW_MS: i64 = 1_772_431_200_000;

#[derive(Debug, Deserialize)]
struct Case {
    jobs: Vec<Job>,
    #[serde(default)]
    values: Vec<ValuesMapping>,
    expect: BTreeMap<String, Expected>,
}

#[derive(Debug, Deserialize)]
struct Job {
    namespace: String,
    name: String,
    kind: Option<JobKind>,
    cluster: Option<String>,
    manifest: Option<String>,
}

/// Exactly one of `edit`, `refuse` and `hold`. Words and codes with `|` are alternatives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The files that change.
    edit: Option<Vec<String>>,
    /// What stands in the diff.
    #[serde(default)]
    diff: Vec<String>,
    /// What stands in no output.
    #[serde(default)]
    hides: Vec<String>,
    /// The refusal's code.
    refuse: Option<String>,
    /// The reason for which the job is held.
    hold: Option<String>,
    /// What the sentence says.
    #[serde(default)]
    says: Vec<String>,
}

/// Thirty hours of the simulated job `payments/orders-enrich`: overprovisioned in every way.
fn history() -> History {
    let fleet = demo::fleet(7, NOW_MS, 30 * HOUR_MS).unwrap();
    let key = fleet.find("payments", "orders-enrich").unwrap().clone();
    let mut history = History::empty(key.clone());
    let mut before = None;
    for step in 0..=180 {
        let snapshot = fleet
            .snapshot(&key, NOW_MS - 30 * HOUR_MS + step * 600_000)
            .unwrap();
        if let Some(before) = &before {
            history.points.extend(Point::between(before, &snapshot));
        }
        if snapshot.state == JobState::Running {
            history.latest_running = Some(snapshot.clone());
        }
        history.latest = Some(snapshot.clone());
        before = Some(snapshot);
    }
    history
}

fn rooms() -> Rooms {
    Rooms {
        classify: Default::default(),
        evaluate: Default::default(),
        recommend: Default::default(),
        watch: Default::default(),
        prices: Default::default(),
        // Without rules every part of the size changes.
        rules: Vec::new(),
    }
}

fn key(job: &Job) -> JobKey {
    JobKey {
        cluster: job.cluster.clone().unwrap_or_else(|| "prod".into()),
        kind: job.kind.unwrap_or(JobKind::Deployment),
        namespace: job.namespace.clone(),
        name: job.name.clone(),
    }
}

/// Plans each job of a case; with the catalog's own proof that what was planned can be made again.
fn plan(folder: &Path, case: &Case, history: &History) -> Result<BTreeMap<String, Item>, String> {
    let repository = FolderRepository::open(&folder.join("tree")).unwrap();
    let tree = repository.tree().unwrap();
    let catalog = Catalog::read(&tree);
    let mut items = BTreeMap::new();
    for job in &case.jobs {
        let key = key(job);
        let free = |other: &&Job| other.manifest.is_none();
        let rivals = case.jobs.iter().filter(free).map(self::key);
        let mapped = MappedValues::of(&case.values, &key);
        let sought = Sought {
            manifest: job.manifest.clone(),
            namespaces: case
                .jobs
                .iter()
                .map(|other| other.namespace.clone())
                .filter(|of| *of != key.namespace)
                .collect(),
            rivals: rivals
                .filter(|other| *other != key && other.name == key.name)
                .map(|other| object_key(&other))
                .collect(),
            values: mapped.layers,
            values_are_its_own: mapped.own,
            values_shared_with: mapped.shared_with,
            ..Sought::new(object_key(&key))
        };
        let mut history = history.clone();
        history.job = key.clone();
        let located = catalog.find(&sought);
        let facts = Facts {
            history: &history,
            manifest: located.as_ref(),
            standing: Standing {
                mode: Mode::Propose,
                last_checkpoint_ms: Some(NOW_MS - 60_000),
                checkpointing: true,
                ..Standing::default()
            },
            watched: None,
            before: None,
            resource: None,
        };
        let item = plan_job(&key, &facts, &rooms(), &catalog, NOW_MS);
        if let (Some(change), Ok(located)) = (&item.change, &located) {
            let changes: Vec<Change> = change
                .fields
                .iter()
                .map(|field| Change {
                    path: field.path.parse().unwrap(),
                    value: field.after.clone().unwrap(),
                })
                .collect();
            let again = catalog.change(located, &changes, change.creates);
            let edited = again.map_err(|refusal| format!("not made again: {refusal}"))?;
            if let Some(out) = std::env::var_os("PLIMSOLL_WILD_OUT").map(PathBuf::from) {
                let out = out.join(folder.file_name().unwrap());
                for (file, bytes) in edited.files {
                    let place = out.join(file);
                    fs::create_dir_all(place.parent().unwrap()).unwrap();
                    fs::write(place, bytes).unwrap();
                }
                let planned = serde_json::json!({"job": key.short(), "fields": change.fields});
                fs::write(out.join("planned.json"), planned.to_string()).unwrap();
            }
        }
        items.insert(key.short(), item);
    }
    Ok(items)
}

fn any(text: &str, alternatives: &str) -> bool {
    alternatives.split('|').any(|one| text.contains(one))
}

fn judge(item: &Item, expected: &Expected) -> Result<(), String> {
    let said = format!("{} ({:?}, {})", item.message, item.state, item.reason);
    let whole = serde_json::to_string(item).unwrap();
    if let Some(secret) = expected.hides.iter().find(|secret| whole.contains(*secret)) {
        return Err(format!("tells {secret}"));
    }
    match (&expected.edit, &expected.refuse, &expected.hold) {
        (Some(files), None, None) => {
            let change = item.change.as_ref().ok_or(format!("no edit: {said}"))?;
            let heads = change
                .diff
                .lines()
                .filter_map(|line| line.strip_prefix("+++ b/"));
            let mut edited: Vec<&str> = heads.collect();
            edited.sort_unstable();
            let mut files: Vec<&str> = files.iter().map(String::as_str).collect();
            files.sort_unstable();
            if edited != files {
                return Err(format!("edits {edited:?}\n{}", change.diff));
            }
            match expected
                .diff
                .iter()
                .find(|line| !change.diff.contains(*line))
            {
                Some(line) => Err(format!("`{line}` is not in\n{}", change.diff)),
                None => Ok(()),
            }
        }
        (None, Some(code), None) => {
            let refused = item.state == plimsoll::plan::State::Refused;
            if !refused || !code.split('|').any(|code| code == item.reason.to_string()) {
                return Err(said);
            }
            match expected
                .says
                .iter()
                .find(|words| !any(&item.message, words))
            {
                Some(words) => Err(format!("does not say `{words}`: {said}")),
                None => Ok(()),
            }
        }
        (None, None, Some(reason)) => {
            let held =
                item.state == plimsoll::plan::State::Held && item.reason.to_string() == *reason;
            let quiet = expected
                .says
                .iter()
                .find(|words| !any(&item.message, words));
            if held && quiet.is_none() {
                Ok(())
            } else {
                Err(said)
            }
        }
        _ => Err("the case expects nothing, or two things at once".to_owned()),
    }
}

#[test]
fn wild_manifests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wild");
    let only = std::env::var("PLIMSOLL_WILD").unwrap_or_default();
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(&only))
        .collect();
    folders.sort();
    assert!(!folders.is_empty());
    let history = history();
    let mut failed = Vec::new();
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(folder.join("case.json")).unwrap();
        let case: Case = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let items = match plan(folder, &case, &history) {
            Ok(items) => items,
            Err(reason) => {
                failed.push(format!("{name}: {reason}"));
                continue;
            }
        };
        for (job, expected) in &case.expect {
            if let Err(reason) = judge(&items[job], expected) {
                failed.push(format!("{name}: {reason}"));
            }
        }
        if std::env::var_os("PLIMSOLL_WILD_SAY").is_some() {
            for item in items.values() {
                let _ = writeln!(
                    std::io::stdout(),
                    "{name}: {} {}",
                    item.reason,
                    item.message
                );
            }
        }
    }
    let count = folders.len();
    assert!(
        failed.is_empty(),
        "{} of {count} cases:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// The files of a page's section, by the path that stands in a comment before each.
fn files_of(section: &str) -> BTreeMap<String, String> {
    let parts = section.split("<!-- file: ").skip(1);
    parts
        .map(|part| {
            let (path, rest) = part.split_once(" -->").unwrap();
            let (_, block) = rest.split_once("```yaml\n").unwrap();
            let (text, _) = block.split_once("```").unwrap();
            (path.to_owned(), text.to_owned())
        })
        .collect()
}

/// Plans `payments/orders` with the files and the configuration of a page.
fn documented(files: &BTreeMap<String, String>, config: &str, history: &History) -> Item {
    let config = parse("plimsoll.yaml", config).unwrap();
    let tree: Tree = files
        .iter()
        .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
        .collect();
    let catalog = Catalog::read(&tree);
    let key: JobKey = "prod/deployment/payments/orders".parse().unwrap();
    let entry = config
        .clusters
        .iter()
        .flat_map(|cluster| &cluster.jobs)
        .find(|job| job.name == "orders");
    let mapped = MappedValues::of(&config.repository.values, &key);
    let located = catalog.find(&Sought {
        manifest: entry.and_then(|entry| entry.manifest.clone()),
        values: mapped.layers,
        values_are_its_own: mapped.own,
        ..Sought::new(object_key(&key))
    });
    let mut history = history.clone();
    history.job = key.clone();
    let facts = Facts {
        history: &history,
        manifest: located.as_ref(),
        standing: Standing {
            mode: Mode::Propose,
            last_checkpoint_ms: Some(NOW_MS - 60_000),
            checkpointing: true,
            ..Standing::default()
        },
        watched: None,
        before: None,
        resource: None,
    };
    plan_job(&key, &facts, &rooms(), &catalog, NOW_MS)
}

#[test]
fn the_examples_of_the_page_on_manifests_work_as_printed() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = fs::read_to_string(docs.join("manifests.md")).unwrap();
    let history = history();
    let mut codes = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let mut files = files_of(section);
        let Some(config) = files.remove("plimsoll.yaml") else {
            continue;
        };
        let heading = section.lines().next().unwrap();
        let code = heading.split('`').nth(1).unwrap();
        let item = documented(&files, &config, &history);
        assert!(item.change.is_some(), "{heading}: {}", item.message);
        // Without what the section adds, the refusal that it is about.
        let before = match code {
            "not-found" => documented(&BTreeMap::new(), &config, &history),
            _ => documented(&files, "repository: {path: .}\n", &history),
        };
        assert_eq!(before.reason.to_string(), code, "{}", before.message);
        codes.push(code.to_owned());
    }
    assert_eq!(codes, ["not-found", "templated-file", "ambiguous-target"]);
    let page = fs::read_to_string(docs.join("configuration.md")).unwrap();
    let (_, block) = page.split_once("```yaml\nrepository:\n  values:").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let values = "flink:\n  parallelism: 12\n  slots: 2\n  taskManager: {memory: 4096m, cpu: 2}\n";
    let files = BTreeMap::from([("charts/orders/values.yaml".to_owned(), values.to_owned())]);
    let item = documented(&files, &format!("repository:\n  values:{block}"), &history);
    assert!(item.change.is_some(), "{}", item.message);
}
