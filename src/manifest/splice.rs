//! Replacing a few bytes of a text, and nothing else.

use std::ops::Range;

/// Bytes to replace; an empty range inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

/// The text with all splices made, from its end backwards. Nothing when two of them overlap.
pub(crate) fn apply(text: &str, splices: &[Splice]) -> Option<String> {
    let mut ordered: Vec<&Splice> = splices.iter().collect();
    // Stable, so that insertions at one place keep their order (they are applied backwards).
    ordered.sort_by_key(|splice| (splice.range.start, splice.range.end));
    let apart = ordered
        .windows(2)
        .all(|pair| pair[0].range.end <= pair[1].range.start);
    let mut result = text.to_owned();
    for splice in ordered.into_iter().rev() {
        if !apart || result.get(splice.range.clone()).is_none() {
            return None;
        }
        result.replace_range(splice.range.clone(), &splice.text);
    }
    Some(result)
}
