//! `pipeline.jobvertex-parallelism-overrides`: the parallelism of single vertices.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::options::{Configuration, PARALLELISM_OVERRIDES};
use crate::quantity::{Parallelism, QuantityError};

/// Parallelism by vertex id, in the order written; wins over the job's parallelism for those vertices.
///
/// Reads what Flink reads: `id:parallelism,id:parallelism`, whole items quoted or not, and the flow
/// mapping `{id: parallelism, …}`. Prints as it was read; [`ParallelismOverrides::set`] changes one number
/// and leaves every other byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParallelismOverrides {
    entries: Vec<Entry>,
    before: String,
    after: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    id: String,
    parallelism: Parallelism,
    /// The text before the number (the id, quotes, colon, blanks) and behind it, up to the comma.
    lead: String,
    trail: String,
}

/// Why a text is no map of parallelisms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverridesError {
    /// An entry that is not `id:parallelism`.
    #[error("`{entry}` in pipeline.jobvertex-parallelism-overrides is not `vertex-id:parallelism`")]
    Entry {
        /// What is written.
        entry: String,
    },
    /// A parallelism that is none.
    #[error("pipeline.jobvertex-parallelism-overrides of vertex `{id}`")]
    Parallelism {
        /// The vertex.
        id: String,
        /// What is wrong with it.
        #[source]
        source: QuantityError,
    },
    /// A list with a blank behind exactly one colon: Flink takes it for a mapping with one long key.
    #[error(
        "`{text}` in pipeline.jobvertex-parallelism-overrides is one single entry to Flink; remove the blank behind the colon"
    )]
    OneBlank {
        /// What is written.
        text: String,
    },
    /// A vertex that comes twice: Flink refuses that.
    #[error("pipeline.jobvertex-parallelism-overrides names vertex `{id}` twice; remove one")]
    Duplicate {
        /// The vertex.
        id: String,
    },
}

impl ParallelismOverrides {
    /// What a configuration says: the option itself, else keys that it prefixes
    /// (`pipeline.jobvertex-parallelism-overrides.<id>`, from a nested configuration). None if it says nothing.
    pub fn from_configuration(
        configuration: &Configuration,
    ) -> Result<Option<ParallelismOverrides>, OverridesError> {
        if let Some((_, text)) = PARALLELISM_OVERRIDES.written(configuration) {
            return text.parse().map(Some);
        }
        let prefix = format!("{}.", PARALLELISM_OVERRIDES.key);
        let mut overrides = ParallelismOverrides::default();
        for (key, text) in configuration.range(prefix.clone()..) {
            let Some(id) = key.strip_prefix(&prefix) else {
                break;
            };
            overrides.set(id, parallelism(id, text)?);
        }
        Ok((!overrides.is_empty()).then_some(overrides))
    }

    /// The parallelism of a vertex.
    pub fn get(&self, id: &str) -> Option<Parallelism> {
        self.entries
            .iter()
            .find(|entry| entry.id == id)
            .map(|entry| entry.parallelism)
    }

    /// Sets the parallelism of a vertex in place, or adds it at the end in the manner of the last entry.
    pub fn set(&mut self, id: &str, parallelism: Parallelism) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.parallelism = parallelism;
            return;
        }
        let (lead, trail) = match self.entries.last_mut() {
            // The blanks between the last entry and the end stay at the end.
            Some(last) => {
                let trail = last.trail.clone();
                last.trail.truncate(trail.trim_end().len());
                (last.lead.replacen(&last.id, id, 1), trail)
            }
            None if self.before.ends_with('{') => (format!("{id}: "), String::new()),
            None => (format!("{id}:"), String::new()),
        };
        self.entries.push(Entry {
            id: id.to_owned(),
            parallelism,
            lead,
            trail,
        });
    }

    /// Ids and parallelisms in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Parallelism)> {
        self.entries
            .iter()
            .map(|entry| (entry.id.as_str(), entry.parallelism))
    }

    /// Whether no vertex is named.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn parallelism(id: &str, text: &str) -> Result<Parallelism, OverridesError> {
    let refuse = |source| OverridesError::Parallelism {
        id: id.to_owned(),
        source,
    };
    unquoted(text).parse().map_err(refuse)
}

impl FromStr for ParallelismOverrides {
    type Err = OverridesError;

    /// An empty text, or `{}`, names no vertex.
    fn from_str(text: &str) -> Result<ParallelismOverrides, OverridesError> {
        let trimmed = text.trim();
        let braced = trimmed
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let inner = braced.unwrap_or(trimmed);
        let start = text.len() - text.trim_start().len() + usize::from(braced.is_some());
        let mut overrides = ParallelismOverrides {
            entries: Vec::new(),
            before: text[..start].to_owned(),
            after: text[start + inner.len()..].to_owned(),
        };
        if inner.trim().is_empty() {
            overrides.after.insert_str(0, inner);
            return Ok(overrides);
        }
        // Flink lets a comma end the list.
        let items = match inner.rsplit_once(',') {
            Some((items, last)) if last.trim().is_empty() => items,
            _ => inner,
        };
        overrides.after.insert_str(0, &inner[items.len()..]);
        let mut seen = BTreeSet::new();
        let mut spaced = 0;
        for written in items.split(',') {
            let refuse = || OverridesError::Entry {
                entry: written.trim().to_owned(),
            };
            let (id, number) = item(written, braced.is_some()).ok_or_else(refuse)?;
            spaced += usize::from(number.starts_with(char::is_whitespace));
            let parallelism = parallelism(id, number)?;
            if !seen.insert(id) {
                return Err(OverridesError::Duplicate { id: id.to_owned() });
            }
            let digits = unquoted(number);
            // Both are slices of `written`, the number behind the only colon.
            let at = written.find(':').unwrap_or_default() + 1;
            let at = at + written[at..].find(digits).unwrap_or_default();
            overrides.entries.push(Entry {
                id: id.to_owned(),
                parallelism,
                lead: written[..at].to_owned(),
                trail: written[at + digits.len()..].to_owned(),
            });
        }
        if braced.is_none() && spaced == 1 && overrides.entries.len() > 1 {
            return Err(OverridesError::OneBlank {
                text: trimmed.to_owned(),
            });
        }
        Ok(overrides)
    }
}

/// The id and what follows the colon, if Flink would see them so.
fn item(written: &str, braced: bool) -> Option<(&str, &str)> {
    const QUOTES: [char; 2] = ['"', '\''];
    let mut item = written.trim();
    if !braced {
        for quote in QUOTES {
            let inside = item
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            item = inside.unwrap_or(item);
        }
    }
    let (id, number) = item.split_once(':')?;
    let bare = unquoted(id);
    let quoted = bare.len() < id.trim().len();
    // A flow mapping needs the blank behind a plain key; a list has no quotes within its items.
    let plausible = match braced {
        true => quoted || number.starts_with(char::is_whitespace),
        false => !item.contains(QUOTES),
    };
    let complete = !bare.is_empty() && !number.trim().is_empty() && !number.contains(':');
    (plausible && complete).then_some((bare, number))
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

impl fmt::Display for ParallelismOverrides {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.before)?;
        for (at, entry) in self.entries.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(
                formatter,
                "{comma}{}{}{}",
                entry.lead, entry.parallelism, entry.trail
            )?;
        }
        formatter.write_str(&self.after)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subtasks(number: u32) -> Parallelism {
        Parallelism::new(number).unwrap()
    }

    fn parse(text: &str) -> ParallelismOverrides {
        text.parse().unwrap()
    }

    #[test]
    fn changes_one_number_and_nothing_else() {
        let table = [
            ("b:2,a:4", "b:2,a:7", "b:2,a:7,c:1"),
            (" b: 2 , a: 4 ", " b: 2 , a: 7 ", " b: 2 , a: 7, c: 1 "),
            ("'b:2','a:4'", "'b:2','a:7'", "'b:2','a:7','c:1'"),
            ("b:2,a:4,", "b:2,a:7,", "b:2,a:7,c:1,"),
            ("a: 4", "a: 7", "a: 7,c: 1"),
            ("{a: 4}", "{a: 7}", "{a: 7,c: 1}"),
            (
                "{\"b\":2,\"a\":4}",
                "{\"b\":2,\"a\":7}",
                "{\"b\":2,\"a\":7,\"c\":1}",
            ),
            ("{a: '4', }", "{a: '7', }", "{a: '7',c: '1', }"),
            ("", "a:7", "a:7,c:1"),
            ("{}", "{a: 7}", "{a: 7,c: 1}"),
        ];
        for (text, changed, added) in table {
            let mut overrides = parse(text);
            assert_eq!(overrides.to_string(), text);
            overrides.set("a", subtasks(7));
            assert_eq!(overrides.to_string(), changed);
            assert_eq!(overrides.get("a"), Some(subtasks(7)));
            overrides.set("c", subtasks(1));
            assert_eq!(overrides.to_string(), added);
            assert_eq!(
                parse(&overrides.to_string()).get("c"),
                Some(subtasks(1)),
                "{overrides}"
            );
        }
    }

    #[test]
    fn refuses_what_flink_refuses() {
        let entry = |entry: &str| {
            Err(OverridesError::Entry {
                entry: entry.to_owned(),
            })
        };
        assert_eq!("a".parse::<ParallelismOverrides>(), entry("a"));
        for text in ["'a':'1'", "a:1:2", "{a:1}", "\"a\":1", "a:1;b:2"] {
            let refused = text.parse::<ParallelismOverrides>();
            assert!(
                matches!(refused, Err(OverridesError::Entry { .. })),
                "{text}: {refused:?}"
            );
        }
        let text = "a:1, b: 2".to_owned();
        assert_eq!(
            text.parse::<ParallelismOverrides>(),
            Err(OverridesError::OneBlank { text })
        );
        assert_eq!("a:1,,b:2".parse::<ParallelismOverrides>(), entry(""));
        assert_eq!("a:".parse::<ParallelismOverrides>(), entry("a:"));
        let twice = "a:1,b:2,a:3".parse::<ParallelismOverrides>();
        assert_eq!(twice, Err(OverridesError::Duplicate { id: "a".to_owned() }));
        for text in ["a:0", "a:-1", "a:x", "a:1.5"] {
            let refused = text.parse::<ParallelismOverrides>();
            assert!(
                matches!(refused, Err(OverridesError::Parallelism { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn nested_configurations_count_too() {
        let key = |id: &str| format!("{}.{id}", PARALLELISM_OVERRIDES.key);
        let mut configuration =
            Configuration::from([(key("b"), "2".to_owned()), (key("a"), "4".to_owned())]);
        configuration.insert(
            "pipeline.jobvertex-parallelism-overrides2".to_owned(),
            "x".to_owned(),
        );
        let read = ParallelismOverrides::from_configuration(&configuration)
            .unwrap()
            .unwrap();
        assert_eq!(read.to_string(), "a:4,b:2");
        configuration.insert(PARALLELISM_OVERRIDES.key.to_owned(), "c:1".to_owned());
        let read = ParallelismOverrides::from_configuration(&configuration)
            .unwrap()
            .unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [("c", Parallelism::ONE)]);
        assert_eq!(
            ParallelismOverrides::from_configuration(&Configuration::new()),
            Ok(None)
        );
    }

    proptest! {
        #[test]
        fn display_parses_back(
            entries in prop::collection::btree_map("[0-9a-f]{32}", 1u32..32768, 0..6),
            new in 1u32..32768,
        ) {
            let mut overrides = ParallelismOverrides::default();
            for (id, number) in &entries {
                overrides.set(id, subtasks(*number));
            }
            let text = overrides.to_string();
            let again = parse(&text);
            prop_assert_eq!(again.to_string(), text.clone());
            prop_assert_eq!(again.iter().count(), entries.len());
            if let Some((id, number)) = entries.first_key_value() {
                let mut changed = again;
                changed.set(id, subtasks(new));
                changed.set(id, subtasks(*number));
                prop_assert_eq!(changed.to_string(), text);
            }
        }
    }
}
