//! The heartbeat of a run: left in the ledger, and missed by the next run.

use crate::quantity::FlinkDuration;
use crate::record::{blind_since, heartbeat};
use crate::render::number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A time in which no run left a heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Blind {
    /// Since when, Unix milliseconds.
    pub from_ms: i64,
    /// Until when, Unix milliseconds.
    pub to_ms: i64,
    /// The same as a sentence.
    pub message: String,
}

/// What a run that comes now owes the ledger, and what it misses there.
#[derive(Debug, Default)]
pub struct Beat {
    /// The heartbeat, where this interval has none yet: path and bytes.
    pub file: Option<(String, Vec<u8>)>,
    /// The time before, where it was too long.
    pub blind: Option<Blind>,
}

/// What a run with so many jobs finds in the ledger, where one is due every so often. Where the configuration does not say how often,
/// nothing is left or missed.
pub fn due(
    every: Option<&FlinkDuration>,
    ledger: &BTreeMap<String, Vec<u8>>,
    jobs: usize,
    now_ms: i64,
) -> Beat {
    let Some(every) = every else {
        return Beat::default();
    };
    let every_ms = i64::try_from(every.millis()).unwrap_or(i64::MAX);
    let file = heartbeat(now_ms, every_ms, jobs);
    Beat {
        file: (!ledger.contains_key(&file.0)).then_some(file),
        blind: blind_since(ledger, now_ms, every_ms).map(|from_ms| Blind {
            from_ms,
            to_ms: now_ms,
            message: format!(
                "blind from {} to {}: no run came to its end, though one is due every {every}; what hurt in that time was not answered",
                number::moment(from_ms),
                number::moment(now_ms)
            ),
        }),
    }
}
