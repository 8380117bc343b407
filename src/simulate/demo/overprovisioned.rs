//! Jobs that pay for far more than they use.

use super::jobs::{GIB, MIB, below, day, job, kafka, line, sink};
use crate::simulate::model::spec::{Backend, JobSpec, StateSpec, VertexSpec};

pub(super) fn all(start_ms: i64) -> Vec<JobSpec> {
    vec![
        orders(start_ms),
        sessions(start_ms),
        parcels(start_ms),
        attribution(start_ms),
        device_metrics(start_ms),
    ]
}

fn orders(start_ms: i64) -> JobSpec {
    let mut orders = job(
        "payments",
        "orders-enrich",
        start_ms,
        line(
            kafka(
                "Source: orders",
                "orders",
                24,
                (12.0, 0.0),
                day(24_000.0, 0.35),
            ),
            "Enrich -> Map",
            (60.0, 10.0),
            "orders-enriched: Writer",
            (25.0, 8.0),
        ),
    );
    orders.checkpoints.interval_ms = 120_000;
    orders.stands_for = Some("overprovisioned-cpu");
    orders
}

fn sessions(start_ms: i64) -> JobSpec {
    let mut sessions = job(
        "search",
        "click-sessions",
        start_ms,
        line(
            kafka(
                "Source: clicks[1]",
                "clicks",
                32,
                (15.0, 0.0),
                day(11_500.0, 0.4),
            ),
            "SessionWindow",
            (85.0, 6.0),
            "sessions: Writer",
            (30.0, 10.0),
        ),
    );
    sessions.flink_version = "2.2.1".to_string();
    sessions.state = StateSpec {
        backend: Backend::RocksDb,
        bytes: 6.0 * GIB,
        growth_per_day: 0.01 * GIB,
        hot_share: 0.15,
        miss_wait_us: 180.0,
        miss_cpu_us: 40.0,
        changed_share: 0.06,
    };
    sessions.checkpoints.interval_ms = 180_000;
    sessions.stands_for = Some("overprovisioned-cpu");
    sessions
}

fn parcels(start_ms: i64) -> JobSpec {
    let mut parcels = job(
        "logistics",
        "parcel-tracking",
        start_ms,
        line(
            kafka(
                "Source: parcel-scans",
                "parcel-scans",
                12,
                (18.0, 0.0),
                day(5_600.0, 0.3),
            ),
            "Track",
            (110.0, 12.0),
            "tracking: Writer",
            (28.0, 12.0),
        ),
    );
    parcels.state.bytes = 260.0 * MIB;
    parcels.checkpoints.interval_ms = 120_000;
    parcels.stands_for = Some("overprovisioned-memory");
    parcels
}

fn attribution(start_ms: i64) -> JobSpec {
    let mut attribution = job(
        "marketing",
        "campaign-attribution",
        start_ms,
        line(
            kafka(
                "Source: impressions",
                "impressions",
                40,
                (14.0, 0.0),
                day(14_000.0, 0.3),
            ),
            "Attribute",
            (95.0, 8.0),
            "attributions: Writer",
            (26.0, 9.0),
        ),
    );
    attribution.checkpoints.interval_ms = 300_000;
    attribution.stands_for = Some("overprovisioned-slots");
    attribution
}

/// Two branches below one source, one parallelism for all.
fn device_metrics(start_ms: i64) -> JobSpec {
    let parse = VertexSpec {
        selectivity: 0.9,
        ..below(0, "REBALANCE", VertexSpec::new("Parse", 18.0, 0.0))
    };
    let rollup = VertexSpec {
        selectivity: 0.1,
        stateful: true,
        ..below(1, "HASH", VertexSpec::new("Rollup", 32.0, 0.0))
    };
    let anomaly = VertexSpec {
        selectivity: 0.02,
        stateful: true,
        ..below(1, "HASH", VertexSpec::new("Anomaly", 26.0, 0.0))
    };
    let mut job = job(
        "telemetry",
        "device-metrics",
        start_ms,
        vec![
            kafka(
                "Source: device-metrics",
                "device-metrics",
                48,
                (9.0, 0.0),
                day(38_000.0, 0.25),
            ),
            parse,
            rollup,
            anomaly,
            sink(2, "rollups: Writer", 20.0, 12.0),
            sink(3, "Sink: alerts", 20.0, 20.0),
        ],
    );
    job.flink_version = "2.2.1".to_string();
    job.state.bytes = 900.0 * MIB;
    job.checkpoints.interval_ms = 120_000;
    job.memory.garbage_per_record = 2_000.0;
    job.stands_for = Some("overprovisioned-cpu");
    job
}
