//! `audit`: every resource change, from git alone.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::start::Start;
use super::table::{cut, table};
use crate::audit::ChangeRecord;
use crate::cli::{self, Common, Output};
use crate::pass::books;
use crate::render::escape::{csv, terminal};
use crate::render::{number, words};
use crate::world::repository_at;

/// Carries the command out.
pub fn run(common: &Common, args: &cli::Audit) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let repository = match &args.repository {
        Some(path) => repository_at(path, start.opened.config.repository.base.as_deref())?,
        None => start.repository(&args.forge)?,
    };
    let known = start.known_without_asking()?;
    let books = books(&repository, &known, start.now_ms())?;
    let changes: Vec<&ChangeRecord> = books
        .audit
        .changes
        .iter()
        .filter(|change| {
            args.since
                .is_none_or(|since| change.merged_at_ms >= since.ms)
        })
        .filter(|change| {
            common
                .cluster
                .as_ref()
                .is_none_or(|cluster| change.job.cluster == *cluster)
        })
        .collect();
    match common.output {
        Output::Json => {
            say_json(&serde_json::json!({ "changes": changes, "problems": books.problems }))?
        }
        Output::Csv => say(&as_csv(&changes))?,
        Output::Text => say(&text(&changes))?,
    }
    for problem in &books.problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&books.problems))
}

fn what(change: &ChangeRecord) -> String {
    change
        .fields
        .iter()
        .map(|field| {
            format!(
                "{} {} -> {}",
                short(&field.path),
                words::plain(field.before.as_ref()),
                words::plain(field.after.as_ref())
            )
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// The last part of a field's path: `memory`, `taskmanager.numberOfTaskSlots`.
fn short(path: &str) -> &str {
    match path.rsplit_once("[\"") {
        Some((_, option)) => option.trim_end_matches("\"]"),
        None => path.rsplit('.').next().unwrap_or(path),
    }
}

fn kind(change: &ChangeRecord) -> &'static str {
    match change.kind {
        Some(crate::record::ChangeKind::Rightsize) => "rightsize",
        Some(crate::record::ChangeKind::Revert) => "revert",
        None => "by hand",
    }
}

fn saved(change: &ChangeRecord) -> String {
    let money = |amount: Option<f64>| {
        amount.map_or_else(
            || "?".to_string(),
            |amount| number::money(amount, change.currency.as_deref().unwrap_or("USD")),
        )
    };
    match (change.predicted_per_month, change.realised_per_month) {
        (None, None) => String::new(),
        (predicted, realised) => format!("{} / {}", money(predicted), money(realised)),
    }
}

fn text(changes: &[&ChangeRecord]) -> String {
    if changes.is_empty() {
        return "no change of a job's resources was found".to_string();
    }
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| {
            vec![
                number::moment(change.merged_at_ms),
                terminal(&change.job.short()),
                kind(change).to_string(),
                terminal(&cut(&what(change), 70)),
                terminal(change.merged_by.as_deref().unwrap_or("?")),
                saved(change),
                change.outcome.as_str().to_string(),
                terminal(&cut(change.reasons.first().map_or("", String::as_str), 60)),
            ]
        })
        .collect();
    table(
        &[
            "MERGED",
            "JOB",
            "KIND",
            "WHAT",
            "BY",
            "SAID / SAVED",
            "OUTCOME",
            "WHY",
        ],
        &rows,
    )
}

fn as_csv(changes: &[&ChangeRecord]) -> String {
    let mut out = "merged_at,cluster,kind,namespace,name,change_kind,what,commit,pull_request,merged_by,predicted_per_month,realised_per_month,currency,outcome,reasons,evidence\n".to_string();
    for change in changes {
        let number =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
        let cells = [
            jiff::Timestamp::from_millisecond(change.merged_at_ms)
                .map_or_else(|_| String::new(), |time| time.to_string()),
            change.job.cluster.clone(),
            change.job.kind.to_string(),
            change.job.namespace.clone(),
            change.job.name.clone(),
            kind(change).to_string(),
            what(change),
            change.commit.clone(),
            change.pull_request.clone().unwrap_or_default(),
            change.merged_by.clone().unwrap_or_default(),
            number(change.predicted_per_month),
            number(change.realised_per_month),
            change.currency.clone().unwrap_or_default(),
            change.outcome.as_str().to_string(),
            change.reasons.join("; "),
            change.change.clone().unwrap_or_default(),
        ];
        out.push_str(&cells.map(|cell| csv(&cell)).join(","));
        out.push('\n');
    }
    out
}
