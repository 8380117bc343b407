//! A breach in one sentence.

use super::assessment::{Breach, Signal};

/// One sentence with the numbers of a breach: what was seen, its limit, what it was before, and the load meanwhile.
pub(super) fn sentence(breach: &Breach) -> String {
    let print = unit(breach.signal);
    let before = match breach.before {
        Some(before) => format!(", before the change {}", print(before)),
        None => String::new(),
    };
    let limit = print(breach.limit);
    format!("{} (limit {limit}{before}){}", seen(breach), load(breach))
}

/// How a signal's values are written.
fn unit(signal: Signal) -> fn(f64) -> String {
    match signal {
        Signal::NotRunning => time,
        Signal::OutOfMemory | Signal::Restarts => |count| format!("{count:.0}"),
        Signal::Lag | Signal::CheckpointDuration => |ms| format!("{:.0} s", ms / 1000.0),
        Signal::Backpressure | Signal::CheckpointFailures | Signal::GarbageCollection => {
            |share| format!("{:.0} %", share * 100.0)
        }
    }
}

fn seen(breach: &Breach) -> String {
    let value = unit(breach.signal)(breach.value);
    let lasted = time(breach.until_ms.saturating_sub(breach.since_ms) as f64);
    match breach.signal {
        Signal::NotRunning => format!("the job has not been running for {value}"),
        Signal::OutOfMemory if breach.value < 1.5 => "memory ran out once".to_string(),
        Signal::OutOfMemory => format!("memory ran out {value} times"),
        Signal::Restarts => format!("the job restarted {value} times within {lasted}"),
        Signal::Backpressure => {
            let vertex = breach.vertex.as_deref().unwrap_or("a vertex");
            format!("`{vertex}` was backpressured {value} of the time for {lasted}")
        }
        Signal::Lag => format!("the lag was {value} for {lasted}"),
        Signal::CheckpointDuration => format!("checkpoints took {value} (median of an hour)"),
        Signal::CheckpointFailures => format!("{value} of the checkpoints failed"),
        Signal::GarbageCollection => {
            format!("{value} of the time went into garbage collection for {lasted}")
        }
    }
}

fn load(breach: &Breach) -> String {
    match (breach.load_per_second, breach.sized_for_per_second) {
        (Some(load), Some(sized)) if breach.beyond_sized => {
            format!(" at {load:.0} records/s, more than the {sized:.0} it was sized for")
        }
        (Some(load), Some(sized)) => {
            format!(" at {load:.0} records/s; it was sized for {sized:.0}")
        }
        (Some(load), None) => format!(" at {load:.0} records/s"),
        (None, _) => String::new(),
    }
}

/// A time in minutes or hours.
fn time(ms: f64) -> String {
    let minutes = ms / 60_000.0;
    if minutes >= 120.0 {
        format!("{:.1} h", minutes / 60.0)
    } else {
        format!("{minutes:.0} min")
    }
}
