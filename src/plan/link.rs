//! How a live job and a file were found to belong together, and how sure that is.

use crate::flink::deployment::Kind;
use crate::manifest::{Located, ObjectKey, Tie};
use crate::snapshot::{JobKey, LiveResource, Owner};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What tied a job to its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TiedBy {
    /// Kind, namespace and name are the object's: certain.
    Key,
    /// A kustomization or a controller in the repository gives the file's object the job's namespace: certain.
    Build,
    /// The file names no namespace, and stands in a folder of the namespace's name: likely.
    Folder,
    /// The file names no namespace, and no other file and no other live job has the name: likely.
    Name,
    /// The configuration names the file (`manifest:`): as sure as the configuration.
    Manifest,
    /// The configuration maps a chart's values to the job: as sure as the configuration.
    Values,
}

/// How sure the tie is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Nothing else could be meant.
    Certain,
    /// The evidence fits this job alone, and the file does not say so itself.
    Likely,
    /// A person said so in the configuration.
    Configured,
}

/// The file of a live job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The file.
    pub file: String,
    /// The line on which the object starts, from 1.
    pub line: usize,
    /// What tied them.
    pub by: TiedBy,
    /// How sure that is.
    pub confidence: Confidence,
    /// What puts the object into the cluster, as its labels and annotations hint (Argo CD's tracking id, Flux's labels, Helm's marks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            TiedBy::Key => "kind, namespace and name",
            TiedBy::Build => "kind, name, and the namespace that what applies the file gives it",
            TiedBy::Folder => "kind and name, the folder has the namespace's name",
            TiedBy::Name => "kind and name, the file names no namespace",
            TiedBy::Manifest => "`manifest:` in the configuration",
            TiedBy::Values => "the configuration's values mapping",
        };
        let sure = match self.confidence {
            Confidence::Certain => "certain",
            Confidence::Likely => "likely",
            Confidence::Configured => "configured",
        };
        write!(f, "{}:{}, by {by} ({sure})", self.file, self.line)?;
        match &self.owner {
            Some(owner) => write!(f, "; put there by {} `{}`", owner.tool, owner.name),
            None => Ok(()),
        }
    }
}

/// How a job's file was found.
pub fn link(located: &Located, resource: Option<&LiveResource>) -> Link {
    let owner = resource.and_then(|resource| resource.owner.clone());
    let (by, confidence) = match located.tie {
        Tie::Key => (TiedBy::Key, Confidence::Certain),
        Tie::Build => (TiedBy::Build, Confidence::Certain),
        Tie::Folder => (TiedBy::Folder, Confidence::Likely),
        Tie::Name => (TiedBy::Name, Confidence::Likely),
        Tie::Manifest => (TiedBy::Manifest, Confidence::Configured),
        Tie::Values => (TiedBy::Values, Confidence::Configured),
    };
    Link {
        file: located.file.clone(),
        line: located.line,
        by,
        confidence,
        owner,
    }
}

/// Files of Flink objects that none of the live jobs belongs to, one sentence each.
pub fn without_job<'a>(
    objects: impl IntoIterator<Item = &'a Located>,
    live: impl IntoIterator<Item = &'a JobKey>,
) -> Vec<String> {
    let mut namespaces: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for job in live {
        namespaces
            .entry((job.kind.resource_kind(), &job.name))
            .or_default()
            .insert(&job.namespace);
    }
    let is_live = |key: &ObjectKey| {
        namespaces
            .get(&(key.kind.as_str(), key.name.as_str()))
            .is_some_and(|namespaces| match &key.namespace {
                Some(namespace) => namespaces.contains(namespace.as_str()),
                // A manifest may leave its namespace to whoever applies it.
                None => true,
            })
    };
    objects
        .into_iter()
        .filter(|object| Kind::from_name(&object.key.kind).is_some())
        .filter(|object| !is_live(&object.key))
        .map(|object| {
            let key = &object.key;
            let namespace = key.namespace.as_ref().map_or(String::new(), |of| format!("{of}/"));
            format!(
                "{}:{}: {} {namespace}{} is in no cluster that was listed: it was never applied, was deleted, or its cluster is not configured",
                object.file, object.line, key.kind, key.name
            )
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::manifest::{Tree, discover};
    use crate::snapshot::{JobKind, Role};

    fn objects(files: &[(&str, &str)]) -> Vec<Located> {
        let tree: Tree = files
            .iter()
            .map(|(path, text)| {
                let text = format!("apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {text}\nspec: {{job: {{parallelism: 1}}}}\n");
                ((*path).to_owned(), text.into_bytes())
            })
            .collect();
        discover(&tree).objects
    }

    fn job(name: &str) -> JobKey {
        JobKey {
            cluster: "prod".into(),
            kind: JobKind::Deployment,
            namespace: "payments".into(),
            name: name.into(),
        }
    }

    #[test]
    fn a_tie_is_as_sure_as_what_it_is_made_of() {
        let mut found = objects(&[("a.yaml", "{name: orders, namespace: payments}")]).remove(0);
        let mut owned = LiveResource::new(Role::Application, "flink.apache.org/v1beta1");
        owned.owner = Some(Owner {
            tool: "argo-cd".into(),
            name: "shop".into(),
            namespace: None,
        });
        for (tie, by, confidence) in [
            (Tie::Key, TiedBy::Key, Confidence::Certain),
            (Tie::Build, TiedBy::Build, Confidence::Certain),
            (Tie::Folder, TiedBy::Folder, Confidence::Likely),
            (Tie::Name, TiedBy::Name, Confidence::Likely),
            (Tie::Manifest, TiedBy::Manifest, Confidence::Configured),
            (Tie::Values, TiedBy::Values, Confidence::Configured),
        ] {
            found.tie = tie;
            let tied = link(&found, None);
            assert_eq!((tied.by, tied.confidence), (by, confidence));
        }
        // What the cluster says of an owner is told, and makes no file surer by itself.
        found.tie = Tie::Name;
        let tracked = link(&found, Some(&owned));
        assert_eq!(tracked.confidence, Confidence::Likely);
        assert!(
            tracked.to_string().contains("put there by argo-cd `shop`"),
            "{tracked}"
        );
    }

    #[test]
    fn a_file_without_a_job_is_named() {
        let found = objects(&[
            ("a.yaml", "{name: orders, namespace: payments}"),
            ("b.yaml", "{name: risk}"),
            ("c.yaml", "{name: gone, namespace: payments}"),
            ("d.yaml", "{name: orders, namespace: elsewhere}"),
        ]);
        let live = BTreeSet::from([job("orders"), job("risk")]);
        let told = without_job(&found, &live);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("c.yaml:1: FlinkDeployment payments/gone is in no cluster"));
        assert!(told[1].starts_with("d.yaml:1: FlinkDeployment elsewhere/orders"));
    }
}
