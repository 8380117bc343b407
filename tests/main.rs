//! The one integration binary.
mod architecture;
mod doe_vectors;
