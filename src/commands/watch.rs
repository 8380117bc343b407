//! `watch`: judges what was merged, writes the ledger, proposes reverts.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::start::Start;
use super::table::table;
use crate::cli::{self, Common, Output};
use crate::pass::{self, Base, Manifests, Watched};
use crate::render::escape::terminal;
use crate::render::number;
use crate::watch::Assessment;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Watch) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let (store, unread) = start.history_without_file(&listed)?;
    let repository = start.repository(&args.forge)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    let mut followed = match &args.out {
        // Nothing is written but this file; with a token that may read, the forge says who merged.
        Some(file) => {
            let pull_requests = start.pull_requests(&args.forge).await;
            let watching = start.watching(&listed.fleet);
            let (followed, due) =
                pass::leave(watching, &store, &repository, &manifests, pull_requests)?;
            start.write_sealed(&due, file)?;
            followed
        }
        None => {
            let forge = start.forge(&args.forge)?;
            let watching = start.watching(&listed.fleet);
            pass::follow(watching, &store, &forge, &repository, &manifests).await?
        }
    };
    followed
        .problems
        .extend(listed.fleet.problems.iter().cloned());
    followed.problems.extend(unread);
    match common.output {
        Output::Json => {
            let mut document = serde_json::json!({ "changes": followed.watched });
            if let Some(blind) = &followed.blind {
                document["blind"] = serde_json::json!(blind);
            }
            say_json(&document)?;
        }
        _ => say(&text(&followed.watched))?,
    }
    for problem in &followed.problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&followed.problems))
}

/// The verdicts for people.
pub fn text(watched: &[Watched]) -> String {
    if watched.is_empty() {
        return "no merged change is being watched".to_string();
    }
    let rows: Vec<Vec<String>> = watched
        .iter()
        .map(|watched| {
            let (state, why) = match &watched.assessment {
                Assessment::Waiting { message, .. } => ("waiting", message.clone()),
                Assessment::Watching { until_ms, note, .. } => (
                    "watching",
                    format!(
                        "until {}{}",
                        number::moment(*until_ms),
                        note.as_ref()
                            .map_or_else(String::new, |note| format!("; {note}"))
                    ),
                ),
                Assessment::Settled {
                    realised_per_month,
                    currency,
                    ..
                } => (
                    "settled",
                    realised_per_month.map_or_else(String::new, |saved| {
                        format!(
                            "saves {} a month",
                            number::money(saved, currency.as_deref().unwrap_or("USD"))
                        )
                    }),
                ),
                Assessment::Regressed { breaches, .. } => (
                    "regressed",
                    breaches
                        .first()
                        .map_or_else(String::new, |breach| breach.message.clone()),
                ),
                Assessment::Blind { since_ms, .. } => (
                    "blind",
                    format!("no data since {}", number::moment(*since_ms)),
                ),
                Assessment::Superseded { by } => ("superseded", format!("by {by}")),
                Assessment::Reverted { by } => ("reverted", format!("by {by}")),
            };
            let old = watched.old_evidence.iter();
            let why = [why]
                .iter()
                .chain(old)
                .filter(|text| !text.is_empty())
                .cloned()
                .collect::<Vec<_>>()
                .join("; ");
            let done = watched.revert.as_ref().map_or_else(String::new, |done| {
                format!("{} {}", done.done.as_str(), done.what)
            });
            vec![
                terminal(&watched.job),
                state.to_string(),
                terminal(&why),
                terminal(&done),
            ]
        })
        .collect();
    table(&["JOB", "VERDICT", "WHY", "REVERT"], &rows)
}
