//! Forges that need no server: `LocalForge` (a repository and a folder of pull request files), `PatchForge` (a folder of
//! patches), `DirForge` (files edited in place). They share the form of their pull request files.

mod dir;
mod hunks;
mod journal;
mod local;
mod pages;
mod patch;

pub use dir::DirForge;
pub use local::LocalForge;
pub use patch::PatchForge;
