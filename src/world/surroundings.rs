//! What stands around a folder of manifests, before there is a configuration: the remote, the manifests, who applies them, charts.

use crate::clients::github::origin;
use crate::clients::repository::{FolderRepository, is_in_git, origin_of};
use crate::manifest::{Catalog, Chart, Sought, Tree, ValuesLayer, charts};
use crate::plan::object_key;
use crate::ports::Repository;
use crate::snapshot::{JobKey, JobKind};
use camino::Utf8Path;
use std::collections::BTreeSet;

/// Where the remote `origin` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The host, lower case.
    pub host: String,
    /// `owner/name`.
    pub repository: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The remote `origin`, where it is on a host.
    pub remote: Option<Remote>,
    /// How many objects of the operator's kinds there are, charts aside.
    pub objects: usize,
    /// Their namespaces.
    pub namespaces: BTreeSet<String>,
    /// Whether each object and each chart names its namespace, so that those are all.
    pub all_placed: bool,
    /// Who applies manifests, by its name.
    pub controllers: Vec<&'static str>,
    /// Charts that make jobs, each with the file that holds its values in the end.
    pub charts: Vec<(Chart, String)>,
    /// What could not be read.
    pub problems: Vec<String>,
}

impl Surroundings {
    /// Looks around a folder. Only a git repository is looked into: any other folder may hold anything.
    pub fn of(folder: &Utf8Path) -> Surroundings {
        let mut found = Surroundings::default();
        if !is_in_git(folder.as_std_path()) {
            return found;
        }
        found.remote = origin_of(folder.as_std_path())
            .as_deref()
            .and_then(origin)
            .map(|origin| Remote {
                host: origin.host,
                repository: origin.repository,
            });
        let tree = FolderRepository::open(folder.as_std_path()).and_then(|files| files.tree());
        match tree {
            Ok(tree) => found.read(&tree),
            Err(error) => found.problems.push(error.to_string()),
        }
        found
    }

    fn read(&mut self, tree: &Tree) {
        let catalog = Catalog::read(tree);
        for chart in charts(tree) {
            let file = holder(tree, &chart);
            self.charts.push((chart, file));
        }
        let discovery = catalog.into_discovery();
        self.objects = discovery.objects.len();
        self.all_placed = discovery
            .objects
            .iter()
            .all(|object| object.key.namespace.is_some())
            && self.charts.iter().all(|(chart, _)| chart.all_named);
        let placed = discovery
            .objects
            .iter()
            .filter_map(|object| object.key.namespace.clone());
        let charted = self
            .charts
            .iter()
            .flat_map(|(chart, _)| chart.jobs.iter())
            .filter_map(|(namespace, _)| namespace.clone());
        self.namespaces = placed.chain(charted).collect();
        // What a chart makes is no file of its own, and is told apart.
        self.problems = discovery
            .problems
            .iter()
            .filter(|problem| problem.code() != "templated-file")
            .map(ToString::to_string)
            .collect();
        let speaks = |words: &[&str]| {
            tree.values()
                .filter_map(|bytes| std::str::from_utf8(bytes).ok())
                .any(|text| words.iter().all(|word| text.contains(word)))
        };
        if speaks(&["toolkit.fluxcd.io/"]) {
            self.controllers.push("Flux");
        }
        if speaks(&["argoproj.io/", "kind: Application"]) {
            self.controllers.push("Argo CD");
        }
    }

    /// What was found, a line a thing.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(remote) = &self.remote {
            lines.push(format!("origin is {}/{}", remote.host, remote.repository));
        }
        if self.objects > 0 {
            let namespaces: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
            lines.push(format!(
                "{} {} of Flink's operator, namespaces: {}",
                self.objects,
                if self.objects == 1 {
                    "manifest"
                } else {
                    "manifests"
                },
                if namespaces.is_empty() {
                    "not named".to_string()
                } else {
                    namespaces.join(", ")
                }
            ));
        }
        if !self.controllers.is_empty() {
            lines.push(format!("manifests of {}", self.controllers.join(" and ")));
        }
        for (chart, file) in &self.charts {
            lines.push(format!(
                "a chart in {}: {} of the fields that size its jobs are set by {file}, {} are not",
                if chart.folder.is_empty() {
                    "."
                } else {
                    &chart.folder
                },
                chart.fields.len(),
                chart.unmapped.len()
            ));
        }
        lines.extend(
            self.problems
                .iter()
                .map(|problem| format!("not read: {problem}")),
        );
        lines
    }
}

/// The file whose values count for the chart's first job: a release's own where it has some, else the chart's.
fn holder(tree: &Tree, chart: &Chart) -> String {
    let named = chart.jobs.first().map(|(namespace, name)| JobKey {
        cluster: String::new(),
        kind: JobKind::Deployment,
        namespace: namespace.clone().unwrap_or_default(),
        name: name.clone(),
    });
    named
        .filter(|_| !chart.fields.is_empty())
        .and_then(|job| {
            // Without the chart's own file: where a release has values, that file sets the defaults only.
            let mut beside = tree.clone();
            beside.remove(&chart.values);
            let located = Catalog::read(&beside).find(&Sought {
                values: vec![ValuesLayer {
                    fields: chart.fields.clone(),
                    ..ValuesLayer::default()
                }],
                values_are_its_own: true,
                ..Sought::new(object_key(&job))
            });
            Some(located.ok()?.file)
        })
        .unwrap_or_else(|| chart.values.clone())
}
