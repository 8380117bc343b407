//! What every command starts from: the configuration with its rules, the plug-ins, the clock; and the clients that it names.

use super::ending::Failure;
use super::select::select;
use crate::cli::{Common, Forge};
use crate::config::ClusterConfig;
use crate::pass::{
    Fleet, Known, Manifests, Observing, Planning, Sealed, Settings, Watching, sealed,
};
use crate::ports::{Clock, HistoryStore, Plugins, PullRequest};
use crate::quantity::FlinkDuration;
use crate::snapshot::JobKey;
use crate::world::{
    AnyForge, AnyHistory, AnyRepository, Clusters, Destination, Looks, Opened, assemble_plugins,
    open_history, open_history_without_file, seal_key,
};
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// The largest file of another job that is read, bytes.
const LARGEST_SEALED: u64 = 256 * 1024 * 1024;

/// What every command starts from. It holds no client and changes nothing.
pub struct Start {
    /// The configuration, its folder and the rules.
    pub opened: Opened,
    /// What a pass goes by.
    pub settings: Settings,
    /// The plug-ins.
    pub plugins: Plugins,
    /// `--now`, else the system's clock.
    pub clock: Clock,
}

/// The jobs asked for, with the clusters that were asked for them.
#[derive(Default)]
pub struct Listed {
    /// The jobs.
    pub fleet: Fleet,
    /// The clusters, connected; absent where the configuration has none.
    pub clusters: Option<Arc<Clusters>>,
}

impl Start {
    /// Reads configuration and policies.
    pub fn new(common: &Common) -> Result<Start, Failure> {
        let opened = Opened::read(common.config.as_deref())?;
        let plugins = assemble_plugins(&opened.config, &opened.folder, &common.plugins)?;
        Ok(Start {
            settings: Settings::new(&opened.config, opened.rules.clone()),
            plugins,
            clock: Clock::at(common.now.map(|moment| moment.ms)),
            opened,
        })
    }

    /// The time to act at.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Writes what another job is to carry out, sealed, and signed where a key is set.
    pub fn write_sealed(&self, content: &impl Serialize, file: &Utf8Path) -> Result<(), Failure> {
        let key = seal_key(&self.opened.config.seal)?;
        let out = || format!("--out {file}");
        let text = sealed(content, key.as_ref()).with_context(out)?;
        fs::write(file, text).with_context(out)?;
        Ok(())
    }

    /// Reads what another job asks for.
    pub fn read_sealed(&self, file: &Utf8Path) -> Result<Sealed, Failure> {
        let key = seal_key(&self.opened.config.seal)?;
        let from = || format!("--from {file}");
        let size = fs::metadata(file).with_context(from)?.len();
        if size > LARGEST_SEALED {
            return Err(Failure::Failed(anyhow::anyhow!(
                "--from {file} has {size} bytes, more than the {LARGEST_SEALED} that are read"
            )));
        }
        let text = fs::read_to_string(file).with_context(from)?;
        Ok(Sealed::read(&text, key.as_ref()).with_context(from)?)
    }

    /// The file of the embedded history.
    pub fn history_file(&self) -> Utf8PathBuf {
        self.opened.folder.join(&self.opened.config.history.file)
    }

    /// The history that is configured, for the jobs that are listed.
    pub fn history(&self, listed: &Listed) -> Result<AnyHistory, Failure> {
        let config = &self.opened.config.history;
        Ok(open_history(
            config,
            &self.opened.folder,
            self.looks(listed),
        )?)
    }

    /// The same for whoever judges what was merged: a file that can't be opened is a sentence, and the history begins now.
    pub fn history_without_file(
        &self,
        listed: &Listed,
    ) -> Result<(AnyHistory, Option<String>), Failure> {
        let config = &self.opened.config.history;
        let folder = &self.opened.folder;
        let (history, unread) = open_history_without_file(config, folder, self.looks(listed))?;
        Ok((history, unread.map(|error| error.to_string())))
    }

    fn looks(&self, listed: &Listed) -> Looks {
        Looks {
            jobs: self.named_in_flink(listed.fleet.known()),
            clusters: listed.clusters.clone(),
            clock: self.clock,
        }
    }

    /// Jobs with the names that Flink has for them, where the configuration says so.
    pub fn named_in_flink<'a>(
        &self,
        jobs: impl IntoIterator<Item = &'a JobKey>,
    ) -> Vec<(JobKey, Option<String>)> {
        jobs.into_iter()
            .map(|job| {
                let entry = self.settings.jobs.get(job);
                (job.clone(), entry.and_then(|entry| entry.flink_job.clone()))
            })
            .collect()
    }

    /// The clusters that are configured; nothing is asked yet.
    pub async fn connect(&self) -> Result<Clusters, Failure> {
        let (clusters, folder) = (&self.opened.config.clusters, &self.opened.folder);
        Ok(Clusters::connect(clusters, folder, None).await?)
    }

    /// Where manifests are read and pull requests go.
    pub fn destination(&self, typed: &Forge) -> Destination<'_> {
        Destination {
            folder: &self.opened.folder,
            repository: &self.opened.config.repository,
            forge: &self.opened.config.forge,
            typed: typed.forge,
        }
    }

    /// The forge that is named.
    pub fn forge(&self, typed: &Forge) -> Result<AnyForge, Failure> {
        Ok(self.destination(typed).open_forge()?)
    }

    /// The repository that the manifests are read from.
    pub fn repository(&self, typed: &Forge) -> Result<AnyRepository, Failure> {
        Ok(self.destination(typed).open_repository()?)
    }

    /// The pull requests of the forge that is named; absent without one.
    pub async fn pull_requests(&self, typed: &Forge) -> Result<Option<Vec<PullRequest>>, Failure> {
        match self.destination(typed).name() {
            Some(_) => crate::ports::Forge::pull_requests(&self.forge(typed)?)
                .await
                .map(Some)
                .map_err(|error| Failure::Failed(error.into())),
            None => Ok(None),
        }
    }

    /// What the watcher goes by.
    pub fn watching<'a>(&'a self, fleet: &'a Fleet) -> Watching<'a> {
        Watching {
            settings: &self.settings,
            fleet,
            now_ms: self.now_ms(),
        }
    }

    /// What a plan of these jobs is made from.
    pub fn planning<'a>(
        &'a self,
        fleet: &'a Fleet,
        manifests: &'a Manifests<'a>,
        known: &'a Known,
    ) -> Planning<'a> {
        Planning {
            settings: &self.settings,
            fleet,
            plugins: &self.plugins,
            manifests,
            known,
            now_ms: self.now_ms(),
        }
    }

    /// Whom a look at these jobs asks.
    pub fn observing<'a>(&'a self, fleet: &'a Fleet) -> Observing<'a> {
        Observing {
            settings: &self.settings,
            fleet,
            plugins: &self.plugins,
            clock: self.clock,
        }
    }

    /// Whether the configuration names jobs, or clusters that have some.
    pub fn has_clusters(&self) -> bool {
        !self.settings.jobs.is_empty() || self.has_kubernetes()
    }

    /// The jobs asked for: those of the configuration's clusters as they are now, or, where it has none, those that the history holds.
    pub async fn listed(&self, named: &[String], common: &Common) -> Result<Listed, Failure> {
        self.refuse_labels(common)?;
        let static_jobs = self.static_jobs();
        if !self.has_clusters() {
            let (jobs, problems) = match self.past() {
                Ok(past) => (select(past, named, common)?, Vec::new()),
                // Whoever needs none of them goes on; whoever names one, or needs the history, fails by it.
                Err(error) if named.is_empty() => (Vec::new(), vec![error.to_string()]),
                Err(error) => return Err(error),
            };
            return Ok(Listed {
                fleet: Fleet {
                    jobs,
                    problems,
                    ..Fleet::default()
                },
                clusters: None,
            });
        }
        // Each pass asks anew, with credentials as they are now.
        let clusters = self.connect().await?;
        // Jobs that the history knows stand in for clusters that don't answer. Without it the others are listed all the same.
        let (known, unread) = match self.has_kubernetes().then(|| self.past()) {
            Some(Ok(past)) => (past, None),
            Some(Err(error)) => (Vec::new(), Some(error.to_string())),
            None => (Vec::new(), None),
        };
        let mut found = clusters.list(common.cluster.as_deref(), &known).await;
        found.problems.extend(unread);
        let mut all: Vec<JobKey> = found.jobs.iter().cloned().collect();
        if let Some(selector) = &common.selector {
            all.retain(|job| {
                let resource = found.resources.get(job);
                resource.is_some_and(|resource| selector.matches(&resource.labels))
            });
            if all.is_empty() && found.problems.is_empty() {
                return Err(Failure::Usage(format!(
                    "no job has labels that fit `--selector {selector}`"
                )));
            }
        }
        let unasked = found.problems.join("; ");
        if all.is_empty() && !found.problems.is_empty() {
            return Err(Failure::Failed(anyhow::anyhow!("{unasked}")));
        }
        // Who could not be asked may have the cluster or the job that was named.
        let jobs = match select(all, named, common) {
            Err(Failure::Usage(message)) if !found.problems.is_empty() => {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "{message}; and what could not be asked may have it: {unasked}"
                )));
            }
            selected => selected?,
        };
        let with_resources: BTreeSet<&str> = found
            .resources
            .keys()
            .map(|job| job.cluster.as_str())
            .collect();
        let asked_whole = |cluster: &ClusterConfig| {
            cluster.is_kubernetes()
                && cluster.namespaces.is_none()
                && cluster.selector.is_none()
                && with_resources.contains(cluster.name.as_str())
        };
        let configured = &self.opened.config.clusters;
        let is_whole = !configured.is_empty()
            && configured.iter().all(asked_whole)
            && found.problems.is_empty();
        Ok(Listed {
            fleet: Fleet {
                jobs,
                listed: static_jobs,
                is_whole,
                resources: found.resources,
                problems: found.problems,
            },
            clusters: Some(Arc::new(clusters)),
        })
    }

    /// The jobs that can be known without asking a cluster: those of static lists, and, where there are clusters behind Kubernetes, those
    /// that the history holds.
    pub fn known_without_asking(&self) -> Result<Vec<JobKey>, Failure> {
        let mut jobs = self.static_jobs();
        if self.has_kubernetes() && self.history_file().exists() {
            jobs.extend(self.past()?);
        }
        Ok(jobs.into_iter().collect())
    }

    /// The jobs of static lists.
    pub fn static_jobs(&self) -> BTreeSet<JobKey> {
        self.settings
            .jobs
            .iter()
            .filter(|(_, entry)| entry.is_listed())
            .map(|(job, _)| job.clone())
            .collect()
    }

    fn has_kubernetes(&self) -> bool {
        self.opened
            .config
            .clusters
            .iter()
            .any(ClusterConfig::is_kubernetes)
    }

    /// The jobs that the history holds.
    fn past(&self) -> Result<Vec<JobKey>, Failure> {
        let listed = Listed {
            fleet: Fleet {
                listed: self.static_jobs(),
                ..Fleet::default()
            },
            clusters: None,
        };
        self.history(&listed)?
            .jobs()
            .map_err(|error| Failure::Failed(error.into()))
    }

    fn refuse_labels(&self, common: &Common) -> Result<(), Failure> {
        match &common.selector {
            Some(selector) if !self.has_kubernetes() => Err(Failure::Usage(format!(
                "`--selector {selector}` chooses by labels, and no cluster of the configuration is behind Kubernetes: name the jobs instead"
            ))),
            _ => Ok(()),
        }
    }
}

/// Parses a duration with its unit.
pub fn duration(text: &str) -> Result<Duration, Failure> {
    FlinkDuration::with_unit(text)
        .map(|duration| duration.to_std())
        .map_err(|error| Failure::Usage(error.to_string()))
}
