//! Jobs of which little can be said, and one that is as it should be.

use super::jobs::{MIB, day, job, kafka, line};
use crate::simulate::model::spec::{JobSpec, Source, Telemetry, VertexSpec};

const HOUR_MS: i64 = 3_600_000;

pub(super) fn all(start_ms: i64, now_ms: i64) -> Vec<JobSpec> {
    vec![
        newsletter(start_ms),
        young(start_ms, now_ms),
        bridge(start_ms),
        limits(start_ms),
    ]
}

fn newsletter(start_ms: i64) -> JobSpec {
    let mut newsletter = job(
        "marketing",
        "newsletter-events",
        start_ms,
        line(
            kafka(
                "Source: newsletter",
                "newsletter",
                2,
                (20.0, 0.0),
                day(0.01, 0.3),
            ),
            "Classify",
            (80.0, 5.0),
            "newsletter-events: Writer",
            (30.0, 10.0),
        ),
    );
    newsletter.checkpoints.interval_ms = 300_000;
    newsletter.stands_for = Some("idle");
    newsletter
}

fn young(start_ms: i64, now_ms: i64) -> JobSpec {
    let mut young = job(
        "platform",
        "new-recommendations",
        (now_ms - 5 * HOUR_MS).max(start_ms),
        line(
            kafka(
                "Source: views[4]",
                "views",
                12,
                (12.0, 0.0),
                day(1_800.0, 0.3),
            ),
            "Recommend",
            (120.0, 15.0),
            "recommendations: Writer",
            (30.0, 12.0),
        ),
    );
    young.flink_version = "2.2.1".to_string();
    young.checkpoints.interval_ms = 120_000;
    young.stands_for = Some("insufficient-history");
    young
}

fn bridge(start_ms: i64) -> JobSpec {
    let mut bridge = job(
        "platform",
        "legacy-bridge",
        start_ms,
        line(
            VertexSpec {
                source: Some(Source {
                    load: day(400.0, 0.1),
                    topic: None,
                }),
                ..VertexSpec::new("Source: Custom Source", 30.0, 0.0)
            },
            "Bridge",
            (150.0, 20.0),
            "Sink: Unnamed",
            (40.0, 20.0),
        ),
    );
    bridge.telemetry = Telemetry::Blind;
    bridge.stands_for = Some("blind");
    bridge
}

fn limits(start_ms: i64) -> JobSpec {
    let mut limits = job(
        "risk",
        "limits-check",
        start_ms,
        line(
            kafka(
                "Source: bookings",
                "bookings",
                8,
                (40.0, 0.0),
                day(1_900.0, 0.22),
            ),
            "CheckLimits",
            (500.0, 20.0),
            "limit-events: Writer",
            (40.0, 15.0),
        ),
    );
    limits.flink_version = "2.2.1".to_string();
    limits.memory.live_bytes = 240.0 * MIB;
    limits.memory.garbage_per_record = 12_000.0;
    limits.stands_for = Some("healthy");
    limits
}
