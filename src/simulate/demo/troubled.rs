//! Jobs with trouble: memory, checkpoints, failures.

use super::jobs::{GIB, MIB, day, job, kafka, line};
use crate::simulate::model::spec::{Backend, CheckpointSpec, FailureSpec, JobSpec, StateSpec};

pub(super) fn all(start_ms: i64) -> Vec<JobSpec> {
    vec![invoices(start_ms), ledger(start_ms), alerts(start_ms)]
}

fn invoices(start_ms: i64) -> JobSpec {
    let mut invoices = job(
        "billing",
        "invoice-aggregate",
        start_ms,
        line(
            kafka(
                "Source: invoice-lines",
                "invoice-lines",
                8,
                (20.0, 0.0),
                day(2_600.0, 0.2),
            ),
            "Aggregate",
            (190.0, 10.0),
            "invoices: Writer",
            (40.0, 15.0),
        ),
    );
    invoices.state.bytes = 850.0 * MIB;
    invoices.memory.garbage_per_record = 26_000.0;
    invoices.checkpoints.interval_ms = 120_000;
    invoices.stands_for = Some("memory-pressure");
    invoices
}

fn ledger(start_ms: i64) -> JobSpec {
    let mut ledger = job(
        "billing",
        "ledger-snapshots",
        start_ms,
        line(
            kafka(
                "Source: postings",
                "postings",
                16,
                (20.0, 0.0),
                day(3_300.0, 0.2),
            ),
            "Ledger",
            (300.0, 25.0),
            "balances: Writer",
            (40.0, 15.0),
        ),
    );
    ledger.state = StateSpec {
        backend: Backend::RocksDb,
        bytes: 44.0 * GIB,
        growth_per_day: 0.02 * GIB,
        hot_share: 0.1,
        miss_wait_us: 120.0,
        miss_cpu_us: 30.0,
        changed_share: 0.5,
    };
    ledger.checkpoints = CheckpointSpec {
        interval_ms: 60_000,
        timeout_ms: 75_000,
        unaligned: false,
        bytes_per_second: 80.0 * MIB,
        base_ms: 900.0,
    };
    ledger.stands_for = Some("checkpoint-thrash");
    ledger
}

fn alerts(start_ms: i64) -> JobSpec {
    let mut alerts = job(
        "telemetry",
        "alert-rules",
        start_ms,
        line(
            kafka(
                "Source: samples",
                "samples",
                8,
                (15.0, 0.0),
                day(3_000.0, 0.2),
            ),
            "Evaluate",
            (180.0, 10.0),
            "Sink: pager",
            (30.0, 40.0),
        ),
    );
    alerts.checkpoints.interval_ms = 30_000;
    alerts.failures = FailureSpec {
        per_day: 44.0,
        class: "java.net.SocketTimeoutException".to_string(),
    };
    alerts.stands_for = Some("unstable");
    alerts
}
