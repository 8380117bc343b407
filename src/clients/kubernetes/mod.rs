//! A Kubernetes API server → the jobs of a cluster, and looks at them.
//!
//! Custom resources are listed in pages, as plain JSON, so that one of an unknown version or shape is one job's state and not the whole
//! list's error. Nothing is ever written: lists and gets of the operator's three kinds, and, by the reach that was chosen, gets through
//! the service proxy or a port-forward. An access review is a question, though it is sent as a POST.

mod access;
mod cluster;
mod connection;
mod credentials;
mod error;
mod forward;
mod inventory;
mod list;
mod listing;
mod object;
mod owner;
mod proxy;
mod reach;
mod rules;
mod settings;
mod state;

pub use cluster::KubernetesCluster;
pub use error::ApiError;
pub use listing::Problem;
pub use rules::{Need, needs};
pub use settings::{Access, Settings};
