//! The one integration binary.
mod architecture;
mod flink_rest;
mod history_file;
mod manifest_cases;
mod manifest_properties;
mod manifest_shapes;
mod manifest_trees;
mod memory;
mod points;
mod recordings;
