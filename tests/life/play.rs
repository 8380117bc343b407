//! The whole pass over jobs of the simulated fleet, on a real repository and the forge `local`: what each run writes, hour by hour.

use crate::life::stage::{HOUR, Store};
use crate::record::MONDAY_MS;
use crate::repository::{FILE, World};
use git2::{Signature, Time};
use plimsoll::clients::repository::MergeStyle;
use plimsoll::config::Config;
use plimsoll::pass::{self, Base, Done, Fleet, Manifests, Planning, Proposed, Settings, Watching};
use plimsoll::plan::{Item, Plan};
use plimsoll::ports::{Forge, Plugins, PullRequest, PullRequestState, Repository};
use plimsoll::record::read_ledger;
use plimsoll::simulate::{self, demo};
use plimsoll::snapshot::{History, JobKey, JobState, Point};
use std::path::Path;

const MINUTE: i64 = 60_000;

/// The past before the first run.
const PAST: i64 = 8 * 24 * HOUR;

/// What one run came to.
pub struct Ran {
    pub plan: Plan,
    pub done: Vec<Proposed>,
    pub watched: Vec<pass::Watched>,
    pub problems: Vec<String>,
}

impl Ran {
    pub fn item(&self) -> &Item {
        &self.plan.items[0]
    }

    pub fn did(&self) -> Vec<Done> {
        self.done.iter().map(|done| done.done).collect()
    }
}

/// Jobs of the simulated fleet, with their repository and their past.
pub struct Play {
    pub simulated: simulate::Fleet,
    pub world: World,
    pub now_ms: i64,
    /// How far apart looks are.
    pub step_ms: i64,
    store: Store,
    settings: Settings,
    fleet: Fleet,
}

impl Play {
    /// These jobs of the demo (`namespace/name`), all of them where none is named, on a Monday with eight days behind them.
    pub fn of(names: &[&str]) -> Play {
        let simulated = demo::fleet(7, MONDAY_MS, PAST).unwrap();
        let world = World::new();
        let manifests = simulated.manifests();
        let files: Vec<(&str, &[u8])> = manifests
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_bytes()))
            .collect();
        world.commit_all("main", &files);
        world.commit("main", FILE, None);
        let jobs: Vec<JobKey> = simulated
            .keys()
            .into_iter()
            .filter(|job| names.is_empty() || names.contains(&job.short().as_str()))
            .collect();
        assert!(names.is_empty() || jobs.len() == names.len(), "{jobs:?}");
        let config = Config {
            mode: plimsoll::policy::Mode::Propose,
            ..Config::default()
        };
        let rules = plimsoll::policy::shipped().unwrap();
        let mut play = Play {
            simulated,
            world,
            now_ms: MONDAY_MS - PAST,
            step_ms: 20 * MINUTE,
            store: Store::default(),
            settings: Settings::new(&config, rules),
            fleet: Fleet::of(jobs),
        };
        play.look(MONDAY_MS);
        play
    }

    /// Every cluster was listed whole, and this job is not there.
    pub fn lose(&mut self, name: &str) {
        let left = self.fleet.jobs.iter().filter(|job| job.short() != name);
        self.fleet = Fleet {
            is_whole: true,
            ..Fleet::of(left.cloned().collect())
        };
    }

    /// Allows so many open pull requests.
    pub fn limit_open(&mut self, most: u32) {
        self.settings.plan.open_pull_requests = most;
    }

    pub fn job(&self) -> &JobKey {
        &self.fleet.jobs[0]
    }

    /// Looks at every job until then.
    pub fn look(&mut self, to_ms: i64) {
        for job in &self.fleet.jobs {
            let history = self
                .store
                .0
                .entry(job.clone())
                .or_insert_with(|| History::empty(job.clone()));
            let mut at_ms = self.now_ms + self.step_ms;
            while at_ms <= to_ms {
                let snapshot = self.simulated.snapshot(job, at_ms).unwrap();
                let before = history.latest.as_ref();
                history
                    .points
                    .extend(before.and_then(|before| Point::between(before, &snapshot)));
                if snapshot.state == JobState::Running {
                    history.latest_running = Some(snapshot.clone());
                }
                history.latest = Some(snapshot);
                at_ms += self.step_ms;
            }
        }
        self.now_ms = to_ms;
        self.simulated.set_clock(to_ms);
    }

    /// One run at the present time, as the command `run` makes it.
    pub async fn run(&self) -> Ran {
        let (forge, repository) = (self.world.forge(), self.world.repository());
        let base = Base::read(&repository).unwrap();
        let manifests = Manifests::parse(&base);
        let watching = Watching {
            settings: &self.settings,
            fleet: &self.fleet,
            now_ms: self.now_ms,
        };
        let store = &self.store;
        let followed = pass::follow(watching, store, &forge, &repository, &manifests)
            .await
            .unwrap();
        let known = match followed.known {
            Some(known) => known,
            None => {
                let listed = Some(forge.pull_requests().await.unwrap());
                pass::know(watching, store, &repository, &manifests, listed).unwrap()
            }
        };
        let planning = Planning {
            settings: &self.settings,
            fleet: &self.fleet,
            plugins: &Plugins::default(),
            manifests: &manifests,
            known: &known,
            now_ms: self.now_ms,
        };
        let made = pass::plan(&planning, store).await.unwrap();
        let (settings, now_ms) = (&self.settings, self.now_ms);
        let done = pass::propose(
            settings,
            &forge,
            &repository,
            &manifests,
            &made.plan,
            now_ms,
        )
        .await
        .unwrap();
        let mut problems = followed.problems;
        problems.extend(made.problems);
        Ran {
            plan: made.plan,
            done,
            watched: followed.watched,
            problems,
        }
    }

    /// Looks until so many hours after Monday's begin, and runs.
    pub async fn at(&mut self, hours: i64) -> Ran {
        self.look(MONDAY_MS + hours * HOUR);
        self.run().await
    }

    pub async fn all(&self) -> Vec<PullRequest> {
        self.world.forge().pull_requests().await.unwrap()
    }

    pub async fn open(&self) -> Vec<PullRequest> {
        let mut all = self.all().await;
        all.retain(|one| one.state == PullRequestState::Open);
        all
    }

    /// A person merges the open one of the first job now.
    pub async fn merge(&self) -> PullRequest {
        let open = self.open().await.remove(0);
        let forge = self.world.forge();
        forge
            .merge(&open, MergeStyle::Squash, "Ada", self.now_ms)
            .unwrap();
        open
    }

    /// What a GitOps controller does.
    pub fn deploy(&self) {
        let tree = self.world.repository().tree().unwrap();
        for (path, bytes) in tree
            .iter()
            .filter(|(path, _)| !path.starts_with(".plimsoll/"))
        {
            let text = String::from_utf8_lossy(bytes);
            self.simulated
                .apply_manifest(path, &text, self.now_ms)
                .unwrap();
        }
    }

    /// A person's commit on the base, now.
    pub fn by_hand(&self, path: &str, bytes: &[u8]) {
        let git = &self.world.git;
        let parent = git.find_commit(self.world.head("main").unwrap()).unwrap();
        let mut index = git2::Index::new().unwrap();
        index.read_tree(&parent.tree().unwrap()).unwrap();
        index.remove_path(Path::new(path)).unwrap();
        let id = git.blob(bytes).unwrap();
        index
            .add(&crate::repository::entry(path, id, 0o100644))
            .unwrap();
        let tree = git.find_tree(index.write_tree_to(git).unwrap()).unwrap();
        let time = Time::new(self.now_ms / 1000, 0);
        let who = Signature::new("Grace", "grace@example.org", &time).unwrap();
        git.commit(
            Some("refs/heads/main"),
            &who,
            &who,
            "as it was",
            &tree,
            &[&parent],
        )
        .unwrap();
    }

    /// The same with one job more.
    pub fn with(mut self, name: &str) -> Play {
        let all = self.simulated.keys();
        let job = all.iter().find(|job| job.short() == name).unwrap();
        self.fleet.jobs.push(job.clone());
        self.fleet.listed.insert(job.clone());
        self
    }

    /// How often the ledger tells of an event.
    pub fn events(&self, name: &str) -> usize {
        let (entries, damaged) = read_ledger(&self.world.repository().ledger().unwrap());
        assert!(damaged.is_empty(), "{damaged:?}");
        let of = entries.iter().filter(|entry| entry.event.name() == name);
        of.count()
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
