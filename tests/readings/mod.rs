//! Small jobs made after what people report: each file of `fixtures/readings` is a job with a fault of one kind, what is right about it, and
//! a control that differs in that fault alone (a JSON merge patch).

mod job_manager;

use job_manager::{BEGIN_MS, JobManager};
use plimsoll::classify::{self, JobProfile, classify};
use plimsoll::clients::flink_rest::{Settings, read_job};
use plimsoll::evaluate;
use plimsoll::flink::version::FlinkVersion;
use plimsoll::recommend::{
    Advice, Bounds, Direction, Present, Prices, Recommendation, Size, recommend,
};
use plimsoll::snapshot::{History, JobKey};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;

const LOOKS: i64 = 40;
const STEP_MS: i64 = 300_000;
const MIB: u64 = 1 << 20;

/// RFC 7386.
fn patch(document: &mut Value, by: &Value) {
    let Some(fields) = by.as_object() else {
        *document = by.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Default::default());
    }
    for (name, value) in fields {
        if value.is_null() {
            document.as_object_mut().expect("an object").remove(name);
        } else {
            // A list is patched by place where the patch names places: {"0": …}.
            let place = &mut document[name.as_str()];
            match (place.as_array_mut(), value.as_object()) {
                (Some(list), Some(by_place))
                    if !by_place.is_empty()
                        && by_place.keys().all(|key| key.parse::<usize>().is_ok()) =>
                {
                    for (at, value) in by_place {
                        patch(&mut list[at.parse::<usize>().expect("a place")], value);
                    }
                }
                _ => patch(place, value),
            }
        }
    }
}

fn history(case: &Value) -> History {
    let manager = JobManager::new(case.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let name = case["flink_job"].as_str();
    let job: JobKey = "prod/deployment/payments/case".parse().expect("key");
    let looks = (0..LOOKS).map(|look| {
        let now_ms = BEGIN_MS + look * STEP_MS;
        manager.now_ms.store(now_ms, Ordering::Relaxed);
        runtime.block_on(read_job(
            &manager,
            &job,
            name,
            Some(now_ms),
            &Settings::default(),
        ))
    });
    History::from_snapshots(looks.collect()).expect("looks")
}

fn present(case: &Value, history: &History) -> Option<Present> {
    let manifest = &case["manifest"];
    if manifest.is_null() {
        return Present::observed(history, &Prices::default());
    }
    let number = |name: &str| manifest[name].as_u64().expect(name);
    let seen = history.latest_running.as_ref()?;
    let slots = number("slots") as u32;
    let parallelism = number("parallelism") as u32;
    let mut configuration = seen.configuration.clone();
    configuration.insert(
        "taskmanager.memory.process.size".into(),
        format!("{}m", number("memory_mib")),
    );
    Some(Present {
        size: Size {
            parallelism,
            task_managers: parallelism.div_ceil(slots),
            slots_per_task_manager: slots,
            memory_bytes: number("memory_mib") * MIB,
            cpu_millis: number("cpu_millis"),
            ..Size::default()
        },
        prices: Prices::default(),
        configuration,
        version: FlinkVersion::V1_20,
    })
}

fn advice(history: &History, profile: &JobProfile, case: &Value) -> Option<Advice> {
    let load = evaluate::Settings {
        minimum_history_seconds: 7_200,
        ..evaluate::Settings::default()
    };
    let present = present(case, history)?;
    let bounds = Bounds::default();
    Some(recommend(
        history,
        profile,
        &present,
        &bounds,
        &load,
        &Default::default(),
    ))
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(|one| Some(one.as_str()?.to_string()))
        .collect()
}

fn judge(name: &str, case: &Value, expect: &Value) -> Vec<String> {
    let history = history(case);
    let settings = classify::Settings {
        minimum_history_seconds: 7_200,
        ..classify::Settings::default()
    };
    let profile = classify(&history, &settings);
    let said: BTreeSet<&str> = profile
        .verdicts
        .iter()
        .map(|verdict| verdict.id.as_str())
        .collect();
    let mut wrong = Vec::new();
    for id in strings(&expect["must"]) {
        if !said.contains(id.as_str()) {
            wrong.push(format!("{name}: {id} is missing among {said:?}"));
        }
    }
    for id in strings(&expect["must_not"]) {
        if said.contains(id.as_str()) {
            wrong.push(format!("{name}: {id} is wrong among {said:?}"));
        }
    }
    let gaps: Vec<String> = profile
        .gaps
        .iter()
        .map(|gap| format!("{}: {}", gap.what, gap.reason))
        .collect();
    for words in strings(&expect["gaps"]) {
        if !gaps.iter().any(|gap| gap.contains(&words)) {
            wrong.push(format!("{name}: no gap says `{words}`: {gaps:#?}"));
        }
    }
    for words in strings(&expect["no_gaps"]) {
        if gaps.iter().any(|gap| gap.contains(&words)) {
            wrong.push(format!("{name}: a gap says `{words}`: {gaps:#?}"));
        }
    }
    for words in strings(&expect["bars"]) {
        if !profile.bars.iter().any(|bar| bar.code == words) {
            wrong.push(format!(
                "{name}: nothing is barred by `{words}`: {:?}",
                profile.bars
            ));
        }
    }
    let advice = advice(&history, &profile, case);
    let word = match &advice {
        None => "size-unknown",
        Some(Advice::Change(change)) if change.direction == Direction::Shrink => "shrink",
        Some(Advice::Change(_)) => "grow",
        Some(Advice::Keep(keep)) => keep.reason.as_str(),
        Some(Advice::Undetermined(undetermined)) => undetermined.reason.as_str(),
    };
    let allowed = strings(&expect["advice"]);
    if !allowed.is_empty() && !allowed.iter().any(|one| one == word) {
        wrong.push(format!(
            "{name}: the advice is `{word}`, not one of {allowed:?}: {advice:#?}"
        ));
    }
    if let Some(Advice::Change(change)) = &advice {
        wrong.extend(of_a_change(name, change, &profile, expect));
    }
    if let Some(most) = expect["most_parallelism"].as_u64()
        && let Some(Advice::Change(change)) = &advice
        && u64::from(change.proposed.parallelism) > most
    {
        wrong.push(format!(
            "{name}: parallelism {} of at most {most}",
            change.proposed.parallelism
        ));
    }
    if let Some(rates) = expect["carries"].as_object() {
        let load = evaluate::Settings {
            minimum_history_seconds: 7_200,
            ..evaluate::Settings::default()
        };
        let demand = evaluate::demand(&history, &load).expect("a demand");
        let found = evaluate::capacities(&history, &demand);
        for (vertex, rate) in rates {
            let carries = found
                .iter()
                .find(|one| one.name == *vertex)
                .map(|one| one.true_rate_per_second);
            let rate = rate.as_f64().expect("a rate");
            if carries.is_none_or(|carries| (carries / rate - 1.0).abs() > 0.05) {
                wrong.push(format!("{name}: {vertex} carries {carries:?}, not {rate}"));
            }
        }
    }
    wrong
}

fn of_a_change(
    name: &str,
    change: &Recommendation,
    profile: &JobProfile,
    expect: &Value,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let (now, then) = (&change.now, &change.proposed);
    let all = |each: u64, size: &Size| each * u64::from(size.task_managers);
    let barred = |resource| profile.bar(resource).is_some();
    use plimsoll::classify::Resource;
    if barred(Resource::Slots) && then.slots() < now.slots()
        || barred(Resource::Cpu) && all(then.cpu_millis, then) < all(now.cpu_millis, now)
        || barred(Resource::Memory) && all(then.memory_bytes, then) < all(now.memory_bytes, now)
        || barred(Resource::Process) && then.memory_bytes < now.memory_bytes
    {
        wrong.push(format!(
            "{name}: what is barred shrinks: {now:?} → {then:?}"
        ));
    }
    for option in strings(&expect["raises"]) {
        if !then.options.contains_key(&option) {
            wrong.push(format!(
                "{name}: `{option}` is not raised: {:?}",
                then.options
            ));
        }
    }
    if expect["process"] == "not smaller" && then.memory_bytes < now.memory_bytes {
        wrong.push(format!(
            "{name}: the process gets smaller: {now:?} → {then:?}"
        ));
    }
    if let Some(most) = expect["most_memory_mib"].as_u64()
        && then.memory_bytes > most * MIB
    {
        wrong.push(format!(
            "{name}: {} MiB of at most {most}",
            then.memory_bytes / MIB
        ));
    }
    wrong
}

#[test]
fn readings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/readings");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("fixtures/readings")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let base = crate::recordings::json(&folder.join("base/job_manager.json"));
    let mut wrong = Vec::new();
    for file in &files {
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .to_string();
        let fault = crate::recordings::json(file);
        let mut case = base.clone();
        patch(&mut case, &fault["job_manager"]);
        wrong.extend(judge(&name, &case, &fault["expect"]));
        // Every fault has a control that differs in it alone.
        let control = &fault["control"];
        assert!(control["patch"].is_object(), "{name} has no control");
        patch(&mut case, &control["patch"]);
        wrong.extend(judge(
            &format!("{name}, control"),
            &case,
            &control["expect"],
        ));
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        files.len(),
        wrong.join("\n")
    );
}
