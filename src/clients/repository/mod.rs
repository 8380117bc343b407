//! Repositories of manifests: `GitRepository` over the object database of a local git repository, `FolderRepository` over a
//! plain folder. libgit2 is named in this folder only.

mod branches;
mod clone;
mod create;
mod folder;
mod git;
mod paths;
mod read;
mod refs;

pub use branches::{CommitOutcome, EvidenceCommit, MergeStyle, Standing, parents};
pub use folder::FolderRepository;
pub use git::GitRepository;
pub use paths::{is_manifest, refuse_change, refuse_path};
