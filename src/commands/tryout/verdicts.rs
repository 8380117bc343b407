//! What `try` shows of one job, whichever way it was looked at.

use crate::classify::{JobProfile, VerdictId, classify};
use crate::commands::ending::Ended;
use crate::commands::table::{cut, table};
use crate::commands::verdicts::{verdict_name, why};
use crate::evaluate::plugin::Told;
use crate::pass::Settings;
use crate::recommend::{Advice, Bounds, Direction, Present, no_size, recommend};
use crate::render::escape::terminal;
use crate::render::number;
use crate::snapshot::{Gap, History};
use serde::Serialize;

/// What is shown of one job.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// `session-cluster`, `batch` or `finished`, where what runs has no size of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Its verdicts; none when it could not be read, or where its state has none.
    pub verdicts: Vec<TriedVerdict>,
    /// What could be saved.
    pub saving: TriedSaving,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// One verdict.
#[derive(Debug, Serialize)]
pub struct TriedVerdict {
    id: VerdictId,
    #[serde(skip_serializing_if = "Option::is_none")]
    vertex: Option<String>,
    signals: Vec<crate::classify::Signal>,
}

/// What could be saved as far as this short look tells; never tested.
#[derive(Debug, Serialize)]
pub struct TriedSaving {
    /// Share of the present cost; 0 when nothing can be said or saved.
    share: f64,
    /// One sentence.
    message: String,
}

/// Verdicts and savings of a history, of which so many seconds are asked for.
pub fn judged(settings: &Settings, name: &str, history: &History, seconds: u64) -> Tried {
    let mut rooms = settings.rooms(&history.job, Told::default());
    rooms.classify.minimum_history_seconds = seconds;
    rooms.evaluate.minimum_history_seconds = seconds;
    let profile = classify(history, &rooms.classify);
    let state = no_size(profile.workload);
    let saving = match Present::observed(history, &rooms.prices) {
        _ if state.is_some() => nothing(state.as_ref().map_or("", |state| &state.message)),
        None => nothing(
            "what its TaskManagers are paid for (CPU, memory) is not told: no saving is stated",
        ),
        Some(present) => {
            let advice = recommend(
                history,
                &profile,
                &present,
                &Bounds::default(),
                &rooms.evaluate,
                &rooms.recommend,
            );
            saving(&advice)
        }
    };
    Tried {
        name: name.to_string(),
        state: state.map(|state| state.reason.to_string()),
        verdicts: verdicts(&profile),
        saving,
        gaps: profile.gaps,
    }
}

fn verdicts(profile: &JobProfile) -> Vec<TriedVerdict> {
    profile
        .verdicts
        .iter()
        .map(|verdict| TriedVerdict {
            id: verdict.id,
            vertex: verdict.vertex.as_ref().map(|vertex| vertex.name.clone()),
            signals: verdict.signals.clone(),
        })
        .collect()
}

pub fn nothing(message: &str) -> TriedSaving {
    TriedSaving {
        share: 0.0,
        message: message.to_string(),
    }
}

fn saving(advice: &Advice) -> TriedSaving {
    match advice {
        Advice::Change(recommendation) if recommendation.direction == Direction::Shrink => {
            TriedSaving {
                share: recommendation.saving.share,
                message: format!(
                    "~{} (not tested)",
                    number::percent(recommendation.saving.share)
                ),
            }
        }
        Advice::Change(recommendation) => TriedSaving {
            share: 0.0,
            message: format!(
                "grow: {} → {} slots",
                recommendation.now.slots(),
                recommendation.proposed.slots()
            ),
        },
        Advice::Keep(keep) => nothing(&keep.message),
        Advice::Undetermined(undetermined) => nothing(&undetermined.message),
    }
}

/// Partly done when a job could not be read.
pub fn ending(tried: &[Tried]) -> Ended {
    let silent: Vec<&str> = tried
        .iter()
        .filter(|tried| tried.verdicts.is_empty() && tried.state.is_none())
        .map(|tried| tried.name.as_str())
        .collect();
    Ended::with(&silent)
}

/// The table of verdicts.
pub fn rows(tried: &[Tried]) -> String {
    let mut rows = Vec::new();
    for tried in tried {
        let name = cut(&terminal(&tried.name), 32);
        if tried.verdicts.is_empty() {
            rows.push(vec![
                name.clone(),
                tried
                    .state
                    .clone()
                    .unwrap_or_else(|| "not readable".to_string()),
                String::new(),
                cut(&terminal(&tried.saving.message), 60),
            ]);
        }
        for (number, verdict) in tried.verdicts.iter().enumerate() {
            let verdict = crate::classify::Verdict {
                id: verdict.id,
                vertex: verdict
                    .vertex
                    .clone()
                    .map(|name| crate::classify::VertexName {
                        id: String::new(),
                        name,
                    }),
                signals: verdict.signals.clone(),
            };
            let first = number == 0;
            rows.push(vec![
                if first { name.clone() } else { String::new() },
                verdict_name(&verdict),
                why(&verdict),
                if first {
                    cut(&terminal(&tried.saving.message), 60)
                } else {
                    String::new()
                },
            ]);
        }
    }
    table(&["JOB", "VERDICT", "WHY", "COULD SAVE"], &rows)
}
