//! What stands behind the ports. One client crate in one room.

mod disk;
// Where pull requests live: `local`, `patch`, `dir`.
pub mod forges;
// Flink's REST API of a running JobManager.
pub mod flink_rest;
// GitHub: pull requests and the ledger.
pub mod github;
// The repository of manifests.
pub mod repository;
// The embedded history: one SQLite file.
pub mod sqlite;

pub use disk::Disk;
