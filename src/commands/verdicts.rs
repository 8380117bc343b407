//! Verdicts for people.

use super::table::cut;
use crate::classify::{JobProfile, Verdict, cause};
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

/// What failed a job last, newest first, the same causes together: `3 × java.lang.OutOfMemoryError: metaspace ran out`.
pub fn causes(profile: &JobProfile) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for failure in &profile.failures {
        let told = cause(failure);
        match counted.iter_mut().find(|(known, _)| *known == told) {
            Some((_, count)) => *count += 1,
            None => counted.push((told, 1)),
        }
    }
    let line = |(told, count): &(String, usize)| match count {
        1 => terminal(told),
        count => format!("{count} × {}", terminal(told)),
    };
    counted.iter().map(line).collect()
}
