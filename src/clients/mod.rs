//! See the map in `lib.rs`.

mod disk;
pub mod forges;
pub mod repository;

pub use disk::Disk;
