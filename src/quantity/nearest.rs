//! What somebody who mistyped a name may have meant.

/// The candidate that is nearest to a mistyped name, if one is near enough to be meant: at most half of the longer one differs.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(typed, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(typed.len()) / 2)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_meant() {
        let keys = ["mode", "tier", "hold-until"];
        assert_eq!(nearest("holduntil", keys), Some("hold-until"));
        assert_eq!(nearest("Mode", keys), Some("mode"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
