//! Why an object is not there: the best reason that the files themselves give.

use super::catalog::{Candidate, Catalog, mentions};
use super::readable::FIELDS;
use super::refusal::{Code, Refusal};
use super::{ObjectKey, template};
use crate::flink::deployment::GROUP;
use crate::flink::field_path::FieldPath;

/// What to do about a template.
pub(crate) const WAY_OUT: &str = "map the job's fields to the keys of the file that fills it, in `repository.values` of plimsoll.yaml: `{jobs: [NAMESPACE/NAME], file: FILE, fields: {spec.taskManager.resource.memory: KEY}}`";

impl Catalog<'_> {
    /// The best reason why an object was not found.
    pub(crate) fn not_found(&self, key: &ObjectKey, named: &[&Candidate]) -> Refusal {
        if let Some(refusal) = self.unreadable(key) {
            return refusal;
        }
        let same = |candidate: &&Candidate| {
            let found = &candidate.located.key;
            found.kind == key.kind && found.name == key.name && found.group != GROUP
        };
        if let Some(foreign) = self.candidates.iter().find(same) {
            let refusal = self.unsupported(key, &foreign.located.key.group);
            return refusal.at(&foreign.located.file, foreign.located.line);
        }
        if named.is_empty()
            && let Some(refusal) = self.remote_base(key).or_else(|| self.elsewhere(key))
        {
            return refusal;
        }
        let others: Vec<String> = named.iter().map(|one| self.told(one)).collect();
        let (near, way_out) = match others.as_slice() {
            [] => (
                String::new(),
                "commit its manifest (YAML or JSON, kind, namespace and name as in the cluster) to the repository, or, where a chart makes it, map the chart's values in `repository.values` of plimsoll.yaml",
            ),
            others => (
                format!("; there is {}", others.join(", ")),
                "where one of these is meant, correct the namespace in it or in plimsoll.yaml; else commit the job's own manifest",
            ),
        };
        let refusal = Refusal::new(
            Code::NotFound,
            format!("no YAML or JSON file of the repository holds `{key}`{near}"),
            way_out,
        );
        match named.first() {
            Some(one) => refusal.at(&one.located.file, one.located.line),
            None => refusal,
        }
    }

    /// An object of that name that is not this one, for people.
    fn told(&self, one: &Candidate) -> String {
        let located = &one.located;
        let by = one.deployers.first().filter(|_| !one.names_namespace);
        let by = by.map_or_else(String::new, |at| {
            format!(", put there by the {}", self.deployers[*at])
        });
        format!("`{}` in {}:{}{by}", located.key, located.file, located.line)
    }

    /// A patch for the object on a base that is fetched from elsewhere.
    fn remote_base(&self, key: &ObjectKey) -> Option<Refusal> {
        let speaks = |source: &&super::source::Source| {
            speaks_of(&source.text, &key.kind) && source.text.contains(&key.name)
        };
        let patch = self.sources.iter().find(speaks)?;
        let folder = super::links::parent(&patch.file);
        let (address, file, line) = self
            .remote
            .iter()
            .find(|(_, file, _)| super::links::within(&super::links::parent(file), &folder))?;
        let refusal = Refusal::new(
            Code::NotFound,
            format!(
                "`{key}` is built on the remote base `{address}`, whose files are not in this repository, so what the object is cannot be told from here"
            ),
            "copy the base into the repository (`kustomize localize`), or edit by hand",
        );
        Some(refusal.at(file, *line))
    }

    /// A file that cannot be read and seems to hold the object.
    fn unreadable(&self, key: &ObjectKey) -> Option<Refusal> {
        let sources = self
            .sources
            .iter()
            .filter(|source| speaks_of(&source.text, &key.kind));
        let mut templates: Vec<(&str, &str, Refusal)> = Vec::new();
        let mut broken = Vec::new();
        for source in sources {
            match source.broken() {
                Some(refusal) if source.template.is_some() => {
                    templates.push((&source.file, &source.text, refusal));
                }
                Some(refusal) if source.text.contains(&key.name) => broken.push(refusal),
                _ => {}
            }
        }
        let literal = templates.iter().find(|(_, text, _)| names(text, &key.name));
        if let Some((_, _, refusal)) = literal {
            return Some(self.with_keys(refusal.clone(), key));
        }
        if let Some(refusal) = broken.into_iter().next() {
            return Some(refusal);
        }
        if let Some(refusal) = self.not_utf8(key) {
            return Some(refusal);
        }
        let templated_name =
            |text: &str| name_lines(text).any(|name| template::in_scalar(name).is_some());
        let mut open: Vec<_> = templates
            .into_iter()
            .filter(|(_, text, _)| templated_name(text))
            .collect();
        // The chart of the job's name first.
        open.sort_by_key(|(file, _, _)| !super::mapped::path_names(file, &key.name));
        let open = open.into_iter().next();
        open.map(|(_, _, refusal)| self.with_keys(refusal, key))
            .or_else(|| self.by_template(key))
    }

    /// Says in a template's refusal which values keys fill which fields, as far as the template shows it.
    fn with_keys(&self, mut refusal: Refusal, key: &ObjectKey) -> Refusal {
        let Some(file) = refusal.file.clone() else {
            return refusal;
        };
        let text = self
            .tree
            .get(&file)
            .and_then(|b| std::str::from_utf8(b).ok());
        let spec = FieldPath::of(&["spec"]);
        let slots = spec
            .child("flinkConfiguration")
            .child("taskmanager.numberOfTaskSlots");
        let fields = FIELDS.iter().map(|keys| spec.join(&FieldPath::of(keys)));
        let pairs: Vec<String> = fields
            .chain([slots])
            .filter_map(|field| {
                let (_, line) = template::line_of(text?, &field)?;
                let keys = template::values_keys(line);
                Some(format!("{field}: {}", keys.first()?))
            })
            .collect();
        if pairs.is_empty() {
            return refusal;
        }
        let chart = file.split("templates/").next().unwrap_or_default();
        let values = format!("{chart}values.yaml");
        let values = if self.tree.contains_key(&values) {
            values
        } else {
            "FILE".to_owned()
        };
        refusal.way_out = format!(
            "map the job's fields to the values that fill it, in `repository.values` of plimsoll.yaml: `{{jobs: [{}/{}], file: {values}, fields: {{{}}}}}`",
            key.namespace.as_deref().unwrap_or("NAMESPACE"),
            key.name,
            pairs.join(", ")
        );
        refusal
    }

    fn not_utf8(&self, key: &ObjectKey) -> Option<Refusal> {
        let mut problems = self
            .problems
            .iter()
            .filter(|problem| problem.code == Code::NotUtf8);
        problems
            .find(|problem| {
                let bytes = problem.file.as_ref().and_then(|file| self.tree.get(file));
                bytes.is_some_and(|bytes| mentions(bytes, &key.kind) && mentions(bytes, &key.name))
            })
            .cloned()
    }

    /// Objects whose name is filled in by a template, and files that are templates by their ending.
    fn by_template(&self, key: &ObjectKey) -> Option<Refusal> {
        let way_out = WAY_OUT;
        let templated = self.candidates.iter().find(|candidate| {
            let found = &candidate.located.key;
            found.kind == key.kind && template::in_scalar(&found.name).is_some()
        });
        if let Some(candidate) = templated {
            let located = &candidate.located;
            let mut message = format!(
                "the object's name `{}` is filled in by a template",
                located.key.name
            );
            for variable in template::variables(&located.key.name) {
                let mut all = candidate.deployers.iter().map(|at| &self.deployers[*at]);
                let filler = all.find_map(|deployer| deployer.fills(&variable));
                message += &filler.map_or_else(
                    || format!("; what sets `{variable}` is not in this repository"),
                    |filler| format!("; `{variable}` is set in {filler}"),
                );
            }
            let way_out = format!(
                "if it is this job's, name it in plimsoll.yaml, at the job in `clusters`: `jobs: [{{namespace: {}, name: {}, manifest: {}}}]`",
                key.namespace.as_deref().unwrap_or("NAMESPACE"),
                key.name,
                located.file
            );
            let refusal = Refusal::new(Code::TemplatedFile, message, way_out);
            return Some(refusal.at(&located.file, located.line));
        }
        self.tree.iter().find_map(|(file, bytes)| {
            let ending = super::elsewhere::TEMPLATES
                .iter()
                .find(|ending| file.ends_with(**ending))?;
            let text = std::str::from_utf8(bytes)
                .ok()
                .filter(|text| speaks_of(text, &key.kind))?;
            let may_be = names(text, &key.name)
                || name_lines(text).any(|name| template::in_scalar(name).is_some());
            let message = format!("the file is a template (`{ending}`), not a manifest");
            may_be.then(|| Refusal::new(Code::TemplatedFile, message, way_out).at(file, 1))
        })
    }

    pub(crate) fn unsupported(&self, key: &ObjectKey, group: &str) -> Refusal {
        Refusal::new(
            Code::NotFound,
            format!("`{key}` is of the group `{group}`, which is not supported"),
            format!("only resources of the group {GROUP} can be changed"),
        )
    }
}

/// Whether a text has a line `kind: <kind>`, as broken YAML still may.
fn speaks_of(text: &str, kind: &str) -> bool {
    text.lines().any(|line| {
        let Some((key, value)) = line.split_once(':') else {
            return false;
        };
        let key = key
            .trim()
            .trim_start_matches(['-', '{', ' ', '\u{feff}'])
            .trim_matches(['"', '\'']);
        let value = value.split('#').next().unwrap_or_default().trim();
        key == "kind" && value.trim_end_matches(',').trim_matches(['"', '\'']) == kind
    }) || text.contains(&format!("kind: {kind},"))
        || text.contains(&format!("\"kind\":\"{kind}\""))
}

/// The values of all lines `name: …`.
fn name_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let value = line.trim_start_matches([' ', '-']).strip_prefix("name:")?;
        Some(value.trim().trim_matches(['"', '\'']))
    })
}

fn names(text: &str, name: &str) -> bool {
    name_lines(text).any(|found| found == name)
}
