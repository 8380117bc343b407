//! `demo`: the whole loop on a simulated fleet and a local git remote, told as a story. Every figure in it is simulated.

use super::forge::{AnyForge, AnyRepository};
use super::history::AnyHistory;
use super::output::{say, say_json};
use super::planning::{books, judge, plan};
use super::propose::propose;
use super::table::{cut, table};
use super::watch::follow;
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{Common, Demo, Output};
use crate::clients::forges::LocalForge;
use crate::clients::repository::{GitRepository, MergeStyle};
use crate::plan::Plan;
use crate::ports::{Forge, HistoryStore, PullRequest, PullRequestState, Repository};
use crate::recommend::Direction;
use crate::record::{ChangeKind, State};
use crate::render::escape::terminal;
use crate::render::number;
use crate::simulate::{Fleet, demo};
use crate::snapshot::JobKey;
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use std::fs;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// When the story begins, where `--now` says nothing: a Monday morning, so that a seed always gives the same story.
const BEGIN_MS: i64 = 1_772_438_400_000;

/// The past that the fleet has by then.
const HISTORY_MS: i64 = 8 * DAY_MS;

/// Time between two looks in that past, and in the story.
const COARSE_MS: i64 = 20 * MINUTE_MS;
const FINE_MS: i64 = 5 * MINUTE_MS;

/// By how much the load of one job rises beyond what its new size carries.
const RISE: f64 = 1.2;

/// How long the story goes on after the merges: the observation window and a little.
const STORY_MS: i64 = 74 * HOUR_MS;

/// One pull request of the story.
#[derive(Debug, Serialize)]
struct Told {
    kind: ChangeKind,
    job: String,
    title: String,
    branch: String,
    state: &'static str,
    file: String,
}

/// The stage: the fleet, its repository, forge and history.
struct Stage {
    fleet: Fleet,
    world: World,
    forge: AnyForge,
    local: LocalForge,
    repository: AnyRepository,
    store: AnyHistory,
    jobs: Vec<JobKey>,
    now_ms: i64,
    lines: Vec<String>,
}

/// Carries the command out.
pub async fn run(common: &Common, args: &Demo) -> Result<Ended, Failure> {
    let out = folder(args)?;
    let begin_ms = common.now.map_or(BEGIN_MS, |moment| moment.ms);
    let mut stage = set(&out, args.seed, begin_ms, common)?;
    stage.past(begin_ms)?;
    let plan = stage.plan(begin_ms).await?;
    propose(&stage.world, &stage.forge, &stage.repository, &plan).await?;
    let opened = stage.pull_requests().await?;
    stage.tell(format!("{} pull requests opened", opened.len()));
    let shrinking: Vec<JobKey> = plan
        .proposals()
        .filter(|(_, change)| change.recommendation.direction == Direction::Shrink)
        .map(|(item, _)| item.job.clone())
        .collect();
    let bad = stage.merge_all(&opened, &shrinking)?;
    stage.story(begin_ms, bad.as_ref()).await?;
    let report = out.join("report.html");
    super::report::write_simulated(
        &stage.world,
        &stage.repository,
        &stage.store,
        &stage.pull_requests().await?,
        &stage.jobs,
        &report,
    )?;
    let told = told(&stage.pull_requests().await?);
    match common.output {
        Output::Json => say_json(&serde_json::json!({
            "simulated": true,
            "seed": args.seed,
            "repository": out.join("manifests.git"),
            "report": report,
            "jobs": stage.jobs.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "pull_requests": told,
        }))?,
        _ => say(&stage.text(&plan, &told, &out, &report))?,
    }
    Ok(Ended::Done)
}

fn folder(args: &Demo) -> Result<Utf8PathBuf, Failure> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let temporary = Utf8PathBuf::from_path_buf(std::env::temp_dir()).map_err(|path| {
                Failure::Usage(format!(
                    "the temporary folder {} is no UTF-8: name one with --out",
                    path.display()
                ))
            })?;
            temporary.join(format!("plimsoll-demo-{}", std::process::id()))
        }
    };
    if out.exists()
        && out
            .read_dir_utf8()
            .map_or(true, |mut entries| entries.next().is_some())
    {
        return Err(Failure::Usage(format!(
            "{out} is there already and not empty: name another folder with --out"
        )));
    }
    fs::create_dir_all(&out).with_context(|| format!("--out {out}"))?;
    out.canonicalize_utf8()
        .with_context(|| format!("--out {out}"))
        .map_err(Failure::Failed)
}

/// Everything as it is on the first morning: a configuration that a user could have written, and the manifests in git.
fn set(out: &Utf8Path, seed: u64, begin_ms: i64, common: &Common) -> Result<Stage, Failure> {
    let fleet = demo::fleet(seed, begin_ms, HISTORY_MS).context("simulated fleet")?;
    let jobs = fleet.keys();
    let config = out.join("plimsoll.yaml");
    fs::write(&config, configuration(&jobs)).with_context(|| format!("{config}"))?;
    let place = out.join("manifests.git");
    let repository = GitRepository::create(
        place.as_std_path(),
        &fleet.manifests(),
        "Platform Team",
        "Add the manifests of the (simulated) fleet",
        begin_ms - HISTORY_MS,
    )
    .map_err(|error| Failure::Failed(error.into()))?;
    let local = LocalForge::new(repository.clone(), out.join("pull-requests").as_std_path());
    let world = World::open(&Common {
        config: Some(config),
        output: common.output,
        quiet: common.quiet,
        verbose: common.verbose,
        now: Some(crate::cli::Moment { ms: begin_ms }),
        cluster: None,
        selector: None,
        shard: None,
        plugins: crate::ports::Plugins::default(),
    })?;
    Ok(Stage {
        store: world.history()?,
        forge: AnyForge::Local(local.clone()),
        repository: AnyRepository::Git(repository),
        fleet,
        world,
        local,
        jobs,
        now_ms: begin_ms,
        lines: Vec::new(),
    })
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

impl Stage {
    /// Sets the time of everything.
    fn at(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        self.fleet.set_clock(now_ms);
        self.world.told_now_ms = Some(now_ms);
    }

    fn tell(&mut self, what: String) {
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
                snapshots.push(self.fleet.snapshot(job, at).context("simulated fleet")?);
                at += step_ms;
            }
        }
        self.store
            .append_all(&snapshots)
            .map_err(|error| Failure::Failed(error.into()))
    }

    /// The past: every job looked at since it was deployed.
    fn past(&mut self, begin_ms: i64) -> Result<(), Failure> {
        let jobs = self.jobs.clone();
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

    async fn plan(&mut self, now_ms: i64) -> Result<Plan, Failure> {
        self.at(now_ms);
        let books = books(&self.world, &self.repository, &self.jobs)?;
        let (judged, _) = judge(&self.world, &self.store, &books, &self.jobs)?;
        let pull_requests = self.pull_requests().await?;
        plan(
            &self.world,
            &self.store,
            &books,
            &judged,
            &pull_requests,
            &self.jobs,
            || {},
        )
    }

    async fn pull_requests(&self) -> Result<Vec<PullRequest>, Failure> {
        let mut all = self
            .forge
            .pull_requests()
            .await
            .map_err(|error| Failure::Failed(error.into()))?;
        all.sort_by_key(|pull_request| pull_request.opened_at_ms);
        Ok(all)
    }

    /// People merge every rightsizing, and the cluster follows. The job of one of them will turn out badly: the one whose size was
    /// cut closest to its load.
    fn merge_all(
        &mut self,
        opened: &[PullRequest],
        shrinking: &[JobKey],
    ) -> Result<Option<JobKey>, Failure> {
        self.at(self.now_ms + HOUR_MS);
        for pull_request in opened {
            self.local
                .merge(pull_request, MergeStyle::Merge, "Reviewer", self.now_ms)
                .map_err(|error| Failure::Failed(error.into()))?;
        }
        self.deploy()?;
        self.tell(format!(
            "{} merged by a person; the jobs restart at their new sizes",
            opened.len()
        ));
        let mut tightest: Option<(f64, JobKey)> = None;
        for job in shrinking {
            let carries = self
                .fleet
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
            .repository
            .tree()
            .map_err(|error| Failure::Failed(error.into()))?;
        for (path, bytes) in &tree {
            if path.starts_with(".plimsoll/") {
                continue;
            }
            let text = String::from_utf8_lossy(bytes);
            self.fleet
                .apply_manifest(path, &text, self.now_ms)
                .context("simulated fleet")?;
        }
        Ok(())
    }

    /// The days after: the load of one job rises beyond what its new size carries, its revert is merged, the others settle.
    async fn story(&mut self, begin_ms: i64, bad: Option<&JobKey>) -> Result<(), Failure> {
        let merged_ms = self.now_ms;
        let jobs = self.watched().await?;
        let rises_ms = merged_ms + 3 * HOUR_MS;
        if let Some(job) = bad {
            let factor = self
                .fleet
                .carries(job, begin_ms - DAY_MS, begin_ms)
                .context("simulated fleet")?
                * RISE;
            self.fleet
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
        let watched = follow(
            &self.world,
            &self.store,
            &self.forge,
            &self.repository,
            &self.jobs,
        )
        .await?
        .watched;
        let mut reverts = Vec::new();
        for watched in &watched {
            let name = watched
                .job
                .splitn(3, '/')
                .nth(2)
                .unwrap_or(&watched.job)
                .to_string();
            match (&watched.assessment, &watched.revert) {
                (crate::watch::Assessment::Regressed { breaches, .. }, Some(done))
                    if done.done == "opened" =>
                {
                    let why = breaches
                        .first()
                        .map_or_else(String::new, |breach| breach.message.clone());
                    self.tell(format!("{name} hurts: {why}"));
                    reverts.push(name);
                }
                (
                    crate::watch::Assessment::Settled {
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
            self.local
                .merge(pull_request, MergeStyle::Merge, "Reviewer", self.now_ms)
                .map_err(|error| Failure::Failed(error.into()))?;
        }
        self.deploy()
    }

    fn text(&self, plan: &Plan, told: &[Told], out: &Utf8Path, report: &Utf8Path) -> String {
        let mut text =
            "SIMULATED fleet: every figure below comes from a model, not from a cluster.\n\n"
                .to_string();
        text.push_str(&super::plan::text(plan, false));
        text.push_str("\nWhat happened\n");
        for line in &self.lines {
            text.push_str(&format!("  {}\n", terminal(line)));
        }
        let rows: Vec<Vec<String>> = told
            .iter()
            .map(|told| {
                vec![
                    told.state.to_string(),
                    terminal(&cut(&told.title, 100)),
                    told.file.clone(),
                ]
            })
            .collect();
        text.push_str(&format!(
            "\n{}",
            table(&["STATE", "PULL REQUEST", "FILE"], &rows)
        ));
        text.push_str(&format!(
            "\nLeft for you in {out}\n  repository   git -C {out}/manifests.git log --stat\n  pull requests {out}/pull-requests\n  report       {report}\n  \
             why          plimsoll explain payments/orders-enrich --config {out}/plimsoll.yaml --now {}\n  audit        plimsoll audit --config {out}/plimsoll.yaml --now {}\n",
            self.now_ms, self.now_ms
        ));
        text
    }
}

fn told(pull_requests: &[PullRequest]) -> Vec<Told> {
    pull_requests
        .iter()
        .filter_map(|pull_request| {
            let state = State::find(&pull_request.body)?;
            Some(Told {
                kind: state.kind,
                job: state.job.to_string(),
                title: pull_request.title.clone(),
                branch: pull_request.branch.clone(),
                state: match pull_request.state {
                    PullRequestState::Open => "open",
                    PullRequestState::Merged => "merged",
                    PullRequestState::Closed => "closed",
                },
                file: pull_request.url.clone(),
            })
        })
        .collect()
}
