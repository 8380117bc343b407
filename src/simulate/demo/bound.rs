//! Jobs that can't go faster, each for another reason.

use super::jobs::{below, day, job, kafka, line, sink};
use crate::simulate::model::spec::{JobSpec, VertexSpec};

pub(super) fn all(start_ms: i64) -> Vec<JobSpec> {
    vec![
        fraud(start_ms),
        geo(start_ms),
        audit(start_ms),
        trending(start_ms),
        routes(start_ms),
    ]
}

fn fraud(start_ms: i64) -> JobSpec {
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
    fraud
}

fn geo(start_ms: i64) -> JobSpec {
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
    geo
}

fn audit(start_ms: i64) -> JobSpec {
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
    audit
}

fn trending(start_ms: i64) -> JobSpec {
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
    trending
}

fn routes(start_ms: i64) -> JobSpec {
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
    routes
}
