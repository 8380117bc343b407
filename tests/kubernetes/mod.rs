//! Kubernetes clusters: what is seen of them, and what goes wrong.

mod cluster;
mod commands;
mod crds;
mod forward;
pub mod server;
mod simulated;
mod steps;
