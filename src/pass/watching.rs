//! What the watcher goes by.

use super::fleet::Fleet;
use super::settings::Settings;

/// What the watcher goes by.
#[derive(Clone, Copy)]
pub struct Watching<'a> {
    /// What is configured.
    pub settings: &'a Settings,
    /// The jobs, with what their clusters had.
    pub fleet: &'a Fleet,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
}
