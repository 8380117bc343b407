//! The one integration binary.
mod architecture;
mod audit;
mod forges;
mod manifest_cases;
mod memory;
mod record;
mod recordings;
mod repository;
mod watch;
