//! A plan carried out by a plug-in, in place of pull requests.

use super::proposed::{Done, Proposed};
use super::settings::Settings;
use super::side_by_side::sentence;
use crate::plan::{Plan, RealizeOutcome, RealizeRequest};
use crate::ports::Plugins;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;

/// Characters of a realizer's sentence that are kept.
const MOST_CHARACTERS: usize = 300;

/// Lets the configured realizer carry out what would be proposed; absent where none is configured.
pub async fn realize(
    settings: &Settings,
    plugins: &Plugins,
    plan: &Plan,
    now_ms: i64,
) -> Option<Vec<Proposed>> {
    let name = settings.realizer.as_ref()?;
    let realizer = plugins.realizers.get(name)?;
    let mut done = Vec::new();
    for (item, change) in plan.proposals() {
        let request = RealizeRequest::new(name, now_ms, change);
        let by = |message: &str| {
            let message: String = message.chars().take(MOST_CHARACTERS).collect();
            let colon = if message.is_empty() { "" } else { ": " };
            format!("{} by plug-in {name}{colon}{message}", item.job.short())
        };
        let job = item.job.to_string();
        done.push(
            match AssertUnwindSafe(realizer.realize(&request))
                .catch_unwind()
                .await
            {
                Ok(Ok(answer)) if answer.outcome == RealizeOutcome::Done => {
                    Proposed::new(&job, Done::Realized, by(&answer.message))
                }
                Ok(Ok(answer)) => Proposed::failed(&job, by(&answer.message)),
                Ok(Err(error)) => Proposed::failed(&job, by(&error.to_string())),
                Err(panic) => Proposed::failed(&job, by(&sentence(panic.as_ref()))),
            },
        );
    }
    Some(done)
}
