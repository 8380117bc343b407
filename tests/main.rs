//! The one integration binary.
mod architecture;
mod autoscaler_vectors;
mod manifest_cases;
mod memory;
mod recordings;
