//! What `check` finds out about clients: one line each, with the way to mend it.

mod forge;
mod kubernetes;
mod plugins;
mod prometheus;

pub use forge::forge;
pub use kubernetes::lines as kubernetes;
pub use plugins::lines as plugins;
pub use prometheus::{Asked as AskedOfPrometheus, lines as prometheus};

use crate::ports::ObserveError;
use crate::quantity::count;
use crate::snapshot::{JobState, Snapshot};
use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at.
    pub what: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, or what is wrong and how to mend it.
    pub message: String,
}

/// The line about one thing: what was found, or what is wrong.
pub fn line(what: impl Into<String>, result: Result<String, String>) -> Line {
    let (ok, message) = match result {
        Ok(message) => (true, message),
        Err(message) => (false, message),
    };
    Line {
        what: what.into(),
        ok,
        message,
    }
}

/// What one look says, or why it saw nothing.
///
/// # Errors
/// Why it saw nothing: `silent`, where the look itself does not say.
pub fn seen(look: Result<Snapshot, ObserveError>, silent: &str) -> Result<String, String> {
    let snapshot = look.map_err(|error| error.to_string())?;
    if snapshot.state == JobState::Unreachable {
        return Err(snapshot.gaps.first().map_or_else(
            || silent.to_string(),
            |gap| format!("{}: {}", gap.what, gap.reason),
        ));
    }
    let missing: Vec<&str> = snapshot.gaps.iter().map(|gap| gap.what.as_str()).collect();
    let missing = if missing.is_empty() {
        String::new()
    } else {
        format!("; missing: {}", missing.join(", "))
    };
    Ok(format!(
        "Flink {}, {}, {}{missing}",
        snapshot.flink_version.unwrap_or_default(),
        count(snapshot.vertices.len(), "vertex|vertices"),
        count(snapshot.task_managers.len(), "TaskManager")
    ))
}
