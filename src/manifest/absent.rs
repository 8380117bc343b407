//! Why an object is not there: the best reason that the files themselves give.

use super::catalog::{Candidate, Catalog, mentions};
use super::refusal::{Code, Refusal};
use super::{ObjectKey, template};
use crate::flink::deployment::GROUP;

/// Endings of templates that are no YAML by name but may be what someone looks for.
const TEMPLATE_ENDINGS: [&str; 7] = [
    ".tpl", ".ftl", ".j2", ".jinja", ".jinja2", ".gotmpl", ".tmpl",
];

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
        let others: Vec<String> = named
            .iter()
            .map(|candidate| format!("`{}` in {}", candidate.located.key, candidate.located.file))
            .collect();
        let near = match others.as_slice() {
            [] => String::new(),
            others => format!("; there is {}", others.join(", ")),
        };
        Refusal::new(
            Code::NotFound,
            format!("no tracked YAML or JSON file holds `{key}`{near}"),
            "add its manifest to the repository, or correct the namespace; a manifest inside a string does not count",
        )
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
            return Some(refusal.clone());
        }
        if let Some(refusal) = broken.into_iter().next() {
            return Some(refusal);
        }
        if let Some(refusal) = self.not_utf8(key) {
            return Some(refusal);
        }
        let templated_name =
            |text: &str| name_lines(text).any(|name| template::in_scalar(name).is_some());
        let open = templates
            .into_iter()
            .find(|(_, text, _)| templated_name(text));
        open.map(|(_, _, refusal)| refusal)
            .or_else(|| self.by_template(key))
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
        let way_out =
            "change the values that fill it, and map the field to its values key in `map`";
        let templated = self.candidates.iter().find(|candidate| {
            let found = &candidate.located.key;
            found.kind == key.kind && template::in_scalar(&found.name).is_some()
        });
        if let Some(candidate) = templated {
            let located = &candidate.located;
            let message = format!(
                "the object's name `{}` is filled in by a template",
                located.key.name
            );
            let refusal = Refusal::new(Code::TemplatedFile, message, way_out);
            return Some(refusal.at(&located.file, located.line));
        }
        self.tree.iter().find_map(|(file, bytes)| {
            let ending = TEMPLATE_ENDINGS
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
