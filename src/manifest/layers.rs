//! The place in force of a field: the last text that sets it.

use std::collections::BTreeSet;

use super::catalog::{Candidate, Catalog, Layer};
use super::edit::Spot;
use super::refusal::{Code, Refusal};
use super::source::SourceId;
use super::walk::{Walk, Walker};
use crate::flink::field_path::{FieldPath, Segment};

/// What a layer says about a field.
enum Said {
    Sets(Walk),
    Lacks(Walk),
    /// Removes it, or starts over without it: earlier layers do not count.
    Ends,
    Nothing,
}

impl Catalog<'_> {
    /// Where a field of an object stands. `field` is the caller's word for it, `path` the real one.
    pub(crate) fn spot(
        &self,
        candidate: &Candidate,
        field: &FieldPath,
        path: &FieldPath,
        create: bool,
    ) -> Result<Spot, Refusal> {
        self.not_replaced(candidate, path)?;
        let mut found: Option<(&Layer, Walk)> = None;
        let mut hosts: Vec<(&Layer, Walk)> = Vec::new();
        for layer in candidate.layers.iter().rev() {
            let said = match self.ask(layer, field, path) {
                // Once the field is found, what stands below it does not matter any more.
                Err(_) if found.is_some() => continue,
                said => said?,
            };
            match (said, &found) {
                (Said::Sets(walk), None) => found = Some((layer, walk)),
                (Said::Sets(walk), Some((_, first))) => {
                    self.same_spelling(layer, field, first, &walk)?;
                }
                (Said::Lacks(walk), None) => hosts.push((layer, walk)),
                (Said::Ends, None) => return Err(self.missing(candidate, field)),
                (Said::Ends, Some(_)) => break,
                _ => {}
            }
        }
        let (layer, walk) = match found {
            Some(found) => found,
            None if create => self
                .host(&hosts)
                .ok_or_else(|| self.missing(candidate, field))?,
            None => return Err(self.missing(candidate, field)),
        };
        self.not_shared(candidate, layer, &walk, field)?;
        Ok(Spot {
            source: layer.source,
            document: layer.document,
            walk,
        })
    }

    fn ask(&self, layer: &Layer, field: &FieldPath, path: &FieldPath) -> Result<Said, Refusal> {
        let walker = self.walker(layer.source, layer.document, field);
        let segments = path.segments();
        let Some((pointer, removes)) = &layer.operation else {
            let mut way = layer.prefix.clone();
            way.extend(segments.iter().cloned());
            return Ok(match walker.walk(0, &way)? {
                Walk::Missing { host, rest } => {
                    let document = walker.document;
                    let starts_over = document.get(host, "$patch").is_some();
                    if starts_over {
                        Said::Ends
                    } else {
                        Said::Lacks(Walk::Missing { host, rest })
                    }
                }
                walk => Said::Sets(walk),
            });
        };
        let Some(rest) = below(pointer, segments) else {
            return Ok(Said::Nothing);
        };
        if *removes {
            return Ok(Said::Ends);
        }
        let Walk::Found { node, .. } = walker.walk(0, &layer.prefix)? else {
            return Ok(Said::Nothing);
        };
        let walk = match rest {
            Below::Fields(rest) => walker.walk(node, rest)?,
            Below::Option(option) => walker.walk_option(node, &option)?,
        };
        // The operation replaces everything below its path.
        Ok(match walk {
            Walk::Found { node, spelling } => {
                let written = pointer
                    .iter()
                    .skip_while(|part| *part != "flinkConfiguration")
                    .skip(1);
                let spelling = written.cloned().chain(spelling).collect();
                Said::Sets(Walk::Found { node, spelling })
            }
            Walk::Missing { .. } => Said::Ends,
        })
    }

    /// Two layers with two spellings of an option leave both in the result.
    fn same_spelling(
        &self,
        layer: &Layer,
        field: &FieldPath,
        first: &Walk,
        second: &Walk,
    ) -> Result<(), Refusal> {
        let (
            Walk::Found { spelling, .. },
            Walk::Found {
                node,
                spelling: other,
            },
        ) = (first, second)
        else {
            return Ok(());
        };
        if spelling == other {
            return Ok(());
        }
        let walker = self.walker(layer.source, layer.document, field);
        Err(Refusal::new(
            Code::DuplicateFlattenedKey,
            "a patch spells the option in another way than its base, so both are in the result",
            "spell it alike in both",
        )
        .at(walker.file, walker.line(*node))
        .on(field))
    }

    /// The best layer for a new field: its own, with the nearest mapping; the latest of equals.
    fn host<'b>(&self, hosts: &[(&'b Layer, Walk)]) -> Option<(&'b Layer, Walk)> {
        let distance = |walk: &Walk| match walk {
            Walk::Missing { rest, .. } => rest.len(),
            Walk::Found { .. } => 0,
        };
        let own = hosts
            .iter()
            .filter(|(layer, _)| self.users_of(layer).len() < 2);
        let best = own
            .min_by_key(|(_, walk)| distance(walk))
            .or_else(|| hosts.last());
        best.map(|(layer, walk)| (*layer, walk.clone()))
    }

    fn users_of(&self, layer: &Layer) -> BTreeSet<String> {
        self.users.get(&layer.place()).cloned().unwrap_or_default()
    }

    fn not_shared(
        &self,
        candidate: &Candidate,
        layer: &Layer,
        walk: &Walk,
        field: &FieldPath,
    ) -> Result<(), Refusal> {
        let users = self.users_of(layer);
        if users.len() < 2 {
            return Ok(());
        }
        let (Walk::Found { node, .. } | Walk::Missing { host: node, .. }) = walk;
        let walker = self.walker(layer.source, layer.document, field);
        let users: Vec<String> = users.into_iter().collect();
        let own = candidate.build.as_deref().unwrap_or(".");
        Err(Refusal::new(
            Code::SharedBase,
            format!(
                "the value in force stands in a base that several overlays build from ({})",
                users.join(", ")
            ),
            if own.contains(' ') {
                format!("set the field in `patches` of the {own} first")
            } else {
                format!("set the field in a patch of `{own}/kustomization.yaml` first")
            },
        )
        .at(walker.file, walker.line(*node))
        .on(field))
    }

    /// Fields that kustomize fills in from elsewhere are dead text in the manifest.
    fn not_replaced(&self, candidate: &Candidate, path: &FieldPath) -> Result<(), Refusal> {
        let plain = path.words().join(".");
        let Some(replacement) = candidate
            .replaced
            .iter()
            .find(|one| one.field == plain || plain.starts_with(&format!("{}.", one.field)))
        else {
            return Ok(());
        };
        Err(Refusal::new(
            Code::ShadowedField,
            format!(
                "a kustomize replacement fills this field in from {}",
                replacement.origin
            ),
            "change the value there, or take the replacement out",
        )
        .at(&replacement.file, replacement.line)
        .on(path))
    }

    fn missing(&self, candidate: &Candidate, field: &FieldPath) -> Refusal {
        let located = &candidate.located;
        Refusal::new(
            Code::PathMissing,
            "the field is not in the manifest",
            "add it by hand, or allow fields to be created",
        )
        .at(&located.file, located.line)
        .on(field)
    }

    pub(crate) fn walker<'b>(
        &'b self,
        source: SourceId,
        document: usize,
        field: &'b FieldPath,
    ) -> Walker<'b> {
        let source = &self.sources[source];
        Walker {
            document: &source.stream.documents[document],
            text: &source.text,
            file: &source.file,
            first_line: source.first_line(),
            field,
        }
    }
}

/// What is left of a path below an operation's pointer.
enum Below<'a> {
    Fields(&'a [Segment]),
    /// Within `flinkConfiguration`.
    Option(String),
}

fn below<'a>(pointer: &[String], path: &'a [Segment]) -> Option<Below<'a>> {
    for (position, part) in pointer.iter().enumerate() {
        let configuration = position > 0 && pointer[position - 1] == "flinkConfiguration";
        match path.get(position)? {
            Segment::Key(option) if configuration && position + 1 == path.len() => {
                let given = pointer[position..].join(".");
                if given == *option {
                    return Some(Below::Fields(&path[path.len()..]));
                }
                let rest = option.strip_prefix(&given)?.strip_prefix('.')?;
                return Some(Below::Option(rest.to_owned()));
            }
            Segment::Key(key) if key == part => {}
            Segment::Index(index) if part.parse() == Ok(*index) => {}
            _ => return None,
        }
    }
    if let ([.., last], [Segment::Key(option)]) = (pointer, &path[pointer.len()..])
        && last == "flinkConfiguration"
    {
        return Some(Below::Option(option.clone()));
    }
    Some(Below::Fields(&path[pointer.len()..]))
}
