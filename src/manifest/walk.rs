//! The way from a document's root to one scalar, with everything that forbids to touch it.

use super::refusal::{Code, Refusal};
use super::resolve::is_merge_key;
use super::template;
use super::tree::{Document, Kind, NodeId};
use crate::flink::field_path::{FieldPath, Segment};

/// Where a path leads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Walk {
    /// To a value; the keys below `flinkConfiguration` as they are spelled.
    Found { node: NodeId, spelling: Vec<String> },
    /// To a mapping that lacks the first of these keys.
    Missing { host: NodeId, rest: Vec<String> },
}

/// A walk through one document, for one field.
pub(crate) struct Walker<'a> {
    pub(crate) document: &'a Document,
    /// The text that the document stands in.
    pub(crate) text: &'a str,
    pub(crate) file: &'a str,
    /// Added to line numbers, for text that stands within another file.
    pub(crate) first_line: usize,
    /// The field as the caller named it.
    pub(crate) field: &'a FieldPath,
}

/// A value found below `flinkConfiguration`.
struct Hit {
    value: NodeId,
    way: Vec<(NodeId, String)>,
    /// Set when the value is not the file's own to change.
    foreign: Option<Refusal>,
}

impl Walker<'_> {
    /// Follows a path from a node.
    pub(crate) fn walk(&self, start: NodeId, path: &[Segment]) -> Result<Walk, Refusal> {
        let mut at = start;
        for (position, segment) in path.iter().enumerate() {
            self.may_pass(at)?;
            let rest = &path[position..];
            if self.document.is_null(at) {
                return Err(self.null(at));
            }
            at = match (&self.document.nodes[at].kind, segment) {
                (Kind::Mapping { .. }, Segment::Key(key)) => {
                    let option = position > 0
                        && path[position - 1] == Segment::Key("flinkConfiguration".to_owned());
                    if option && rest.len() == 1 {
                        return self.option(at, key);
                    }
                    match self.enter(at, key)? {
                        Some(value) => value,
                        None => return self.missing(at, rest),
                    }
                }
                (Kind::Sequence { items, .. }, segment) => match self.item(items, segment) {
                    Some(item) => item,
                    None => return self.missing(at, rest),
                },
                _ => return self.missing(at, rest),
            };
        }
        Ok(Walk::Found {
            node: at,
            spelling: Vec::new(),
        })
    }

    /// Follows a flattened Flink option from a mapping of options.
    pub(crate) fn walk_option(&self, start: NodeId, option: &str) -> Result<Walk, Refusal> {
        self.may_pass(start)?;
        self.option(start, option)
    }

    /// Whether the value of a node may be replaced.
    pub(crate) fn may_replace(&self, node: NodeId) -> Result<(), Refusal> {
        self.may_pass(node)?;
        if self.document.is_null(node) {
            return Err(self.null(node));
        }
        let Some(text) = self.document.text(node) else {
            return Err(self.refuse(
                node,
                Code::NotAScalar,
                "holds a mapping or a list, not a single value",
                "name one of the fields in it",
            ));
        };
        if let Some(marker) = template::in_scalar(text) {
            let keys = template::values_keys(text);
            let hint = match keys.as_slice() {
                [] if marker == "ENC[" => {
                    "keep the field out of the encryption (`encrypted_regex` in .sops.yaml), or change it by hand".to_owned()
                }
                [] => "change it where it is filled in, and map the field to that place in `repository.values` of plimsoll.yaml".to_owned(),
                keys => format!(
                    "change the values key `{}` instead: map the field to it in `repository.values` of plimsoll.yaml",
                    keys.join("`, `")
                ),
            };
            let shown: String = match marker.as_str() {
                "ENC[" => "ENC[…]".to_owned(),
                _ => text.chars().take(120).collect(),
            };
            let message = format!(
                "`{shown}` is not the value itself: {}",
                template::filler(&marker)
            );
            return Err(self.refuse(node, Code::TemplatedValue, message, hint));
        }
        if let Some(expression) = self.ytt(node) {
            return Err(self.filled_by_ytt(node, expression));
        }
        if let Some(setter) = self.setter(node) {
            return Err(self.refuse(
                node,
                Code::OwnedElsewhere,
                format!("the setter `{setter}` fills this value in (`kpt fn render`), and would write over an edit"),
                "change the setter's value instead",
            ));
        }
        let Some(anchor) = self.document.nodes[node].anchor else {
            return Ok(());
        };
        match self.document.consumers(anchor).as_slice() {
            [] => Ok(()),
            consumers => Err(self.read_elsewhere(node, anchor, consumers)),
        }
    }

    /// The comment behind a node on its line.
    fn comment(&self, node: NodeId) -> Option<&str> {
        let this = &self.document.nodes[node];
        let rest = self.text.get(this.span.start..)?;
        let start = self.text[..this.span.start]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let end = rest
            .find('\n')
            .map_or(self.text.len(), |at| this.span.start + at);
        let line = self.text.get(start..end)?;
        let behind = this.span.end.clamp(start, end) - start;
        let comment = line.get(behind..)?.find('#')?;
        line.get(behind + comment..)
    }

    /// The expression that ytt fills a value in with.
    fn ytt(&self, node: NodeId) -> Option<&str> {
        let rest = self.comment(node)?.strip_prefix("#@")?;
        rest.starts_with(' ').then_some(rest.trim())
    }

    /// The setter of kpt or kustomize that a value's comment names.
    fn setter(&self, node: NodeId) -> Option<String> {
        let comment = self.comment(node)?;
        let known = [
            "kpt-set:",
            "\"$kpt-set\"",
            "\"$openapi\"",
            "io.k8s.cli.setters",
        ];
        let mark = known.iter().find(|mark| comment.contains(**mark))?;
        let rest = &comment[comment.find(mark)? + mark.len()..];
        let name = rest.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        Some(name[..end.unwrap_or(name.len())].to_owned())
    }

    fn filled_by_ytt(&self, node: NodeId, expression: &str) -> Refusal {
        let shown: String = expression.chars().take(80).collect();
        self.refuse(
            node,
            Code::TemplatedValue,
            format!("`#@ {shown}` is not the value itself: ytt fills it in"),
            "change the data value instead: map the field to its file and key in `repository.values` of plimsoll.yaml",
        )
    }

    /// Whether a mapping may gain the first of these keys without anything else gaining it too.
    pub(crate) fn may_gain(&self, host: NodeId, rest: &[String]) -> Result<(), Refusal> {
        self.may_pass(host)?;
        match rest.first() {
            Some(key) => self.leaks(host, key),
            None => Err(self.path_missing(host)),
        }
    }

    /// Whether a key of a mapping is the only one: without it, no merge key would put another value in its place.
    pub(crate) fn not_behind_merge(&self, mapping: NodeId, key: &str) -> Result<(), Refusal> {
        match self.merged(mapping, key) {
            Some(origin) => {
                let line = self.line(origin);
                Err(self.refuse(
                    mapping,
                    Code::ValueFromMergeKey,
                    format!("without its own `{key}` the object takes the one that a merge key (`<<`) brings from line {line}"),
                    "give it a value that is right, or take the merged one away too",
                ))
            }
            None => Ok(()),
        }
    }

    fn may_pass(&self, node: NodeId) -> Result<(), Refusal> {
        let this = &self.document.nodes[node];
        if let Kind::Alias { anchor } = &this.kind {
            return Err(self.aliased(node, *anchor));
        }
        match &this.tag {
            Some(tag) if ["!include", "!vault", "!env", "!ENV", "!secret", "!inline", "!file"].contains(&tag.name.as_str()) => {
                Err(self.refuse(
                    node,
                    Code::TemplatedValue,
                    format!("`{}` is not the value itself: a program reads it from elsewhere", tag.name),
                    "change it where it is read from, and map the field to that place in `repository.values` of plimsoll.yaml",
                ))
            }
            Some(tag) if !tag.core => Err(self.refuse(
                node,
                Code::UnsupportedTag,
                format!(
                    "the value carries the tag `{}`, whose meaning is unknown",
                    tag.name
                ),
                "remove the tag, or change the value by hand",
            )),
            _ => Ok(()),
        }
    }

    /// The value of a key of a mapping, if the mapping itself holds it.
    fn enter(&self, mapping: NodeId, key: &str) -> Result<Option<NodeId>, Refusal> {
        let own = self.own(mapping, key);
        match own.as_slice() {
            [] => match self.merged(mapping, key) {
                Some(origin) => Err(self.merged_in(mapping, key, origin)),
                None => Ok(None),
            },
            [(_, value)] => {
                self.leaks(mapping, key)?;
                Ok(Some(*value))
            }
            several => Err(self.duplicate(key, several)),
        }
    }

    /// All entries of a mapping with that key.
    fn own(&self, mapping: NodeId, key: &str) -> Vec<(NodeId, NodeId)> {
        let document = self.document;
        let named = |name: NodeId| document.text(document.target(name)) == Some(key);
        let entries = document.entries(mapping).iter().copied();
        entries
            .filter(|&(name, _)| named(name) && !is_merge_key(document, name))
            .collect()
    }

    /// The node that provides a key by `<<`.
    fn merged(&self, mapping: NodeId, key: &str) -> Option<NodeId> {
        let mut open = vec![(mapping, 0)];
        while let Some((node, depth)) = open.pop() {
            for &(name, value) in self.document.entries(node) {
                if !is_merge_key(self.document, name) || depth > 20 {
                    continue;
                }
                for origin in self.merge_sources(value) {
                    if let Some(&(name, _)) = self.own(origin, key).first() {
                        return Some(name);
                    }
                    open.push((origin, depth + 1));
                }
            }
        }
        None
    }

    /// The mappings behind the value of a merge key.
    fn merge_sources(&self, value: NodeId) -> Vec<NodeId> {
        let target = self.document.target(value);
        let items = self.document.items(target);
        if items.is_empty() {
            return vec![target];
        }
        items
            .iter()
            .map(|&item| self.document.target(item))
            .collect()
    }

    /// Refuses when a mapping on the way is read elsewhere too, except by merges that override the key.
    fn leaks(&self, mapping: NodeId, key: &str) -> Result<(), Refusal> {
        let Some(anchor) = self.document.nodes[mapping].anchor else {
            return Ok(());
        };
        let consumers = self.document.consumers(anchor);
        let leaking: Vec<NodeId> = consumers
            .into_iter()
            .filter(|&alias| !self.overridden(alias, key))
            .collect();
        match leaking.as_slice() {
            [] => Ok(()),
            leaking => Err(self.read_elsewhere(mapping, anchor, leaking)),
        }
    }

    /// Whether an alias is merged into a mapping that sets the key itself.
    fn overridden(&self, alias: NodeId, key: &str) -> bool {
        let document = self.document;
        let holds = |value: NodeId| value == alias || document.items(value).contains(&alias);
        (0..document.nodes.len()).any(|mapping| {
            let merges = document
                .entries(mapping)
                .iter()
                .any(|&(name, value)| is_merge_key(document, name) && holds(value));
            merges && !self.own(mapping, key).is_empty()
        })
    }

    /// Looks up a flattened Flink option in whatever spelling.
    fn option(&self, configuration: NodeId, option: &str) -> Result<Walk, Refusal> {
        let mut hits = Vec::new();
        self.collect(configuration, option, &mut Vec::new(), None, &mut hits, 0);
        let spelling = |hit: &Hit| {
            hit.way
                .iter()
                .map(|(_, key)| key.clone())
                .collect::<Vec<String>>()
        };
        let own: Vec<Vec<String>> = hits
            .iter()
            .filter(|hit| hit.foreign.is_none())
            .map(spelling)
            .collect();
        // A key that the file spells itself overrides the same key from a merge.
        hits.retain(|hit| hit.foreign.is_none() || !own.contains(&spelling(hit)));
        if let [first, second, ..] = hits.as_slice() {
            let nodes = [(first.value, first.value), (second.value, second.value)];
            if spelling(first) == spelling(second) {
                return Err(self.duplicate(option, &nodes));
            }
            let lines = self.lines(&[first.value, second.value]);
            return Err(self.refuse(
                first.value,
                Code::DuplicateFlattenedKey,
                format!("the option stands there twice, in two spellings (lines {lines})"),
                "keep one of them",
            ));
        }
        let Some(hit) = hits.pop() else {
            return Ok(self.missing_option(configuration, option));
        };
        if let Some(refusal) = hit.foreign {
            return Err(refusal);
        }
        for (mapping, key) in &hit.way {
            self.may_pass(*mapping)?;
            self.enter(*mapping, key)?;
        }
        let spelling = hit.way.into_iter().map(|(_, key)| key).collect();
        Ok(Walk::Found {
            node: hit.value,
            spelling,
        })
    }

    fn collect(
        &self,
        mapping: NodeId,
        rest: &str,
        way: &mut Vec<(NodeId, String)>,
        foreign: Option<&Refusal>,
        hits: &mut Vec<Hit>,
        depth: usize,
    ) {
        if depth > 40 {
            return;
        }
        for &(name, value) in self.document.entries(mapping) {
            if is_merge_key(self.document, name) {
                for origin in self.merge_sources(value) {
                    let refusal = self.merged_in(mapping, rest, origin);
                    let refusal = foreign.unwrap_or(&refusal);
                    self.collect(origin, rest, way, Some(refusal), hits, depth + 1);
                }
                continue;
            }
            let Some(key) = self.document.text(self.document.target(name)) else {
                continue;
            };
            way.push((mapping, key.to_owned()));
            if key == rest {
                hits.push(Hit {
                    value,
                    way: way.clone(),
                    foreign: foreign.cloned(),
                });
            } else if let Some(below) = rest.strip_prefix(key).and_then(|r| r.strip_prefix('.')) {
                let aliased = match &self.document.nodes[value].kind {
                    Kind::Alias { anchor } => Some(self.aliased(value, *anchor)),
                    _ => None,
                };
                let foreign = foreign.or(aliased.as_ref());
                self.collect(
                    self.document.target(value),
                    below,
                    way,
                    foreign,
                    hits,
                    depth + 1,
                );
            }
            way.pop();
        }
    }

    /// Where a missing option would belong: beside its nearest relatives, if the file nests its options.
    fn missing_option(&self, configuration: NodeId, option: &str) -> Walk {
        let mut host = configuration;
        let mut rest = option;
        loop {
            let next = self
                .document
                .entries(host)
                .iter()
                .find_map(|&(name, value)| {
                    let below = rest
                        .strip_prefix(self.document.text(name)?)?
                        .strip_prefix('.')?;
                    let mapping = matches!(&self.document.nodes[value].kind,
                    Kind::Mapping { entries, .. } if !entries.is_empty());
                    mapping.then_some((value, below))
                });
            match next {
                Some((value, below)) => (host, rest) = (value, below),
                None => break,
            }
        }
        let nested = host != configuration;
        let parts: Vec<String> = if nested {
            rest.split('.').map(str::to_owned).collect()
        } else {
            vec![rest.to_owned()]
        };
        Walk::Missing { host, rest: parts }
    }

    /// A list item by its position, or by the `name` it carries.
    fn item(&self, items: &[NodeId], segment: &Segment) -> Option<NodeId> {
        match segment {
            Segment::Index(index) => items.get(*index).copied(),
            Segment::Key(key) => {
                let position = key
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index).copied());
                let named = || {
                    let name = |item: &NodeId| self.document.text_at(*item, &["name"]) == Some(key);
                    items.iter().copied().find(name)
                };
                position.or_else(named)
            }
        }
    }

    fn missing(&self, host: NodeId, rest: &[Segment]) -> Result<Walk, Refusal> {
        let keys: Option<Vec<String>> = rest
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => Some(key.clone()),
                Segment::Index(_) => None,
            })
            .collect();
        let mapping = matches!(self.document.nodes[host].kind, Kind::Mapping { .. });
        match keys {
            Some(rest) if mapping => Ok(Walk::Missing { host, rest }),
            _ => Err(self.path_missing(host)),
        }
    }

    /// The refusal for a field that is not there.
    pub(crate) fn path_missing(&self, host: NodeId) -> Refusal {
        self.refuse(
            host,
            Code::PathMissing,
            "the field is not in the manifest",
            "add it by hand, or allow fields to be created",
        )
    }

    fn null(&self, node: NodeId) -> Refusal {
        if let Some(expression) = self.ytt(node) {
            return self.filled_by_ytt(node, expression);
        }
        self.refuse(
            node,
            Code::NullValue,
            "the key is there without a value, so what its author meant is unknown",
            "give it a value, or remove the key",
        )
    }

    fn aliased(&self, node: NodeId, anchor: usize) -> Refusal {
        let (name, place) = match self.document.anchors.get(&anchor) {
            Some(anchor) => (anchor.name.clone(), self.path_of(anchor.node)),
            None => (String::new(), "another place".to_owned()),
        };
        self.refuse(
            node,
            Code::AliasedValue,
            format!(
                "the value is the alias `*{name}` of `{place}`; editing that would change both"
            ),
            "write the value out in its own place",
        )
    }

    fn merged_in(&self, mapping: NodeId, key: &str, origin: NodeId) -> Refusal {
        let line = self.line(origin);
        self.refuse(
            mapping,
            Code::ValueFromMergeKey,
            format!("`{key}` arrives through a merge key (`<<`) from line {line}"),
            "write the key out in its own place, where it overrides the merged one",
        )
    }

    fn read_elsewhere(&self, node: NodeId, anchor: usize, consumers: &[NodeId]) -> Refusal {
        let name = self
            .document
            .anchors
            .get(&anchor)
            .map_or("", |anchor| anchor.name.as_str());
        let lines = self.lines(consumers);
        let places: Vec<String> = consumers.iter().map(|&node| self.path_of(node)).collect();
        self.refuse(
            node,
            Code::AnchorHasConsumers,
            format!(
                "the anchor `&{name}` is read elsewhere too (line {lines}, `{}`)",
                places.join("`, `")
            ),
            "write the value out in the other places, or change all of them by hand",
        )
    }

    fn duplicate(&self, key: &str, entries: &[(NodeId, NodeId)]) -> Refusal {
        let nodes: Vec<NodeId> = entries.iter().map(|&(name, _)| name).collect();
        let lines = self.lines(&nodes);
        self.refuse(
            nodes[0],
            Code::DuplicateKey,
            format!("the key `{key}` stands there twice (lines {lines}), and readers disagree on which counts"),
            "remove one of them",
        )
    }

    fn refuse(
        &self,
        node: NodeId,
        code: Code,
        message: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Refusal {
        Refusal::new(code, message, way_out)
            .at(self.file, self.line(node))
            .on(self.field)
    }

    /// The line of a node in the file, counted from 1.
    pub(crate) fn line(&self, node: NodeId) -> usize {
        self.document.nodes[node].line + self.first_line
    }

    fn lines(&self, nodes: &[NodeId]) -> String {
        let lines: Vec<String> = nodes
            .iter()
            .map(|&node| self.line(node).to_string())
            .collect();
        lines.join(", ")
    }

    /// The path of a node, for people.
    fn path_of(&self, wanted: NodeId) -> String {
        fn search(
            document: &Document,
            node: NodeId,
            wanted: NodeId,
            way: &mut Vec<Segment>,
        ) -> bool {
            if node == wanted {
                return true;
            }
            for &(name, value) in document.entries(node) {
                way.push(Segment::Key(document.text(name).unwrap_or("?").to_owned()));
                if search(document, value, wanted, way) {
                    return true;
                }
                way.pop();
            }
            for (index, &item) in document.items(node).iter().enumerate() {
                way.push(Segment::Index(index));
                if search(document, item, wanted, way) {
                    return true;
                }
                way.pop();
            }
            false
        }
        let mut way = Vec::new();
        match self.document.root() {
            Some(root) if search(self.document, root, wanted, &mut way) => {
                FieldPath::new(way).to_string()
            }
            _ => "another place".to_owned(),
        }
    }
}
