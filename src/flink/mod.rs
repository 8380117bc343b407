//! Flink's own words: deployments in both CRD generations and which of their fields count; options, versions, the memory
//! model, slots, topology, metric names.

pub mod deployment;
pub mod field_path;
pub mod in_force;
pub mod key_groups;
pub mod memory;
pub mod metric_names;
pub mod options;
pub mod overrides;
pub mod sizing;
pub mod slots;
pub mod topology;
pub mod version;
