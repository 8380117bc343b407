//! The one integration binary.
mod architecture;
mod autoscaler_vectors;
mod memory;
