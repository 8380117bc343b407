//! The one integration binary.
mod architecture;
mod flink_rest;
mod history_file;
mod audit;
mod simulate;
mod autoscaler_vectors;
mod manifest_cases;
mod manifest_properties;
mod manifest_shapes;
mod manifest_trees;
mod memory;
mod points;
mod record;
mod recordings;
mod repository;
mod watch;
mod doe_vectors;
