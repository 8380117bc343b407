//! The true nature of the demo's jobs: what each costs, how it is loaded, what is wrong with it.

use crate::simulate::demo::CLUSTER;
use crate::simulate::model::load::Load;
use crate::simulate::model::noise;
use crate::simulate::model::spec::{
    Backend, CheckpointSpec, Edge, FailureSpec, JobSpec, MemorySpec, Source, StateSpec, Telemetry,
    VertexSpec,
};
use crate::snapshot::{JobKey, JobKind};

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;
const HOUR_MS: i64 = 3_600_000;

/// All jobs of the demo; the young one starts five hours before `now_ms`.
pub(super) fn all(seed: u64, start_ms: i64, now_ms: i64) -> Vec<JobSpec> {
    let mut jobs = overprovisioned(start_ms);
    jobs.extend(bound(start_ms));
    jobs.extend(troubled(start_ms));
    jobs.extend(quiet(start_ms, now_ms));
    for (index, job) in jobs.iter_mut().enumerate() {
        job.seed = noise::mix(seed, 1, index as u64);
    }
    jobs
}

/// A job with modest state on the heap, checkpoints that take a second, and no troubles.
fn job(namespace: &str, name: &str, start_ms: i64, vertices: Vec<VertexSpec>) -> JobSpec {
    JobSpec {
        key: JobKey {
            cluster: CLUSTER.to_string(),
            kind: JobKind::Deployment,
            namespace: namespace.to_string(),
            name: name.to_string(),
        },
        seed: 0,
        flink_version: "1.20.5".to_string(),
        vertices,
        state: StateSpec {
            backend: Backend::Heap,
            bytes: 40.0 * MIB,
            growth_per_day: 0.0,
            hot_share: 0.2,
            miss_wait_us: 0.0,
            miss_cpu_us: 0.0,
            changed_share: 1.0,
        },
        memory: MemorySpec {
            live_bytes: 85.0 * MIB,
            live_bytes_per_slot: 18.0 * MIB,
            heap_per_state_byte: 2.0,
            garbage_per_record: 3_000.0,
            metaspace_bytes: 118.0 * MIB,
        },
        checkpoints: CheckpointSpec {
            interval_ms: 60_000,
            timeout_ms: 600_000,
            unaligned: false,
            bytes_per_second: 90.0 * MIB,
            base_ms: 450.0,
        },
        failures: FailureSpec {
            per_day: 0.0,
            class: String::new(),
        },
        telemetry: Telemetry::Full,
        slot_interference: 0.02,
        start_ms,
        lag_limit_seconds: 120.0,
        stands_for: None,
    }
}

fn kafka(name: &str, topic: &str, partitions: u32, cost: (f64, f64), load: Load) -> VertexSpec {
    VertexSpec {
        source: Some(Source {
            load,
            topic: Some((topic.to_string(), partitions)),
        }),
        ..VertexSpec::new(name, cost.0, cost.1)
    }
}

fn below(from: usize, strategy: &'static str, vertex: VertexSpec) -> VertexSpec {
    VertexSpec {
        inputs: vec![Edge { from, strategy }],
        ..vertex
    }
}

fn sink(from: usize, name: &str, cpu_us: f64, wait_us: f64) -> VertexSpec {
    VertexSpec {
        selectivity: 0.0,
        ..below(from, "FORWARD", VertexSpec::new(name, cpu_us, wait_us))
    }
}

fn day(base_per_second: f64, daily_swing: f64) -> Load {
    Load {
        daily_swing,
        ..Load::steady(base_per_second)
    }
}

/// A quiet order of things: source, one keyed step, sink.
fn line(
    source: VertexSpec,
    keyed: &str,
    cost: (f64, f64),
    out: &str,
    out_cost: (f64, f64),
) -> Vec<VertexSpec> {
    let step = VertexSpec {
        stateful: true,
        ..below(0, "HASH", VertexSpec::new(keyed, cost.0, cost.1))
    };
    vec![source, step, sink(1, out, out_cost.0, out_cost.1)]
}

fn overprovisioned(start_ms: i64) -> Vec<JobSpec> {
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
                day(6200.0, 0.35),
            ),
            "Enrich -> Map",
            (60.0, 10.0),
            "orders-enriched: Writer",
            (25.0, 8.0),
        ),
    );
    orders.checkpoints.interval_ms = 120_000;
    orders.stands_for = Some("overprovisioned-cpu");

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
                day(4600.0, 0.4),
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
                day(1500.0, 0.3),
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
                day(2100.0, 0.3),
            ),
            "Attribute",
            (95.0, 8.0),
            "attributions: Writer",
            (26.0, 9.0),
        ),
    );
    attribution.checkpoints.interval_ms = 300_000;
    attribution.stands_for = Some("overprovisioned-slots");

    vec![
        orders,
        sessions,
        parcels,
        attribution,
        device_metrics(start_ms),
    ]
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
                day(11_000.0, 0.25),
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

fn bound(start_ms: i64) -> Vec<JobSpec> {
    let features = below(0, "REBALANCE", VertexSpec::new("Features", 90.0, 4.0));
    let score = below(1, "HASH", VertexSpec::new("Score", 220.0, 4.0));
    let mut fraud = job(
        "risk",
        "fraud-score",
        start_ms,
        vec![
            kafka(
                "Source: transactions",
                "transactions",
                16,
                (20.0, 0.0),
                day(5300.0, 0.2),
            ),
            features,
            score,
            sink(2, "scores: Writer", 30.0, 6.0),
        ],
    );
    fraud.checkpoints.unaligned = true;
    fraud.stands_for = Some("cpu-bound");

    let lookup = below(0, "REBALANCE", VertexSpec::new("GeoLookup", 20.0, 1_850.0));
    let mut geo = job(
        "risk",
        "geo-lookup",
        start_ms,
        vec![
            kafka(
                "Source: logins",
                "logins",
                8,
                (15.0, 0.0),
                day(2100.0, 0.15),
            ),
            lookup,
            sink(1, "located: Writer", 20.0, 10.0),
        ],
    );
    geo.checkpoints.unaligned = true;
    geo.stands_for = Some("external-wait");

    let mut audit = job(
        "payments",
        "audit-sink",
        start_ms,
        line(
            kafka(
                "Source: orders",
                "orders",
                24,
                (14.0, 0.0),
                day(680.0, 0.15),
            ),
            "Format",
            (40.0, 0.0),
            "Sink: jdbc-audit",
            (60.0, 2_900.0),
        ),
    );
    audit.checkpoints.unaligned = true;
    audit.stands_for = Some("sink-bound");

    let mut trending = job(
        "search",
        "trending-topics",
        start_ms,
        line(
            kafka(
                "Source: mentions",
                "mentions",
                32,
                (10.0, 0.0),
                day(8_200.0, 0.2),
            ),
            "CountTopics",
            (240.0, 20.0),
            "trends: Writer",
            (8.0, 4.0),
        ),
    );
    trending.vertices[1].hot_share = 0.36;
    trending.vertices[1].selectivity = 0.2;
    trending.vertices[2].inputs[0].strategy = "REBALANCE";
    trending.checkpoints.unaligned = true;
    trending.stands_for = Some("skewed");

    let mut routes = job(
        "logistics",
        "route-events",
        start_ms,
        line(
            kafka(
                "Source: route-archive",
                "route-archive",
                2,
                (90.0, 700.0),
                day(2_500.0, 0.12),
            ),
            "Join",
            (45.0, 5.0),
            "routes: Writer",
            (20.0, 8.0),
        ),
    );
    routes.stands_for = Some("source-bound");
    vec![fraud, geo, audit, trending, routes]
}

fn troubled(start_ms: i64) -> Vec<JobSpec> {
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
    vec![invoices, ledger, alerts]
}

fn quiet(start_ms: i64, now_ms: i64) -> Vec<JobSpec> {
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
    vec![newsletter, young, bridge, limits]
}
