//! The window of samples: restarts, stabilization, trimming.

use std::collections::BTreeSet;

use super::collect::{CollectError, Listing, collect};
use super::input::RawSample;
use super::options::{Options, Profile};
use super::sample::History;
use super::topology::Topology;

/// What is remembered between passes of one job.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Window {
    /// Samples of this run of the job.
    pub history: History,
    /// Which metrics exist.
    pub listing: Listing,
}

/// What a pass says besides its sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Whether the window is full, so that a decision may follow.
    pub fully_collected: bool,
    /// Whether the job still stabilizes.
    pub stabilizing: bool,
    /// Ids of vertices excluded from scaling in this pass: configured, finished, without busy time.
    pub excluded: BTreeSet<String>,
}

/// Takes one pass into the window. `running_ms` is when the job entered RUNNING, Unix ms.
///
/// A failed pass leaves no sample, but a restart of the job it noticed has emptied the window.
pub fn observe(
    window: &mut Window,
    raw: &RawSample,
    running_ms: i64,
    topology: &Topology,
    options: &Options,
) -> Result<Pass, CollectError> {
    let now = raw.at_ms;
    if window
        .history
        .first_key_value()
        .is_some_and(|(first, _)| running_ms > *first)
    {
        *window = Window::default();
    }
    let stable_ms = running_ms.saturating_add(options.stabilization_ms);
    let stabilizing = now < stable_ms;
    // Looked up before this sample joins, so that the first stable sample never fills the window.
    let first_stable = window.history.range(stable_ms..).next().map(|(at, _)| *at);
    let full_ms = first_stable
        .unwrap_or(now)
        .saturating_add(options.metrics_window_ms);
    let collected = collect(
        raw,
        topology,
        options,
        stabilizing,
        &mut window.listing,
        &window.history,
    )?;
    window.history.insert(now, collected.sample);
    let fully_collected = !stabilizing && now >= full_ms;
    if fully_collected {
        let from = now.saturating_sub(options.metrics_window_ms);
        window.history = window.history.split_off(&from);
    }
    let finished = topology.vertices().filter(|vertex| vertex.finished);
    let mut excluded = options.excluded_vertices.clone();
    excluded.extend(finished.map(|vertex| vertex.id.to_string()));
    excluded.extend(collected.without_busy_time.iter().map(ToString::to_string));
    Ok(Pass {
        fully_collected,
        stabilizing,
        excluded,
    })
}

impl Window {
    /// The samples evaluation sees. Release 1.10 shows none while the job stabilizes.
    pub fn into_evaluated(self, pass: &Pass, options: &Options) -> History {
        if pass.stabilizing && options.profile == Profile::V1_10 {
            return History::new();
        }
        self.history
    }
}
