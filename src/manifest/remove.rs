//! Taking keys away again that a change added: whole lines, proven to hold nothing else.

use serde_json::Value;

use super::catalog::Catalog;
use super::refusal::{Code, Refusal};
use super::walk::Walk;
use super::{ObjectKey, Tree, check};
use crate::flink::deployment::Kind;
use crate::flink::field_path::FieldPath;

impl Catalog<'_> {
    /// The file without one field of an object, where the field stands alone on a line of its own, as [`Catalog::edit`] adds
    /// them. A field that is not there needs nothing: no file is returned.
    ///
    /// # Errors
    /// The refusals of looking the object up; `unsupported-style` when more than the field would go.
    pub fn remove(
        &self,
        key: &ObjectKey,
        field: &FieldPath,
        file: Option<&str>,
    ) -> Result<Tree, Refusal> {
        let candidate = self.candidate(key, file)?;
        let path = match Kind::from_name(&key.kind) {
            Some(kind) => check::resolved(kind, field),
            None => field.clone(),
        };
        let spot = self.spot(candidate, field, &path, true)?;
        let Walk::Found { node, .. } = spot.walk else {
            return Ok(Tree::new());
        };
        let source = &self.sources[spot.source];
        let this = &source.stream.documents[spot.document].nodes[node];
        let refuse = || {
            Refusal::new(
                Code::UnsupportedStyle,
                "the field does not stand alone on a line of its own",
                "take it away by hand",
            )
            .at(&source.file, this.line + source.first_line())
            .on(field)
        };
        if source.embedded.is_some() {
            return Err(refuse());
        }
        let text = without_line(&source.text, this.span.clone()).ok_or_else(refuse)?;
        let tree = Tree::from([(source.file.clone(), text.into_bytes())]);
        let before = self.locate(key, file)?.value;
        let after = Catalog::read(&tree).locate(key, None)?.value;
        let (mut had, mut has) = (Vec::new(), Vec::new());
        leaves(&before, String::new(), &mut had);
        leaves(&after, String::new(), &mut has);
        let only_it = has.len() + 1 == had.len() && has.iter().all(|leaf| had.contains(leaf));
        if only_it { Ok(tree) } else { Err(refuse()) }
    }
}

/// The text without the line of a value, when that line holds a key, the value and at most a comment.
fn without_line(text: &str, value: std::ops::Range<usize>) -> Option<String> {
    let start = text[..value.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[value.end..]
        .find('\n')
        .map_or(text.len(), |at| value.end + at + 1);
    let (before, after) = (text[start..value.start].trim(), text[value.end..end].trim());
    let alone = before.ends_with(':')
        && !before.starts_with(['-', '{', '?'])
        && !text[value].contains('\n')
        && (after.is_empty() || after.starts_with('#'));
    alone.then(|| format!("{}{}", &text[..start], &text[end..]))
}

/// All leaves of a value with the way to each.
fn leaves(value: &Value, way: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(entries) => {
            for (key, below) in entries {
                leaves(below, format!("{way}\u{0}{key}"), found);
            }
        }
        Value::Array(items) => {
            for (place, below) in items.iter().enumerate() {
                leaves(below, format!("{way}\u{0}{place}"), found);
            }
        }
        leaf => found.push((way, leaf.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: orders, namespace: payments}
spec:
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: \"2\" # two
    taskmanager.memory.managed.size: 96m
  job: {parallelism: 4}
";

    fn removed(field: &str) -> Result<Tree, Refusal> {
        let tree = Tree::from([("a.yaml".to_string(), TEXT.as_bytes().to_vec())]);
        let catalog = Catalog::read(&tree);
        let key = ObjectKey {
            group: "flink.apache.org".to_string(),
            kind: "FlinkDeployment".to_string(),
            namespace: Some("payments".to_string()),
            name: "orders".to_string(),
        };
        catalog.remove(&key, &field.parse().unwrap(), None)
    }

    #[test]
    fn a_line_goes_and_nothing_else() {
        let tree = removed("spec.flinkConfiguration[\"taskmanager.memory.managed.size\"]").unwrap();
        let gone = TEXT.replace("    taskmanager.memory.managed.size: 96m\n", "");
        assert_eq!(tree["a.yaml"], gone.as_bytes());
    }

    #[test]
    fn what_shares_its_line_stays_and_what_is_gone_is_no_error() {
        assert!(removed("spec.job.parallelism").is_err());
        let none = removed("spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"]");
        assert!(none.unwrap().is_empty());
    }
}
