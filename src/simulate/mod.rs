//! A simulated fleet of Flink jobs behind the same ports as a real one: what `demo`, `simulate serve` and scenario tests run on.
//!
//! [`model`] is pure: the state of a job is a function of its seed, the sizes applied and the time. Around it stand the fleet
//! ([`Fleet`]), the demo's jobs ([`demo`]), the snapshots a collector would take, and Flink's REST answers. Every figure that comes from
//! here is simulated, and whoever shows one says so.

pub mod controller;
pub mod demo;
mod fleet;
pub mod model;
pub mod random;
mod resources;
pub mod rest;
mod serve;
mod serve_kubernetes;
mod snapshot;

pub use fleet::{Account, Fleet, FleetError};
pub use resources::Resources;
pub use serve::serve;
