//! The one integration binary.
mod architecture;
mod manifest_cases;
mod memory;
mod recordings;
