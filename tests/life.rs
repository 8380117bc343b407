//! The whole life of a pull request: faults that were seen, random histories over every forge, and the table in the docs.
#![allow(clippy::unwrap_used)]

mod faults;
mod histories;
mod play;
pub mod stage;
mod table;
mod whole;
