//! Verdicts for people.

use super::table::cut;
use crate::classify::Verdict;
use crate::render::escape::terminal;
use crate::render::words;

/// A verdict with its vertex: `cpu-bound at Join`.
pub fn verdict_name(verdict: &Verdict) -> String {
    match &verdict.vertex {
        Some(vertex) => format!("{} at {}", verdict.id, cut(&terminal(&vertex.name), 28)),
        None => verdict.id.to_string(),
    }
}

/// A verdict's numbers in one line.
pub fn why(verdict: &Verdict) -> String {
    let parts: Vec<String> = verdict
        .signals
        .iter()
        .take(3)
        .map(|signal| format!("{} {}", terminal(&signal.name), words::signal_value(signal)))
        .collect();
    cut(&parts.join(", "), 110)
}
