//! The one integration binary.
mod architecture;
mod deployment;
mod manifest_cases;
mod manifest_properties;
mod manifest_shapes;
mod manifest_trees;
mod memory;
mod recordings;
