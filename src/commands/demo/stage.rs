//! The stage of the demo: a simulated fleet, its repository, forge and history, and the days that pass on it.

use crate::commands::ending::Failure;
use crate::pass::{self, Base, Done, Fleet, Known, Manifests, Planning, Settings, Watching, know};
use crate::plan::Plan;
use crate::ports::{Forge, HistoryStore, Plugins, PullRequest, PullRequestState, Repository};
use crate::record::{ChangeKind, State};
use crate::render::number;
use crate::simulate::demo;
use crate::snapshot::JobKey;
use crate::watch::Assessment;
use crate::world::demo::Stage as Git;
use crate::world::{AnyHistory, Looks, Opened, open_history};
use anyhow::Context;
use camino::Utf8Path;
use std::fs;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The past that the fleet has by then.
const HISTORY_MS: i64 = 8 * DAY_MS;

/// Time between two looks in that past, and in the story.
const COARSE_MS: i64 = 20 * MINUTE_MS;
const FINE_MS: i64 = 5 * MINUTE_MS;

/// By how much the load of one job rises beyond what its new size carries.
const RISE: f64 = 1.2;

/// How long the story goes on after the merges: the observation window and a little.
const STORY_MS: i64 = 74 * HOUR_MS;

/// The fleet, its repository, forge and history.
pub struct Stage {
    /// The fleet as a pass knows it.
    pub fleet: Fleet,
    /// The time on the stage, Unix milliseconds.
    pub now_ms: i64,
    /// What happened, a line each.
    pub lines: Vec<String>,
    simulated: crate::simulate::Fleet,
    settings: Settings,
    git: Git,
    store: AnyHistory,
}

impl Stage {
    /// Everything as it is on the first morning: a configuration that a user could have written, and the manifests in git.
    pub fn set(out: &Utf8Path, seed: u64, begin_ms: i64) -> Result<Stage, Failure> {
        let simulated = demo::fleet(seed, begin_ms, HISTORY_MS).context("simulated fleet")?;
        let jobs = simulated.keys();
        let config = out.join("plimsoll.yaml");
        fs::write(&config, configuration(&jobs)).with_context(|| format!("{config}"))?;
        let opened = Opened::read(Some(&config))?;
        let store = open_history(&opened.config.history, &opened.folder, Looks::default())?;
        Ok(Stage {
            git: Git::create(out, &simulated.manifests(), begin_ms - HISTORY_MS)?,
            settings: Settings::new(&opened.config, opened.rules),
            fleet: Fleet::of(jobs),
            simulated,
            store,
            now_ms: begin_ms,
            lines: Vec::new(),
        })
    }

    /// Sets the time of everything.
    fn at(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        self.simulated.set_clock(now_ms);
    }

    /// Adds a line to the story.
    pub fn tell(&mut self, what: String) {
        self.lines
            .push(format!("{}  {what}", number::moment(self.now_ms)));
    }

    fn look(
        &mut self,
        from_ms: i64,
        to_ms: i64,
        step_ms: i64,
        jobs: &[JobKey],
    ) -> Result<(), Failure> {
        let mut snapshots = Vec::new();
        for job in jobs {
            let mut at = from_ms;
            while at <= to_ms {
                snapshots.push(
                    self.simulated
                        .snapshot(job, at)
                        .context("simulated fleet")?,
                );
                at += step_ms;
            }
        }
        self.store
            .append_all(&snapshots)
            .map_err(|error| Failure::Failed(error.into()))
    }

    /// The past: every job looked at since it was deployed.
    pub fn past(&mut self, begin_ms: i64) -> Result<(), Failure> {
        let jobs = self.fleet.jobs.clone();
        self.look(begin_ms - HISTORY_MS, begin_ms - DAY_MS, COARSE_MS, &jobs)?;
        self.look(begin_ms - DAY_MS + COARSE_MS, begin_ms, COARSE_MS, &jobs)?;
        self.at(begin_ms);
        self.tell(format!(
            "{} jobs observed for {}",
            jobs.len(),
            number::span(HISTORY_MS)
        ));
        Ok(())
    }

    /// What the watcher goes by at a time.
    fn watching(&self, now_ms: i64) -> Watching<'_> {
        Watching {
            settings: &self.settings,
            fleet: &self.fleet,
            now_ms,
        }
    }

    /// The plan at a time, with what it was made from.
    pub async fn plan(&mut self, now_ms: i64) -> Result<(Plan, Known), Failure> {
        self.at(now_ms);
        let pull_requests = self.pull_requests().await?;
        let repository = &self.git.repository;
        let base = Base::read(repository)?;
        let manifests = Manifests::parse(&base);
        let watching = self.watching(now_ms);
        let known = know(
            watching,
            &self.store,
            repository,
            &manifests,
            Some(pull_requests),
        )?;
        let planning = Planning {
            settings: &self.settings,
            fleet: &self.fleet,
            plugins: &Plugins::default(),
            manifests: &manifests,
            known: &known,
            now_ms,
        };
        let plan = pass::plan(&planning, &self.store).await?.plan;
        Ok((plan, known))
    }

    /// The pull requests of a plan.
    pub async fn propose(&self, plan: &Plan) -> Result<(), Failure> {
        let (forge, repository) = (&self.git.forge, &self.git.repository);
        let base = Base::read(repository)?;
        let manifests = Manifests::parse(&base);
        let (settings, now_ms) = (&self.settings, self.now_ms);
        pass::propose(settings, forge, repository, &manifests, plan, now_ms).await?;
        Ok(())
    }

    /// The pull requests, oldest first.
    pub async fn pull_requests(&self) -> Result<Vec<PullRequest>, Failure> {
        let mut all = self
            .git
            .forge
            .pull_requests()
            .await
            .map_err(|error| Failure::Failed(error.into()))?;
        all.sort_by_key(|pull_request| pull_request.opened_at_ms);
        Ok(all)
    }

    /// People merge every rightsizing, and the cluster follows. The job of one of them will turn out badly: the one whose size was
    /// cut closest to its load.
    pub fn merge_all(
        &mut self,
        opened: &[PullRequest],
        shrinking: &[JobKey],
    ) -> Result<Option<JobKey>, Failure> {
        self.at(self.now_ms + HOUR_MS);
        for pull_request in opened {
            self.git.merge(pull_request, self.now_ms)?;
        }
        self.deploy()?;
        self.tell(format!(
            "{} merged by a person; the jobs restart at their new sizes",
            opened.len()
        ));
        let mut tightest: Option<(f64, JobKey)> = None;
        for job in shrinking {
            let carries = self
                .simulated
                .carries(job, self.now_ms - DAY_MS, self.now_ms)
                .context("simulated fleet")?;
            if tightest.as_ref().is_none_or(|(least, _)| carries < *least) {
                tightest = Some((carries, job.clone()));
            }
        }
        Ok(tightest.map(|(_, job)| job))
    }

    /// What a GitOps controller does after a merge.
    fn deploy(&mut self) -> Result<(), Failure> {
        let tree = self
            .git
            .repository
            .tree()
            .map_err(|error| Failure::Failed(error.into()))?;
        for (path, bytes) in &tree {
            if path.starts_with(".plimsoll/") {
                continue;
            }
            let text = String::from_utf8_lossy(bytes);
            self.simulated
                .apply_manifest(path, &text, self.now_ms)
                .context("simulated fleet")?;
        }
        Ok(())
    }

    /// The days after: the load of one job rises beyond what its new size carries, its revert is merged, the others settle.
    pub async fn story(&mut self, begin_ms: i64, bad: Option<&JobKey>) -> Result<(), Failure> {
        let merged_ms = self.now_ms;
        let jobs = self.watched().await?;
        let rises_ms = merged_ms + 3 * HOUR_MS;
        if let Some(job) = bad {
            let factor = self
                .simulated
                .carries(job, begin_ms - DAY_MS, begin_ms)
                .context("simulated fleet")?
                * RISE;
            self.simulated
                .raise_load(job, factor, rises_ms)
                .context("simulated fleet")?;
        }
        let mut seen_ms = merged_ms;
        let mut told_rise = false;
        while seen_ms < merged_ms + STORY_MS {
            // While something may happen every five minutes count; later an hour is soon enough.
            let quiet = seen_ms > merged_ms + 12 * HOUR_MS;
            let (step, look) = if quiet {
                (6 * HOUR_MS, COARSE_MS)
            } else {
                (HOUR_MS, FINE_MS)
            };
            self.look(seen_ms + look, seen_ms + step, look, &jobs)?;
            seen_ms += step;
            self.at(seen_ms);
            if let (Some(job), false, true) = (bad, told_rise, seen_ms > rises_ms) {
                self.tell(format!(
                    "the load of {} has risen beyond what was ever seen",
                    job.short()
                ));
                told_rise = true;
            }
            self.watch().await?;
        }
        // The others went on meanwhile: seldom looked at, so that the report shows all as they stand.
        let others: Vec<JobKey> = self
            .fleet
            .jobs
            .iter()
            .filter(|job| !jobs.contains(job))
            .cloned()
            .collect();
        self.look(begin_ms + 2 * HOUR_MS, seen_ms, 2 * HOUR_MS, &others)
    }

    /// The jobs with a merged change: the only ones that have to be looked at from now on.
    async fn watched(&self) -> Result<Vec<JobKey>, Failure> {
        let pull_requests = self.pull_requests().await?;
        Ok(pull_requests
            .iter()
            .filter_map(|pull_request| State::find(&pull_request.body))
            .map(|state| state.job)
            .collect())
    }

    async fn watch(&mut self) -> Result<(), Failure> {
        let watching = self.watching(self.now_ms);
        let (forge, repository) = (&self.git.forge, &self.git.repository);
        let base = Base::read(repository)?;
        let manifests = Manifests::parse(&base);
        let store = &self.store;
        let followed = pass::follow(watching, store, forge, repository, &manifests).await?;
        let watched = followed.watched;
        let mut reverts = Vec::new();
        for watched in &watched {
            let name = watched
                .job
                .splitn(3, '/')
                .nth(2)
                .unwrap_or(&watched.job)
                .to_string();
            match (&watched.assessment, &watched.revert) {
                (Assessment::Regressed { breaches, .. }, Some(done))
                    if done.done == Done::Opened =>
                {
                    let why = breaches
                        .first()
                        .map_or_else(String::new, |breach| breach.message.clone());
                    self.tell(format!("{name} hurts: {why}"));
                    reverts.push(name);
                }
                (
                    Assessment::Settled {
                        realised_per_month,
                        currency,
                        ..
                    },
                    _,
                ) => {
                    let saved = realised_per_month.map_or_else(String::new, |saved| {
                        format!(
                            ", {} {} a month",
                            if saved < 0.0 { "costing" } else { "saving" },
                            number::money(saved.abs(), currency.as_deref().unwrap_or("USD"))
                        )
                    });
                    self.tell(format!("{name} settled{saved}"));
                }
                _ => {}
            }
        }
        for name in reverts {
            self.merge_revert(&name).await?;
        }
        Ok(())
    }

    async fn merge_revert(&mut self, name: &str) -> Result<(), Failure> {
        let pull_requests = self.pull_requests().await?;
        let open = pull_requests
            .iter()
            .filter(|pull_request| pull_request.state == PullRequestState::Open);
        for pull_request in open.filter(|pull_request| {
            State::find(&pull_request.body).is_some_and(|state| state.kind == ChangeKind::Revert)
        }) {
            self.tell(format!(
                "revert pull request opened for {name}, and merged by a person"
            ));
            self.git.merge(pull_request, self.now_ms)?;
        }
        self.deploy()
    }
}

fn configuration(jobs: &[JobKey]) -> String {
    let list: String = jobs
        .iter()
        .map(|job| {
            format!(
                "  - {{namespace: {0}, name: {1}, rest: \"http://127.0.0.1:8081/{0}/{1}\"}}\n",
                job.namespace, job.name
            )
        })
        .collect();
    format!(
        "# The configuration of a SIMULATED fleet; `plimsoll simulate serve` answers at these addresses.\n\
         mode: propose\nclusters:\n- name: {}\n  jobs:\n{list}\
         repository: {{path: manifests.git}}\nforge: {{kind: local}}\nhistory: {{file: history.sqlite}}\n",
        demo::CLUSTER
    )
}
