//! Flink's own words: deployments in both CRD generations, and which of their fields count.

pub mod deployment;
pub mod field_path;
pub mod in_force;
