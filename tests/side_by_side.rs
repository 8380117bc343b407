//! A pass over a fleet in which some jobs go wrong: each is one line with its name, and the others go on.

use futures::future::{BoxFuture, FutureExt};
use plimsoll::audit::Audit;
use plimsoll::config::Config;
use plimsoll::evaluate::plugin::{EvaluateAnswer, EvaluateRequest};
use plimsoll::pass::{
    self, Base, Books, Fleet, Known, Made, Manifests, Observing, Planning, Settings,
};
use plimsoll::plan::{PlanReason, Reason};
use plimsoll::ports::{
    Clock, Cluster, HistoryError, HistoryStore, MetricEvaluator, ObserveError, PluginError, Plugins,
};
use plimsoll::snapshot::{History, JobKey, JobState, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn job(name: &str) -> JobKey {
    format!("prod/deployment/payments/{name}").parse().unwrap()
}

fn fleet() -> Fleet {
    let mut jobs: Vec<JobKey> = (0..40)
        .map(|number| job(&format!("job-{number:02}")))
        .collect();
    jobs.extend([job("damaged"), job("poisoned")]);
    jobs.sort();
    Fleet::of(jobs)
}

/// A history that is empty, can't be read, or makes the reader panic, by the job's name; and how many are held at once.
#[derive(Default)]
struct Planted {
    added: Vec<Snapshot>,
    largest_lot: usize,
    all_damaged: bool,
    read: AtomicUsize,
}

impl HistoryStore for Planted {
    fn append(&mut self, snapshot: &Snapshot) -> Result<(), HistoryError> {
        self.added.push(snapshot.clone());
        Ok(())
    }

    fn append_all(&mut self, snapshots: &[Snapshot]) -> Result<(), HistoryError> {
        self.largest_lot = self.largest_lot.max(snapshots.len());
        self.added.extend_from_slice(snapshots);
        Ok(())
    }

    fn jobs(&self) -> Result<Vec<JobKey>, HistoryError> {
        Ok(Vec::new())
    }

    fn history(&self, job: &JobKey, _: i64, _: i64) -> Result<History, HistoryError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        assert!(job.name != "poisoned", "planted in {}", job.name);
        if self.all_damaged || job.name == "damaged" {
            return Err(HistoryError {
                place: "memory".to_string(),
                reason: "a planted fault".to_string(),
            });
        }
        Ok(History::empty(job.clone()))
    }

    fn compact(&mut self, _: i64) -> Result<(), HistoryError> {
        Ok(())
    }
}

impl Cluster for Planted {
    async fn jobs(&self) -> Result<Vec<JobKey>, ObserveError> {
        Ok(Vec::new())
    }

    async fn observe(&self, job: &JobKey, now_ms: Option<i64>) -> Result<Snapshot, ObserveError> {
        assert!(job.name != "poisoned", "planted in {}", job.name);
        if job.name == "damaged" {
            return Err(ObserveError {
                what: job.short(),
                endpoint: "memory".to_string(),
                reason: "a planted fault".to_string(),
            });
        }
        Ok(Snapshot::new(
            job.clone(),
            now_ms.unwrap_or(0),
            JobState::Running,
        ))
    }
}

/// An evaluator that panics.
struct Panics;

impl MetricEvaluator for Panics {
    fn evaluate<'a>(
        &'a self,
        _: &'a EvaluateRequest,
    ) -> BoxFuture<'a, Result<EvaluateAnswer, PluginError>> {
        async move { panic!("planted in a plug-in") }.boxed()
    }
}

async fn plan(store: &Planted, plugins: &Plugins) -> Result<Made, pass::PassError> {
    let config = Config {
        evaluators: plugins.evaluators.keys().cloned().collect(),
        ..Config::default()
    };
    let base = Base {
        head: "head".to_string(),
        tree: BTreeMap::new(),
    };
    let known = Known {
        books: Books {
            ledger: BTreeMap::new(),
            entries: Vec::new(),
            audit: Audit::default(),
            problems: Vec::new(),
        },
        judged: Vec::new(),
        pull_requests: Vec::new(),
        ended: Vec::new(),
        problems: Vec::new(),
    };
    let planning = Planning {
        settings: &Settings::new(&config, Vec::new()),
        fleet: &fleet(),
        plugins,
        manifests: &Manifests::parse(&base),
        known: &known,
        now_ms: 1_772_438_400_000,
    };
    pass::plan(&planning, store).await
}

fn of<'a>(problems: &'a [String], name: &str) -> Vec<&'a String> {
    let start = format!("payments/{name}: ");
    let own = problems.iter().filter(|line| line.starts_with(&start));
    own.collect()
}

#[tokio::test]
async fn a_plan_goes_on_past_jobs_that_panic_or_fail() {
    let mut with_evaluator = Plugins::default();
    with_evaluator
        .evaluators
        .insert("fair".to_string(), Arc::new(Panics));
    // With evaluators jobs go lot by lot.
    for plugins in [Plugins::default(), with_evaluator] {
        let store = Planted::default();
        let made = plan(&store, &plugins).await.unwrap();
        assert_eq!(made.plan.items.len(), fleet().jobs.len());
        let damaged = of(&made.problems, "damaged");
        assert!(
            damaged.len() == 1 && damaged[0].contains("a planted fault"),
            "{damaged:?}"
        );
        let poisoned = of(&made.problems, "poisoned");
        assert!(
            poisoned
                .iter()
                .any(|line| line.contains("planted in poisoned")),
            "{poisoned:?}"
        );
        let not_planned: Vec<&str> = made
            .plan
            .items
            .iter()
            .filter(|item| item.reason == Reason::Plan(PlanReason::NotPlanned))
            .map(|item| item.job.name.as_str())
            .collect();
        assert_eq!(not_planned, ["damaged", "poisoned"]);
    }
}

#[tokio::test]
async fn a_plan_of_which_no_history_can_be_read_is_no_plan() {
    let store = Planted {
        all_damaged: true,
        ..Planted::default()
    };
    // One panics, so that not all of them say that they can't be read: a plan is made, and each is named.
    let made = plan(&store, &Plugins::default()).await.unwrap();
    assert_eq!(made.problems.len(), fleet().jobs.len());
}

#[tokio::test]
async fn looks_go_on_past_jobs_that_panic_or_fail() {
    let fleet = fleet();
    let config = Config::default();
    let of_fleet = Observing {
        settings: &Settings::new(&config, Vec::new()),
        fleet: &fleet,
        plugins: &Plugins::default(),
        clock: Clock::at(Some(1_772_438_400_000)),
    };
    let mut store = Planted::default();
    let mut shown = 0;
    let seen = pass::observe(of_fleet, &Planted::default(), &mut store, |lot| {
        shown += lot.len()
    })
    .await
    .unwrap();
    assert_eq!((seen.observed, shown, store.added.len()), (40, 40, 40));
    assert_eq!(seen.unreachable.len(), 2, "{:?}", seen.unreachable);
    assert!(
        of(&seen.unreachable, "poisoned").len() == 1,
        "{:?}",
        seen.unreachable
    );
}
