//! The bottleneck is a sink, and it waits rather than computes.

use super::external_wait::waits;
use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

pub(super) fn judge(window: &Window<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for pressed in &window.pressed {
        let vertex = &window.vertices[pressed.vertex];
        if vertex.is_source() || !window.is_sink(vertex) {
            continue;
        }
        let Some(mut signals) = waits(window, vertex, |pick| window.series_pressed(pressed, pick))
        else {
            continue;
        };
        signals.swap(0, 1);
        let held = window
            .series_pressed(pressed, |point| window.backpressure(point))
            .quantile(0.5);
        if let Some(share) = held {
            signals.push(signal(
                "backpressured above it",
                share,
                Unit::Share,
                window.settings.backpressure_high,
            ));
        }
        verdicts.push(Verdict {
            id: VerdictId::SinkBound,
            vertex: Some(window.name(vertex)),
            signals,
        });
    }
    verdicts
}
