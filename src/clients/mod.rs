//! What stands behind the ports. One client crate in one room.

mod disk;
// How every HTTP client is set up: credentials, certificates, proxy.
mod access;
// Whose certificate was not accepted.
mod tls;
// A Kubernetes API server: which jobs there are, and the ways to their JobManagers.
pub mod kubernetes;
// Where pull requests live: `local`, `patch`, `dir`.
pub mod forges;
// Flink's REST API of a running JobManager.
pub mod flink_rest;
// GitHub: pull requests and the ledger.
pub mod github;
// Plug-ins that are programs.
pub mod plugin;
// A history in a Prometheus-compatible store.
pub mod prometheus;
// The repository of manifests.
pub mod repository;
// The embedded history: one SQLite file.
pub mod sqlite;

pub use disk::Disk;
