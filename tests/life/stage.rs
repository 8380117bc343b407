//! A repository, a forge and a history for the life of one job's pull requests.

use crate::record::{MONDAY_MS, evidence, field, job};
use crate::repository::World;
use plimsoll::clients::forges::LocalForge;
use plimsoll::clients::repository::MergeStyle;
use plimsoll::config::Config;
use plimsoll::pass::{self, Base, Fleet, Followed, Manifests, Proposed, Settings, Watching};
use plimsoll::plan::{Item, Plan, SCHEMA, State as Planned};
use plimsoll::ports::{
    Forge, HistoryError, HistoryStore, PullRequest, PullRequestState, Repository, Written,
};
use plimsoll::record::{
    BODY_BEGIN, ChangeKind, Evidence, LedgerEntry, Stance, State, Trailers, branch, read_ledger,
};
use plimsoll::render::Proposal;
use plimsoll::snapshot::{History, JobKey, Snapshot};
use serde_json::json;
use std::collections::BTreeMap;

pub const HOUR: i64 = 3_600_000;
pub const FILE: &str = "apps/orders.yaml";

/// The job's manifest with this parallelism.
pub fn manifest(parallelism: u32) -> Vec<u8> {
    format!(
        "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata:\n  name: orders\n  namespace: payments\nspec:\n  image: app:1\n  flinkVersion: v1_20\n  job:\n    parallelism: {parallelism} # slots\n    upgradeMode: savepoint\n"
    )
    .into_bytes()
}

/// What a pull request from `from` to `to` slots advises, at ten a slot.
pub fn stance(from: u32, to: u32, at_ms: i64) -> Stance {
    Stance {
        grows: to > from,
        fields: vec![field("spec.job.parallelism", json!(from), json!(to))],
        saving_percent: (f64::from(from) - f64::from(to)) / f64::from(from) * 100.0,
        cost_per_month: f64::from(to) * 10.0,
        probability_short: 0.01,
        load_per_second: 900.0,
        slots: to,
        cpu_millis: u64::from(to) * 1000,
        memory_bytes: 4 << 30,
        memory_total_bytes: u64::from(to) * (4 << 30),
        history_ms: 48 * HOUR,
        at_ms,
    }
}

/// The proposal from `from` to `to` slots, on a manifest whose other bytes are as given.
pub fn proposal(kind: ChangeKind, stance: &Stance, bytes: &[u8]) -> Proposal {
    let direction = if stance.grows { "grow" } else { "shrink" };
    let evidence = Evidence {
        kind,
        fields: stance.fields.clone(),
        details: BTreeMap::from([(
            "recommendation".to_string(),
            json!({ "direction": direction, "demand": { "load_per_second": stance.load_per_second } }),
        )]),
        ..evidence("orders", stance.at_ms)
    };
    let file = evidence.to_file().unwrap();
    let fingerprint = plimsoll::render::fingerprint(kind, &evidence.job, &evidence.fields);
    let state = State {
        plimsoll: "0.1.0".into(),
        kind,
        job: evidence.job.clone(),
        fingerprint: fingerprint.clone(),
        change: file.digest.clone(),
        reverts: None,
        stance: (kind == ChangeKind::Rightsize).then(|| Box::new(stance.clone())),
    };
    let trailers = Trailers::new(&evidence, &file.digest);
    let title = format!("rightsize(payments/orders): to {} slots", stance.slots);
    Proposal {
        kind,
        branch: branch(kind, &evidence.job),
        body: format!(
            "{BODY_BEGIN}\nWhy: it fits.\n\n{trailers}\n\n{}\n",
            state.block()
        ),
        commit_message: format!("{title}\n\nWhy: it fits.\n\n{trailers}\n"),
        title,
        files: BTreeMap::from([
            (FILE.to_string(), bytes.to_vec()),
            (file.path.clone(), file.bytes.clone()),
        ]),
        labels: vec!["plimsoll".into()],
        fingerprint,
        change: file.digest,
        job: evidence.job,
    }
}

/// A plan of these items.
pub fn plan(items: Vec<Item>, now_ms: i64) -> Plan {
    Plan {
        schema: SCHEMA.to_string(),
        plimsoll: "0".to_string(),
        at_ms: now_ms,
        base: String::new(),
        items,
        without_job: Vec::new(),
        gone: Vec::new(),
        behind: None,
    }
}

/// Histories by job.
#[derive(Default)]
pub struct Store(pub BTreeMap<JobKey, History>);

impl HistoryStore for Store {
    fn append(&mut self, _snapshot: &Snapshot) -> Result<(), HistoryError> {
        Ok(())
    }

    fn jobs(&self) -> Result<Vec<JobKey>, HistoryError> {
        Ok(self.0.keys().cloned().collect())
    }

    fn history(&self, job: &JobKey, from_ms: i64, to_ms: i64) -> Result<History, HistoryError> {
        let mut history = self
            .0
            .get(job)
            .cloned()
            .unwrap_or_else(|| History::empty(job.clone()));
        history
            .points
            .retain(|point| point.from_ms >= from_ms && point.to_ms <= to_ms);
        Ok(history)
    }

    fn compact(&mut self, _now_ms: i64) -> Result<(), HistoryError> {
        Ok(())
    }
}

/// The job `orders`, 12 slots wide, with its repository and pull requests.
pub struct Stage {
    pub world: World,
    pub forge: LocalForge,
    pub store: Store,
    pub settings: Settings,
    pub fleet: Fleet,
}

impl Stage {
    pub fn new() -> Stage {
        let world = World::new();
        world.commit("main", FILE, Some(&manifest(12)));
        let config = Config {
            mode: plimsoll::policy::Mode::Propose,
            ..Config::default()
        };
        Stage {
            forge: world.forge(),
            settings: Settings::new(&config, Vec::new()),
            fleet: Fleet::of(vec![job("orders")]),
            store: Store::default(),
            world,
        }
    }

    /// Opens the pull request from 12 to this many slots.
    pub async fn open(&self, to: u32, at_ms: i64) -> PullRequest {
        let it = proposal(ChangeKind::Rightsize, &stance(12, to, at_ms), &manifest(to));
        match self.forge.propose(&it, at_ms).await.unwrap() {
            Written::Opened(pull_request) => pull_request,
            other => panic!("{other:?}"),
        }
    }

    /// Opens and merges the one from 12 to 8 slots an hour after Monday's begin.
    pub async fn merged(&self) -> PullRequest {
        let open = self.open(8, MONDAY_MS).await;
        self.forge
            .merge(&open, MergeStyle::Squash, "Ada", crate::watch::MERGED)
            .unwrap();
        open
    }

    pub async fn watch(&self, now_ms: i64) -> Followed {
        let watching = Watching {
            settings: &self.settings,
            fleet: &self.fleet,
            now_ms,
        };
        let repository = self.world.repository();
        let base = Base::read(&repository).unwrap();
        let manifests = Manifests::parse(&base);
        pass::follow(watching, &self.store, &self.forge, &repository, &manifests)
            .await
            .unwrap()
    }

    /// A run of `propose` with a plan in which the job is in this state.
    pub async fn tidy(&self, state: Planned, reason: &str, now_ms: i64) -> Vec<Proposed> {
        let items = vec![item(state, reason)];
        self.tidy_with(items, now_ms).await
    }

    pub async fn tidy_with(&self, items: Vec<Item>, now_ms: i64) -> Vec<Proposed> {
        let repository = self.world.repository();
        let base = Base::read(&repository).unwrap();
        let plan = plan(items, now_ms);
        let manifests = Manifests::parse(&base);
        let (settings, forge) = (&self.settings, &self.forge);
        pass::propose(settings, forge, &repository, &manifests, &plan, now_ms)
            .await
            .unwrap()
    }

    pub async fn all(&self) -> Vec<PullRequest> {
        self.forge.pull_requests().await.unwrap()
    }

    pub async fn open_ones(&self) -> Vec<PullRequest> {
        let mut all = self.all().await;
        all.retain(|pull_request| pull_request.state == PullRequestState::Open);
        all
    }

    pub fn ledger(&self) -> Vec<LedgerEntry> {
        let (entries, damaged) = read_ledger(&self.world.repository().ledger().unwrap());
        assert!(damaged.is_empty(), "{damaged:?}");
        entries
    }

    pub fn events(&self) -> Vec<&'static str> {
        self.ledger()
            .iter()
            .map(|entry| entry.event.name())
            .collect()
    }

    pub fn comments(&self, id: &str) -> String {
        let file = self
            .world
            .folder
            .path()
            .join(format!("pulls/{id}.comments.md"));
        std::fs::read_to_string(file).unwrap_or_default()
    }
}

/// A plan's item of the job without a change.
pub fn item(state: Planned, reason: &str) -> Item {
    serde_json::from_value(json!({
        "job": job("orders"), "state": state, "reason": reason, "message": "because", "until": null, "profile": null,
        "advice": null, "decision": null, "saving": null, "change": null,
    }))
    .unwrap()
}
