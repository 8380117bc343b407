//! The one integration binary.
mod architecture;
mod flink_rest;
mod history_file;
mod manifest_cases;
mod memory;
mod points;
mod recordings;
