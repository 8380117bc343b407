//! Flink's own words: options, versions, the memory model, slots, topology, metric names.

pub mod key_groups;
pub mod memory;
pub mod metric_names;
pub mod options;
pub mod overrides;
pub mod slots;
pub mod topology;
pub mod version;
