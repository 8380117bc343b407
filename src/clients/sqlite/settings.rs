//! How long what is kept.

use std::time::Duration;

/// What is kept for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long snapshots are kept whole.
    pub whole_for: Duration,
    /// Length of the blocks that they become.
    pub block: Duration,
    /// How long anything is kept.
    pub keep_for: Duration,
    /// How long to wait for another process that writes.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Settings {
            whole_for: day,
            block: Duration::from_secs(600),
            keep_for: 35 * day,
            patience: Duration::from_secs(5),
        }
    }
}
