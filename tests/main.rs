//! The one integration binary.
mod architecture;
mod manifest_cases;
mod manifest_properties;
mod manifest_shapes;
mod manifest_trees;
mod memory;
mod recordings;
