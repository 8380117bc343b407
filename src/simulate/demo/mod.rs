//! The demo fleet: seventeen invented jobs in eight namespaces that show every verdict, with manifests as people write them.

mod bound;
mod jobs;
mod overprovisioned;
mod quiet;
mod troubled;

use super::controller;
use super::fleet::{Fleet, FleetError};
use super::model::job::Job;
use std::collections::BTreeMap;

/// Manifests by their path in the GitOps repository.
const MANIFESTS: [(&str, &str); 11] = [
    (
        "apps/billing/invoice-aggregate.yaml",
        include_str!("manifests/billing-invoice-aggregate.yaml"),
    ),
    (
        "apps/billing/ledger-snapshots.yaml",
        include_str!("manifests/billing-ledger-snapshots.yaml"),
    ),
    (
        "apps/logistics/jobs.yaml",
        include_str!("manifests/logistics.yaml"),
    ),
    (
        "apps/marketing/flink.yml",
        include_str!("manifests/marketing.yaml"),
    ),
    (
        "apps/payments/flink.yaml",
        include_str!("manifests/payments.yaml"),
    ),
    (
        "apps/platform/flink.yaml",
        include_str!("manifests/platform.yaml"),
    ),
    ("apps/risk/list.yaml", include_str!("manifests/risk.yaml")),
    (
        "apps/search/click-sessions.yaml",
        include_str!("manifests/search-click-sessions.yaml"),
    ),
    (
        "apps/search/trending-topics.yaml",
        include_str!("manifests/search-trending-topics.yaml"),
    ),
    (
        "apps/telemetry/alert-rules.yaml",
        include_str!("manifests/telemetry-alert-rules.yaml"),
    ),
    (
        "apps/telemetry/device-metrics.yaml",
        include_str!("manifests/telemetry-device-metrics.yaml"),
    ),
];

/// The name of the demo's cluster, as it stands in each job's key.
pub const CLUSTER: &str = "demo";

/// The demo fleet as of `now_ms`: all but one young job were deployed `history_ms` before. Same seed, same numbers.
///
/// Errors only if the embedded manifests can't be read, which a test rules out.
pub fn fleet(seed: u64, now_ms: i64, history_ms: i64) -> Result<Fleet, FleetError> {
    let manifests: BTreeMap<String, String> = MANIFESTS
        .iter()
        .map(|(path, text)| (path.to_string(), text.to_string()))
        .collect();
    let mut sizes = BTreeMap::new();
    for (path, text) in &manifests {
        for deployment in controller::deployments(text).map_err(|reason| FleetError::Manifest {
            path: path.clone(),
            reason,
        })? {
            let name = format!("{}/{}", deployment.namespace, deployment.name);
            sizes.insert(name, deployment);
        }
    }
    let mut jobs = Vec::new();
    for spec in jobs::all(seed, now_ms - history_ms, now_ms) {
        let name = spec.key.short();
        let deployment = sizes.get(&name).ok_or(FleetError::Unknown { job: name })?;
        let size = deployment.size(&spec);
        jobs.push(Job::new(spec, size));
    }
    Ok(Fleet::new(jobs, manifests, now_ms))
}
