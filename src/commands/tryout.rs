//! `try URL`: verdicts, savings and gaps of whatever runs behind a Flink REST address. No configuration, no repository, no
//! Kubernetes; changes nothing and writes nothing.

use super::classify::{verdict_name, why};
use super::observe::duration;
use super::output::{say, say_json};
use super::table::{cut, table};
use super::try_prometheus;
use super::world::World;
use super::{Ended, Failure};
use crate::classify::{JobProfile, VerdictId, classify};
use crate::cli::{Common, Output, Try};
use crate::clients::flink_rest::{Http, Listing, Settings, list_jobs, read_job};
use crate::recommend::{Advice, Bounds, Direction, Present, no_size, recommend};
use crate::render::escape::terminal;
use crate::render::number;
use crate::snapshot::{Gap, History, JobKey, JobKind, JobState, Snapshot};
use futures::StreamExt;
use serde::Serialize;
use std::time::Duration;

/// Looks within the time given.
const LOOKS: u32 = 4;

/// What is told of one job.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    pub(super) name: String,
    /// `session-cluster`, `batch` or `finished`, where what runs has no size of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    pub(super) verdicts: Vec<TriedVerdict>,
    saving: TriedSaving,
    pub(super) gaps: Vec<Gap>,
}

#[derive(Debug, Serialize)]
pub(super) struct TriedVerdict {
    id: VerdictId,
    #[serde(skip_serializing_if = "Option::is_none")]
    vertex: Option<String>,
    signals: Vec<crate::classify::Signal>,
}

/// What could be saved as far as this short look tells; never tested.
#[derive(Debug, Serialize)]
pub(super) struct TriedSaving {
    /// Share of the present cost; 0 when nothing can be said or saved.
    share: f64,
    /// One sentence.
    message: String,
}

/// Carries the command out.
pub async fn run(common: &Common, args: &Try) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let total = duration(&args.duration)?;
    let settings = Settings {
        warm_up: Some(Duration::from_millis(300)),
        ..Settings::default()
    };
    let usage = |error: crate::clients::flink_rest::RestError| Failure::Usage(error.to_string());
    let rest = Http::new(&settings)
        .map_err(usage)?
        .at(&args.url)
        .map_err(usage)?;
    let listings = match list_jobs(&rest, &settings).await {
        Ok(listings) => listings,
        Err(error) => {
            return match try_prometheus::run(common, args, &world).await? {
                Some(ended) => Ok(ended),
                None => Err(Failure::Failed(error.into())),
            };
        }
    };
    let running: Vec<&Listing> = listings
        .iter()
        .filter(|listing| !listing.has_ended())
        .collect();
    if running.is_empty() {
        let gaps: Vec<Gap> = listings
            .iter()
            .map(|listing| {
                Gap::new(
                    listing.name.clone(),
                    format!("its state is {}: nothing runs", listing.state),
                )
            })
            .collect();
        match common.output {
            Output::Json => {
                say_json(&serde_json::json!({ "url": args.url, "jobs": [], "gaps": gaps }))?
            }
            _ => say(&format!(
                "No job runs at {}: {} ended ones. Start one and try again.",
                terminal(&args.url),
                listings.len()
            ))?,
        }
        return Ok(Ended::Done);
    }
    let keys: Vec<JobKey> = running.iter().map(|listing| key(listing)).collect();
    let pause = total / LOOKS;
    let mut snapshots: Vec<Vec<Snapshot>> = running.iter().map(|_| Vec::new()).collect();
    for look in 0..=LOOKS {
        let seen = futures::stream::iter(running.iter().zip(&keys).map(|(listing, key)| {
            read_job(
                &rest,
                key,
                Some(&listing.id),
                common.now.map(|moment| moment.ms),
                &settings,
            )
        }))
        .buffered(4)
        .collect::<Vec<_>>()
        .await;
        for (all, snapshot) in snapshots.iter_mut().zip(seen) {
            all.push(snapshot);
        }
        if look < LOOKS {
            tokio::time::sleep(pause).await;
        }
    }
    let version = snapshots
        .iter()
        .flatten()
        .find_map(|snapshot| snapshot.flink_version.clone());
    let task_managers = snapshots
        .iter()
        .filter_map(|all| all.last())
        .map(|snapshot| snapshot.task_managers.len())
        .max()
        .unwrap_or(0);
    let slots = snapshots
        .iter()
        .filter_map(|all| all.last()?.slots)
        .next_back();
    let tried: Vec<Tried> = running
        .iter()
        .zip(snapshots)
        .map(|(listing, snapshots)| judge(&world, &listing.name, snapshots, total))
        .collect();
    match common.output {
        Output::Json => say_json(&serde_json::json!({
            "url": args.url,
            "flink_version": version,
            "seconds": total.as_secs_f64(),
            "jobs": tried,
        }))?,
        _ => {
            let slots = slots.map_or_else(String::new, |slots| {
                format!(
                    " ({} slots, {} used)",
                    slots.total,
                    slots.total.saturating_sub(slots.available)
                )
            });
            let head = format!(
                "Flink {} at {} · {} jobs · {task_managers} TaskManagers{slots} · sampled {} s, changes nothing\n\n",
                terminal(version.as_deref().unwrap_or("?")),
                terminal(&args.url),
                tried.len(),
                total.as_secs(),
            );
            say(&(head + &text(&tried)))?;
        }
    }
    let silent: Vec<&str> = tried
        .iter()
        .filter(|tried| tried.verdicts.is_empty() && tried.state.is_none())
        .map(|tried| tried.name.as_str())
        .collect();
    Ok(Ended::with(&silent))
}

fn key(listing: &Listing) -> JobKey {
    JobKey {
        cluster: "try".to_string(),
        kind: JobKind::Deployment,
        namespace: "try".to_string(),
        name: listing.name.clone(),
    }
}

fn judge(world: &World, name: &str, snapshots: Vec<Snapshot>, total: Duration) -> Tried {
    let gaps = snapshots
        .last()
        .map(|snapshot| snapshot.gaps.clone())
        .unwrap_or_default();
    let reachable = snapshots
        .iter()
        .any(|snapshot| snapshot.state != JobState::Unreachable);
    let history = History::from_snapshots(snapshots);
    let (Some(history), true) = (history, reachable) else {
        return Tried {
            name: name.to_string(),
            state: None,
            verdicts: Vec::new(),
            saving: nothing("it could not be read"),
            gaps,
        };
    };
    // The thresholds are the product's; only the length of the history that they ask for is what this look has.
    let seconds = (total.as_secs() / 2).max(1);
    Tried {
        gaps,
        ..judged(world, name, &history, seconds)
    }
}

/// Verdicts and savings of a history, of which so many seconds are asked for.
pub(super) fn judged(world: &World, name: &str, history: &History, seconds: u64) -> Tried {
    let mut rooms = world.rooms(&history.job);
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

fn nothing(message: &str) -> TriedSaving {
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

/// The table of verdicts.
pub(super) fn rows(tried: &[Tried]) -> String {
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

fn text(tried: &[Tried]) -> String {
    let mut out = rows(tried);
    out.push_str("\n! Seconds are not a day: sizes need 24 h of history. Next: list the job in plimsoll.yaml, then\n    plimsoll observe --for 24h --every 60s\n");
    let mut gaps: Vec<String> = tried
        .iter()
        .flat_map(|tried| {
            tried
                .gaps
                .iter()
                .map(|gap| format!("{} ({})", terminal(&gap.what), terminal(&gap.reason)))
        })
        .collect();
    gaps.sort();
    gaps.dedup();
    if !gaps.is_empty() {
        out.push_str(&format!("  Missing: {}\n", gaps.join(", ")));
    }
    out
}
