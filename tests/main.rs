//! The one integration binary.
mod architecture;
mod simulate;
mod manifest_cases;
mod memory;
mod recordings;
mod sizing_loop;
