//! Configuration → the clients that stand behind the ports, for one run. Each part takes the slice of the configuration that it
//! needs, never everything.

pub mod checks;
mod clusters;
mod configuration;
pub mod demo;
mod destination;
mod error;
mod forge;
mod github;
mod history;
mod plugins;
mod prometheus;
mod redact_key;
mod repository;
mod rights;
mod seal;
mod surroundings;
pub mod tryout;

pub use clusters::{Clusters, Listing};
pub use configuration::Opened;
pub use destination::Destination;
pub use error::WorldError;
pub use forge::AnyForge;
pub use history::{
    AnyHistory, Looks, open as open_history, open_without_file as open_history_without_file,
};
pub use plugins::assemble as assemble_plugins;
pub use redact_key::redact_key;
pub use repository::{AnyRepository, at as repository_at};
pub use rights::{Right, rights};
pub use seal::seal_key;
pub use surroundings::{Remote, Surroundings};
