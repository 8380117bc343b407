//! What stands behind the ports. One client crate in one file.

/// Flink's REST API of a running JobManager.
pub mod flink_rest;
/// The embedded history: one SQLite file.
pub mod sqlite;
