//! The signals that a judgement needs are missing.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};
use crate::snapshot::{Gap, Point, Vertex};

/// Records per second from which a flow that the sources do not emit says something.
const FLOWS: f64 = 100.0;
/// Records of the widest flow for each that the sources emit, from which they are taken to hand out splits.
const FAN_OUT: f64 = 100.0;

/// What is missing at every point, each as a gap.
pub(super) fn missing(window: &Window<'_>) -> Vec<Gap> {
    if window.points.is_empty() {
        return Vec::new();
    }
    let never = |seen: &dyn Fn(&Point) -> bool| !window.points.iter().any(|point| seen(point));
    let mut gaps = Vec::new();
    let mut note = |absent: bool, what: &str| {
        if absent {
            gaps.push(Gap::new(
                what,
                "it was not reported in any observation of the running job",
            ));
        }
    };
    note(window.vertices.is_empty(), "the job's graph");
    note(
        never(&|point| window.source_rate(point).is_some()),
        "records read by the sources",
    );
    note(never(&|point| window.busiest(point).is_some()), "busy time");
    note(
        never(&|point| window.backpressure(point).is_some()),
        "backpressure",
    );
    note(
        never(&|point| point.task_managers.cpu_cores.is_some()),
        "CPU used",
    );
    note(
        never(&|point| point.task_managers.heap_used.is_some()),
        "heap used",
    );
    if let Some(gap) = unread(window) {
        gaps.push(gap);
    }
    gaps
}

/// Sources that only hand out splits, where the flow does not tell which vertex reads them.
fn unread(window: &Window<'_>) -> Option<Gap> {
    let sources = || window.vertices.iter().filter(|vertex| vertex.is_source());
    let tells = |vertex: &Vertex| {
        vertex.reads_input == Some(true)
            || vertex.pending_records.is_some()
            || vertex.source_partitions.is_some()
    };
    if sources().any(tells) {
        return None;
    }
    let read = window
        .series(|point| window.source_rate(point))
        .quantile(0.5)?;
    let flows = window.series(|point| window.fastest(point)).quantile(0.5)?;
    (flows >= FLOWS && flows >= FAN_OUT * read).then(|| {
        Gap::new(
            "the job's input",
            format!(
                "the sources emit {read:.2} records/s and {flows:.0} flow behind them: they hand out splits, and which vertex reads is not told by the flow"
            ),
        )
    })
}

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let gaps = missing(window);
    if gaps.is_empty() {
        return None;
    }
    let signals = vec![
        signal(
            "needed signals missing, of seven",
            gaps.len() as f64,
            Unit::Count,
            1.0,
        ),
        signal(
            "observations of the running job",
            window.points.len() as f64,
            Unit::Count,
            None,
        ),
    ];
    Some(Verdict {
        id: VerdictId::Blind,
        vertex: None,
        signals,
    })
}
