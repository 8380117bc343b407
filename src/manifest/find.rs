//! The manifest of a live job: found by evidence, or not at all.
//!
//! A manifest that names another namespace is never the job's. One that names none may be, by evidence (a build or a controller that
//! gives it the namespace, its folder, being the only one of that name), and then for one job only. Whatever fits twice is
//! `ambiguous-target`; the way out is `manifest:` in the configuration, which holds wherever the job's manifest is needed.

use std::collections::BTreeSet;

use super::catalog::{Candidate, Catalog, Located};
use super::links::within;
use super::refusal::{Code, Refusal};
use super::{Change, Edited, ObjectKey, Tree, ValuesLayer};
use crate::flink::field_path::FieldPath;

/// What ties a job to its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// The manifest itself says kind, namespace and name.
    Key,
    /// A kustomization or a controller gives it the namespace.
    Build,
    /// It names no namespace, and stands in a folder of the namespace's name.
    Folder,
    /// It names no namespace, and no other manifest and no other live job has its name.
    Name,
    /// The configuration names it.
    Manifest,
    /// The configuration maps a chart's values to the job.
    Values,
}

/// The job whose manifest is sought, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Its custom resource.
    pub key: ObjectKey,
    /// The file, folder or patch that the configuration names.
    pub manifest: Option<String>,
    /// The other live jobs of its name for which the configuration names no file. The same key again is a job of another cluster.
    pub rivals: Vec<ObjectKey>,
    /// The namespaces of other live jobs.
    pub namespaces: BTreeSet<String>,
    /// What puts it into the cluster, as its labels tell: tool (`argo-cd`, `flux-kustomization`, `flux-helmrelease`, `helm`) and name.
    pub owner: Option<(String, String)>,
    /// Where a chart's values set its fields, in the order in which the files are read.
    pub values: Vec<ValuesLayer>,
    /// Whether the configuration maps values for this very job, rather than for every job without a manifest.
    pub values_are_its_own: bool,
    /// Other live jobs for which the configuration maps the same files and keys.
    pub values_shared_with: Vec<String>,
}

impl Sought {
    /// A job of which nothing but its key is known.
    pub fn new(key: ObjectKey) -> Sought {
        Sought {
            key,
            manifest: None,
            rivals: Vec::new(),
            namespaces: BTreeSet::new(),
            owner: None,
            values: Vec::new(),
            values_are_its_own: false,
            values_shared_with: Vec::new(),
        }
    }

    fn namespace(&self) -> &str {
        self.key.namespace.as_deref().unwrap_or_default()
    }

    /// How the configuration names a file for the job.
    fn entry(&self, file: &str) -> String {
        format!(
            "name the right one in plimsoll.yaml, at the job in `clusters`: `jobs: [{{namespace: {}, name: {}, manifest: {file}}}]`",
            self.namespace(),
            self.key.name
        )
    }
}

impl Catalog<'_> {
    /// Finds the manifest of a job.
    ///
    /// # Errors
    /// `not-found`, `ambiguous-target`, `templated-file`, and what keeps a file from being read.
    pub fn find(&self, sought: &Sought) -> Result<Located, Refusal> {
        let mapped = || self.locate_mapped(sought);
        if sought.values_are_its_own && sought.manifest.is_none() {
            return mapped();
        }
        let found = self.object_of(sought).and_then(|(candidate, tie)| {
            if let Some(refusal) = self.broken_layer(candidate) {
                return Err(refusal);
            }
            let mut located = candidate.located.clone();
            located.key.namespace = sought.key.namespace.clone();
            located.key.name = sought.key.name.clone();
            located.tie = tie;
            Ok(located)
        });
        match found {
            Err(_) if !sought.values.is_empty() => mapped(),
            found => found,
        }
    }

    /// Whether the sizes that a found manifest says are all to be read, and its own to set.
    ///
    /// # Errors
    /// `templated-value` for a field that something else fills in; `owned-elsewhere` where a scaler decides.
    pub fn says_sizes(&self, located: &Located) -> Result<(), Refusal> {
        if located.values.is_empty() {
            self.readable(self.same(located)?)?;
        }
        self.scaled_elsewhere(&located.key)
    }

    /// Edits the manifest that [`Catalog::find`] found in this tree.
    ///
    /// # Errors
    /// Any refusal but those of [`check()`](super::check()).
    pub fn change(
        &self,
        located: &Located,
        changes: &[Change],
        create: bool,
    ) -> Result<Edited, Refusal> {
        let edited = if located.values.is_empty() {
            let candidate = self.same(located)?;
            self.not_ignored(candidate, changes)?;
            self.not_mutated(&located.key, changes)?;
            let changes: Vec<&Change> = changes.iter().collect();
            self.edit_candidate(candidate, &changes, create)?
        } else {
            self.not_mutated(&located.key, changes)?;
            self.change_values(located, changes, create)?
        };
        for file in edited.files.keys() {
            self.may_write(file)?;
        }
        Ok(edited)
    }

    /// The files without one field of the manifest that [`Catalog::find`] found in this tree; none where it is not there.
    ///
    /// # Errors
    /// As [`Catalog::remove`].
    pub fn without(&self, located: &Located, field: &FieldPath) -> Result<Tree, Refusal> {
        let files = if located.values.is_empty() {
            self.remove_from(self.same(located)?, field, None)?
        } else {
            self.remove_value(located, field)?
        };
        for file in files.keys() {
            self.may_write(file)?;
        }
        Ok(files)
    }

    /// The candidate that was located before.
    fn same(&self, located: &Located) -> Result<&Candidate, Refusal> {
        let place = |one: &Located| (one.file.clone(), one.document, one.line, one.build.clone());
        let wanted = place(located);
        let same = |candidate: &&Candidate| {
            candidate.located.key.kind == located.key.kind && place(&candidate.located) == wanted
        };
        let by_name = |candidate: &&Candidate| candidate.located.key.name == located.key.name;
        let mut all = self.candidates.iter().filter(same);
        let found = all.clone().find(by_name).or_else(|| all.next());
        found.ok_or_else(|| self.not_found(&located.key, &[]))
    }

    /// The object of a job, with what ties them.
    fn object_of(&self, sought: &Sought) -> Result<(&Candidate, Tie), Refusal> {
        let key = &sought.key;
        let named = self.named(key)?;
        let of = |namespace: Option<&str>| -> Vec<&Candidate> {
            let same =
                |candidate: &&&Candidate| candidate.located.key.namespace.as_deref() == namespace;
            named.iter().filter(same).copied().collect()
        };
        let own = of(key.namespace.as_deref());
        let free = of(None);
        if let Some(manifest) = &sought.manifest {
            let pool: Vec<&Candidate> = own.iter().chain(&free).copied().collect();
            return self.named_one(sought, manifest, &pool, &named);
        }
        match own.as_slice() {
            [] => self.free_one(sought, &free, &named),
            [one] if sought.rivals.contains(key) => Err(two_clusters(sought, one)),
            [one] => Ok((one, tie_of(one))),
            several => match self.owned(sought, several).as_slice() {
                [one] => Ok((one, tie_of(one))),
                _ => Err(ambiguous(sought, several)),
            },
        }
    }

    /// The object that the configuration names.
    fn named_one<'b>(
        &'b self,
        sought: &Sought,
        manifest: &str,
        pool: &[&'b Candidate],
        named: &[&'b Candidate],
    ) -> Result<(&'b Candidate, Tie), Refusal> {
        let place = self.place(".", manifest);
        let folder = if super::kustomize::is_kustomization(&place) {
            super::links::parent(&place)
        } else {
            place.clone()
        };
        let files = |candidate: &Candidate| -> BTreeSet<String> {
            let layers = candidate.layers.iter();
            layers
                .map(|layer| self.sources[layer.source].file.clone())
                .collect()
        };
        let built = |one: &&&Candidate| {
            let by_controller = one
                .deployers
                .iter()
                .any(|at| self.deployers[*at].file == place);
            one.located.build.as_deref() == Some(folder.as_str()) || by_controller
        };
        let holds = |one: &&&Candidate| files(one).contains(&place);
        let below = |one: &&&Candidate| within(&folder, &one.located.file);
        let ways: [&dyn Fn(&&&Candidate) -> bool; 3] = [&built, &holds, &below];
        for way in ways {
            let fits: Vec<&Candidate> = pool.iter().filter(way).copied().collect();
            match fits.as_slice() {
                [] => {}
                [one] => return Ok((one, Tie::Manifest)),
                several => return Err(ambiguous(sought, several)),
            }
        }
        // A name that a template fills in is taken at the configuration's word.
        let templated: Vec<&Candidate> = self
            .candidates
            .iter()
            .filter(|one| {
                let key = &one.located.key;
                key.kind == sought.key.kind
                    && key.group == sought.key.group
                    && super::template::in_scalar(&key.name).is_some()
                    && key.namespace.as_deref().is_none_or(|of| {
                        of == sought.namespace() || super::template::in_scalar(of).is_some()
                    })
                    && files(one).contains(&place)
            })
            .collect();
        if let [one] = templated.as_slice() {
            return Ok((one, Tie::Manifest));
        }
        Err(self.manifest_lacks(sought, manifest, &place, named))
    }

    fn manifest_lacks(
        &self,
        sought: &Sought,
        manifest: &str,
        place: &str,
        named: &[&Candidate],
    ) -> Refusal {
        if let Some(source) = self.by_file.get(place)
            && let Some(refusal) = self.sources[*source].broken()
        {
            return refusal;
        }
        let there = self.tree.keys().any(|file| within(place, file));
        let key = &sought.key;
        if !there {
            return Refusal::new(
                Code::NotFound,
                format!(
                    "the configuration names `manifest: {manifest}` for `{key}`, and the repository has no such file or folder"
                ),
                "correct `manifest:` of the job in plimsoll.yaml (a path from the repository's root), and commit the file",
            );
        }
        let others: Vec<String> = named.iter().map(|one| place_of(one)).collect();
        let near = match others.as_slice() {
            [] => String::new(),
            others => format!("; it stands in {}", others.join(", ")),
        };
        let refusal = Refusal::new(
            Code::NotFound,
            format!("`manifest: {manifest}` holds no `{key}`{near}"),
            "correct `manifest:` of the job in plimsoll.yaml, or the job's namespace and name there",
        );
        match self.tree.contains_key(place) {
            true => refusal.at(place, 1),
            false => refusal,
        }
    }

    /// Of objects without a namespace: the one that evidence gives to this job and to no other.
    fn free_one<'b>(
        &'b self,
        sought: &Sought,
        free: &[&'b Candidate],
        named: &[&'b Candidate],
    ) -> Result<(&'b Candidate, Tie), Refusal> {
        let key = &sought.key;
        let folders = |one: &Candidate| -> Vec<String> {
            let file = one.located.build.as_deref().unwrap_or(&one.located.file);
            let parts = format!("{file}/{}", super::links::parent(&one.located.file));
            parts.split('/').map(str::to_owned).collect()
        };
        // Live jobs of that name that have no manifest under their own namespace could be meant too.
        let rivals: Vec<&ObjectKey> = sought
            .rivals
            .iter()
            .filter(|rival| (&rival.kind, &rival.name) == (&key.kind, &key.name))
            .filter(|rival| {
                !named
                    .iter()
                    .any(|one| one.located.key.namespace == rival.namespace)
            })
            .collect();
        let here = |one: &&&Candidate| folders(one).iter().any(|part| part == sought.namespace());
        let mine: Vec<&Candidate> = free.iter().filter(here).copied().collect();
        let possible: Vec<&Candidate> = match mine.as_slice() {
            [] => {
                let others = |one: &&&Candidate| {
                    !folders(one)
                        .iter()
                        .any(|part| sought.namespaces.contains(part))
                };
                free.iter().filter(others).copied().collect()
            }
            _ => mine.clone(),
        };
        let possible = self.not_owned_otherwise(sought, &possible);
        let same_cluster: Vec<&&ObjectKey> = rivals.iter().filter(|rival| **rival != key).collect();
        match possible.as_slice() {
            [] => Err(self.not_found(key, named)),
            [one] if !same_cluster.is_empty() && mine.is_empty() => {
                let jobs: Vec<String> =
                    same_cluster.iter().map(|rival| rival.to_string()).collect();
                let located = &one.located;
                Err(Refusal::new(
                    Code::AmbiguousTarget,
                    format!(
                        "the manifest names no namespace, and could be that of `{key}` or of {}",
                        jobs.join(", ")
                    ),
                    format!(
                        "write `metadata.namespace` into it, or {}",
                        sought.entry(&located.file)
                    ),
                )
                .at(&located.file, located.line))
            }
            [one] if rivals.contains(&key) => Err(two_clusters(sought, one)),
            [one] if !mine.is_empty() => Ok((one, Tie::Folder)),
            [one] => Ok((one, Tie::Name)),
            several => match self.owned(sought, several).as_slice() {
                [one] => Ok((one, Tie::Build)),
                _ => Err(ambiguous(sought, several)),
            },
        }
    }

    /// Those that the controller which the cluster names puts there.
    fn owned<'b>(&self, sought: &Sought, several: &[&'b Candidate]) -> Vec<&'b Candidate> {
        let Some((tool, name)) = &sought.owner else {
            return Vec::new();
        };
        let own = |one: &&&Candidate| {
            one.deployers.iter().any(|at| {
                let deployer = &self.deployers[*at];
                deployer.tool.owner() == tool && deployer.name == *name
            })
        };
        several.iter().filter(own).copied().collect()
    }

    /// Without those of which the cluster says that another controller of this tree put them there.
    fn not_owned_otherwise<'b>(
        &self,
        sought: &Sought,
        several: &[&'b Candidate],
    ) -> Vec<&'b Candidate> {
        let known = sought.owner.as_ref().is_some_and(|(tool, name)| {
            self.deployers.iter().any(|deployer| {
                deployer.tool.owner() == tool && deployer.name == *name && deployer.path.is_some()
            })
        });
        let own = self.owned(sought, several);
        if known && several.iter().any(|one| !one.deployers.is_empty()) {
            return own;
        }
        several.to_vec()
    }
}

impl super::controllers::Tool {
    /// How a live resource's marks name it.
    fn owner(self) -> &'static str {
        match self {
            super::controllers::Tool::Flux => "flux-kustomization",
            super::controllers::Tool::Argo => "argo-cd",
        }
    }
}

fn tie_of(candidate: &Candidate) -> Tie {
    if candidate.names_namespace {
        Tie::Key
    } else {
        Tie::Build
    }
}

/// Where an object stands, for people.
fn place_of(candidate: &Candidate) -> String {
    let located = &candidate.located;
    match &located.build {
        Some(build) => format!(
            "`{}` ({}:{} built by {build})",
            located.key, located.file, located.line
        ),
        None => format!("`{}` ({}:{})", located.key, located.file, located.line),
    }
}

fn two_clusters(sought: &Sought, one: &Candidate) -> Refusal {
    let located = &one.located;
    Refusal::new(
        Code::AmbiguousTarget,
        format!(
            "`{}` runs in more than one cluster, and this one manifest fits all of them",
            sought.key
        ),
        format!(
            "for the cluster that it belongs to, {}; for the others leave `manifest:` to their own files",
            sought.entry(&located.file)
        ),
    )
    .at(&located.file, located.line)
}

fn ambiguous(sought: &Sought, several: &[&Candidate]) -> Refusal {
    let places: Vec<String> = several.iter().map(|one| place_of(one)).collect();
    let first = &several[0].located;
    let example = match &first.build {
        // A controller's layer is named by its file.
        Some(build) if !build.contains(' ') => build.clone(),
        _ => first.file.clone(),
    };
    Refusal::new(
        Code::AmbiguousTarget,
        format!(
            "`{}` stands in more than one place: {}",
            sought.key,
            places.join(", ")
        ),
        sought.entry(&example),
    )
    .at(&first.file, first.line)
}
