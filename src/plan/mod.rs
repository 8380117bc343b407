//! Decisions of the fleet → [`Plan`]: order, batches, what waits and for what. Of each job exactly one state, one reason code,
//! and the date or event that could change it.

mod fleet;
mod item;
mod settings;

pub use fleet::{FleetFacts, arrange};
pub use item::{Item, MergeEffect, Plan, PlannedChange, SCHEMA, State, Until};
pub use settings::{Group, Settings};
