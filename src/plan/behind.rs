//! Whether a run goes by a time that lies behind what it knows.

/// How far the newest sample may lie ahead: clocks differ by so much.
const AHEAD_MS: i64 = 300_000;

/// The sentence that says so, given when the newest sample was taken: a run with an old time, or with a clock that is behind, would judge the
/// past and propose it as news.
pub fn behind(newest_ms: Option<i64>, now_ms: i64) -> Option<String> {
    let ahead_ms = newest_ms?.saturating_sub(now_ms);
    (ahead_ms > AHEAD_MS).then(|| {
        format!(
            "the newest sample is {} s ahead of the time that this run goes by: nothing is proposed until the clocks of this machine and of the JobManagers agree (or `--now` is left out)",
            ahead_ms / 1000
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_behind_the_newest_sample_says_so() {
        assert_eq!(behind(None, 0), None);
        assert_eq!(behind(Some(1_000_000), 1_000_000), None);
        assert_eq!(behind(Some(1_000_000), 700_000), None);
        assert_eq!(behind(Some(0), i64::MAX), None);
        assert!(behind(Some(1_000_000), 699_999).is_some());
        assert!(behind(Some(i64::MAX), i64::MIN).is_some());
    }
}
