//! Kubernetes clusters: what is seen of them, and what goes wrong.

mod cluster;
mod commands;
mod crds;
mod server;
mod simulated;
mod steps;
