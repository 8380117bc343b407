//! Whether evidence is believed: its fields must be what the commit that brought it did to the manifests. Anyone who can write to the base
//! branch can lay a file into `.plimsoll/evidence/`; only what agrees with the commit's own difference is a change of ours.

use super::by_hand::{JobResources, Resources, same_field};
use crate::flink::field_path::FieldPath;
use crate::plan::value_at;
use crate::record::{Commit, Event, Evidence, FieldChange, LedgerEntry};
use crate::watch::same_value;
use serde_json::Value;

/// Why the evidence is not believed, one sentence; none where it is. `earlier` is evidence of the job that the same commit takes away: an
/// update of a branch that was brought onto the base commit by commit.
pub(super) fn doubt(
    evidence: &Evidence,
    digest: &str,
    commit: &Commit,
    earlier: &[Evidence],
    ledger: &[LedgerEntry],
    resources: &Resources<'_>,
) -> Option<String> {
    if is_without_git(digest, commit, ledger) {
        return None;
    }
    if evidence.fields.is_empty() {
        return Some("it names no field".to_string());
    }
    evidence
        .fields
        .iter()
        .find_map(|field| doubt_about(field, evidence, commit, earlier, resources))
}

/// Whether the change was made by the forge that edits files in place: its ledger is what brought it, and there is no commit.
fn is_without_git(digest: &str, commit: &Commit, ledger: &[LedgerEntry]) -> bool {
    let only_evidence = commit
        .files
        .keys()
        .all(|path| path.starts_with(".plimsoll/"));
    commit.parent.is_none()
        && only_evidence
        && ledger.iter().any(|entry| {
            entry.change == digest
                && matches!(&entry.event, Event::Merged { commit, .. } if commit.is_empty())
        })
}

fn doubt_about(
    field: &FieldChange,
    evidence: &Evidence,
    commit: &Commit,
    earlier: &[Evidence],
    resources: &Resources<'_>,
) -> Option<String> {
    let before = earlier
        .iter()
        .filter(|earlier| earlier.job == evidence.job)
        .flat_map(|earlier| &earlier.fields)
        .find(|other| same_field(&other.path, &field.path));
    let same = |one: Option<&Value>, two: Option<&Value>| same_value(&field.path, one, two);
    let Some(file) = commit.files.get(&field.file) else {
        // The commit renewed the evidence of what its branch had done before.
        let renews = before.is_some_and(|before| same(before.after.as_ref(), field.after.as_ref()));
        return (!renews).then(|| format!("the commit does not touch {}", field.file));
    };
    let read = |bytes: Option<&[u8]>| {
        bytes
            .map(|bytes| resources(&field.file, bytes))
            .unwrap_or_default()
    };
    let (then, now) = (read(file.before.as_deref()), read(file.after.as_deref()));
    // A layer may rename the job: then any object of the file may be meant.
    let named: Vec<&JobResources> = now.iter().filter(|found| is_of(found, evidence)).collect();
    let meant: Vec<&JobResources> = if named.is_empty() {
        now.iter().collect()
    } else {
        named
    };
    let doubt_of = |now: &JobResources| {
        let after = value(now, &field.path);
        if !same(after.as_ref(), field.after.as_ref()) {
            return Some(format!(
                "it says that {} becomes {}, and the commit leaves {}",
                field.path,
                shown(field.after.as_ref()),
                shown(after.as_ref())
            ));
        }
        let was = then
            .iter()
            .find(|then| then.job == now.job)
            .and_then(|then| value(then, &field.path));
        let began = same(was.as_ref(), field.before.as_ref())
            || before.is_some_and(|before| same(before.before.as_ref(), field.before.as_ref()));
        (!began).then(|| {
            format!(
                "it says that {} was {}, and before the commit it was {}",
                field.path,
                shown(field.before.as_ref()),
                shown(was.as_ref())
            )
        })
    };
    let mut doubts = meant.into_iter().map(doubt_of);
    // Values of a chart and patches hold no object: that the file was touched is all that can be told.
    let first = doubts.next()??;
    doubts.all(|doubt| doubt.is_some()).then_some(first)
}

/// Whether resources are those of the evidence's job. A manifest names no cluster, and may leave its namespace to whoever applies it.
fn is_of(found: &JobResources, evidence: &Evidence) -> bool {
    found.job.kind == evidence.job.kind && found.job.name == evidence.job.name
}

fn value(resources: &JobResources, path: &str) -> Option<Value> {
    if let Some(object) = &resources.object {
        return value_at(object, &path.parse::<FieldPath>().ok()?);
    }
    resources
        .fields
        .iter()
        .find(|(other, _)| same_field(other, path))
        .map(|(_, value)| value.clone())
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_string(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}
