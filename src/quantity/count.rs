//! How many of something, in words that agree.

/// How many of something: `1 job`, `3 jobs`, `0 queries`. A plural that is not made with an `s` is written behind a bar:
/// `query|queries`.
pub fn count(how_many: impl TryInto<u64>, names: &str) -> String {
    let how_many = how_many.try_into().unwrap_or(u64::MAX);
    let (one, several) = match names.split_once('|') {
        Some((one, several)) => (one, several.to_string()),
        None => (names, format!("{names}s")),
    };
    if how_many == 1 {
        format!("1 {one}")
    } else {
        format!("{how_many} {several}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_and_plural_agree() {
        assert_eq!(count(0_usize, "job"), "0 jobs");
        assert_eq!(count(1_u32, "job"), "1 job");
        assert_eq!(count(2_u64, "TaskManager"), "2 TaskManagers");
        assert_eq!(count(1_usize, "query|queries"), "1 query");
        assert_eq!(count(3_usize, "entry|entries"), "3 entries");
    }
}
