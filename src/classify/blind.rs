//! The signals that a judgement needs are missing.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};
use crate::snapshot::{Gap, Point};

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
        never(&|point| window.cpu_share(point).is_some()),
        "CPU used",
    );
    note(
        never(&|point| point.task_managers.heap_used.is_some()),
        "heap used",
    );
    gaps
}

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let gaps = missing(window);
    if gaps.is_empty() {
        return None;
    }
    let signals = vec![
        signal(
            "needed signals missing, of six",
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
