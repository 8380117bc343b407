//! GitHub and GitHub Enterprise over their REST API: `GithubForge` keeps pull requests, `GithubRepository` reads manifests from a
//! local clone and keeps the ledger on the remote. Commits are made of objects and refs (blob, tree, commit, ref), never forced.
//! octocrab is named in this folder only.

mod answers;
mod api;
mod commits;
mod connector;
mod forge;
mod ledger;
mod listed;
mod objects;
mod origin;
mod place;
mod pulls;
mod refusal;

pub use forge::GithubForge;
pub use ledger::GithubRepository;
pub use origin::{Origin, origin};
pub use place::{Pace, Place};
