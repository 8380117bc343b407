//! The forge and the repository that were asked for, behind one type each.

use super::Failure;
use super::github::{self, Found};
use super::world::World;
use crate::cli::{self, ForgeKind};
use crate::clients::forges::{DirForge, LocalForge, PatchForge};
use crate::clients::github::{GithubForge, GithubRepository, Place};
use crate::clients::repository::{FolderRepository, GitRepository};
use crate::config::ForgeName;
use crate::ports::{Commit, Forge, ForgeError, PullRequest, Repository, RepositoryError, Written};
use crate::render::Proposal;
use camino::Utf8Path;
use std::collections::BTreeMap;

/// A repository in git, or a plain folder.
pub enum AnyRepository {
    /// In git.
    Git(GitRepository),
    /// A folder without git (the forge `dir`).
    Folder(FolderRepository),
    /// A clone, with the ledger on GitHub.
    Github(GithubRepository),
}

/// The forges.
pub enum AnyForge {
    /// A bare repository and a folder of pull request files.
    Local(LocalForge),
    /// A folder of patches.
    Patch(PatchForge<GitRepository>),
    /// Files edited in place.
    Dir(DirForge),
    /// GitHub.
    Github(Box<GithubForge>),
}

/// Which forge: what was typed, else what is configured, else GitHub where the remote `origin` is there and a token is at hand.
pub fn kind(world: &World, typed: &cli::Forge) -> Option<ForgeName> {
    match typed.forge {
        Some(ForgeKind::Github) => Some(ForgeName::Github),
        Some(ForgeKind::Local) => Some(ForgeName::Local),
        Some(ForgeKind::Patch) => Some(ForgeName::Patch),
        Some(ForgeKind::Dir) => Some(ForgeName::Dir),
        None => world.config.forge.kind.or_else(|| {
            let clone = git(world, &world.path(&world.config.repository.path)).ok()?;
            matches!(github::find(world, &clone), Found::Ready(_)).then_some(ForgeName::Github)
        }),
    }
}

/// The repository on GitHub, with a token.
fn place(world: &World, clone: &GitRepository) -> Result<Place, Failure> {
    match github::find(world, clone) {
        Found::Ready(place) => Ok(*place),
        Found::Lacking(reason) => Err(Failure::Usage(reason)),
        Found::Elsewhere => Err(Failure::Usage(format!(
            "the forge is github, and the remote `origin` of {} is not there: add `forge: {{kind: github, github: {{repository: owner/name}}}}` to the configuration",
            clone.place().display()
        ))),
    }
}

/// Why no forge is in force, and what to do.
pub fn none(world: &World) -> String {
    let lacking = git(world, &world.path(&world.config.repository.path))
        .ok()
        .and_then(|clone| match github::find(world, &clone) {
            Found::Lacking(reason) => Some(format!(" ({reason})")),
            _ => None,
        })
        .unwrap_or_default();
    format!(
        "no forge is named: add --forge github, local, patch or dir, or `forge: {{kind: …}}` to the configuration{lacking}"
    )
}

/// The repository that the manifests are read from.
pub fn repository(world: &World, typed: &cli::Forge) -> Result<AnyRepository, Failure> {
    if kind(world, typed) == Some(ForgeName::Dir) {
        let folder = world.path(&world.config.forge.dir.folder);
        return FolderRepository::open(folder.as_std_path())
            .map(AnyRepository::Folder)
            .map_err(|error| Failure::Failed(error.into()));
    }
    let clone = git(world, &world.path(&world.config.repository.path))?;
    if kind(world, typed) == Some(ForgeName::Github) {
        let place = place(world, &clone)?;
        return Ok(AnyRepository::Github(GithubRepository::new(place, clone)));
    }
    Ok(AnyRepository::Git(clone))
}

fn git(world: &World, place: &Utf8Path) -> Result<GitRepository, Failure> {
    let base = world.config.repository.base.as_deref();
    let place = if place.as_str().is_empty() {
        Utf8Path::new(".")
    } else {
        place
    };
    GitRepository::open(place.as_std_path(), base)
        .or_else(|_| GitRepository::discover(place.as_std_path(), base))
        .map_err(|error| Failure::Failed(error.into()))
}

/// The forge that pull requests go to. What a killed run left half-done is completed first.
pub fn forge(world: &World, typed: &cli::Forge) -> Result<AnyForge, Failure> {
    let settings = &world.config.forge;
    match kind(world, typed) {
        Some(ForgeName::Dir) => {
            let forge = DirForge::new(world.path(&settings.dir.folder).as_std_path());
            forge
                .recover()
                .map_err(|error| Failure::Failed(error.into()))?;
            Ok(AnyForge::Dir(forge))
        }
        Some(ForgeName::Local) => {
            let repository = git(world, &world.path(&world.config.repository.path))?;
            Ok(AnyForge::Local(LocalForge::new(
                repository,
                world.path(&settings.local.pull_requests).as_std_path(),
            )))
        }
        Some(ForgeName::Patch) => {
            let repository = git(world, &world.path(&world.config.repository.path))?;
            Ok(AnyForge::Patch(PatchForge::new(
                repository,
                world.path(&settings.patch.folder).as_std_path(),
            )))
        }
        Some(ForgeName::Github) => {
            let clone = git(world, &world.path(&world.config.repository.path))?;
            let place = place(world, &clone)?;
            let base = world.config.repository.base.as_deref();
            GithubForge::new(&place, clone, base)
                .map(|forge| AnyForge::Github(Box::new(forge)))
                .map_err(|error| Failure::Failed(error.into()))
        }
        None => Err(Failure::Usage(none(world))),
    }
}

impl Repository for AnyRepository {
    fn head(&self) -> Result<String, RepositoryError> {
        match self {
            AnyRepository::Git(git) => git.head(),
            AnyRepository::Folder(folder) => folder.head(),
            AnyRepository::Github(github) => github.head(),
        }
    }

    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        match self {
            AnyRepository::Git(git) => git.tree(),
            AnyRepository::Folder(folder) => folder.tree(),
            AnyRepository::Github(github) => github.tree(),
        }
    }

    fn left_out(&self) -> Result<BTreeMap<String, String>, RepositoryError> {
        match self {
            AnyRepository::Git(git) => git.left_out(),
            AnyRepository::Folder(folder) => folder.left_out(),
            AnyRepository::Github(github) => github.left_out(),
        }
    }

    fn commits_since(&self, since_ms: i64) -> Result<Vec<Commit>, RepositoryError> {
        match self {
            AnyRepository::Git(git) => git.commits_since(since_ms),
            AnyRepository::Folder(folder) => folder.commits_since(since_ms),
            AnyRepository::Github(github) => github.commits_since(since_ms),
        }
    }

    fn ledger(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        match self {
            AnyRepository::Git(git) => git.ledger(),
            AnyRepository::Folder(folder) => folder.ledger(),
            AnyRepository::Github(github) => github.ledger(),
        }
    }

    fn append_ledger(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        at_ms: i64,
    ) -> Result<(), RepositoryError> {
        match self {
            AnyRepository::Git(git) => git.append_ledger(files, message, at_ms),
            AnyRepository::Folder(folder) => folder.append_ledger(files, message, at_ms),
            AnyRepository::Github(github) => github.append_ledger(files, message, at_ms),
        }
    }

    fn shortcomings(&self) -> Result<Vec<String>, RepositoryError> {
        match self {
            AnyRepository::Git(git) => git.shortcomings(),
            AnyRepository::Folder(folder) => folder.shortcomings(),
            AnyRepository::Github(github) => github.shortcomings(),
        }
    }
}

impl Forge for AnyForge {
    fn name(&self) -> &'static str {
        match self {
            AnyForge::Local(forge) => forge.name(),
            AnyForge::Patch(forge) => forge.name(),
            AnyForge::Dir(forge) => forge.name(),
            AnyForge::Github(forge) => forge.name(),
        }
    }

    async fn pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        match self {
            AnyForge::Local(forge) => forge.pull_requests().await,
            AnyForge::Patch(forge) => forge.pull_requests().await,
            AnyForge::Dir(forge) => forge.pull_requests().await,
            AnyForge::Github(forge) => forge.pull_requests().await,
        }
    }

    async fn propose(&self, proposal: &Proposal, now_ms: i64) -> Result<Written, ForgeError> {
        match self {
            AnyForge::Local(forge) => forge.propose(proposal, now_ms).await,
            AnyForge::Patch(forge) => forge.propose(proposal, now_ms).await,
            AnyForge::Dir(forge) => forge.propose(proposal, now_ms).await,
            AnyForge::Github(forge) => forge.propose(proposal, now_ms).await,
        }
    }

    async fn close(
        &self,
        pull_request: &PullRequest,
        why: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        match self {
            AnyForge::Local(forge) => forge.close(pull_request, why, now_ms).await,
            AnyForge::Patch(forge) => forge.close(pull_request, why, now_ms).await,
            AnyForge::Dir(forge) => forge.close(pull_request, why, now_ms).await,
            AnyForge::Github(forge) => forge.close(pull_request, why, now_ms).await,
        }
    }

    async fn comment(
        &self,
        pull_request: &PullRequest,
        text: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        match self {
            AnyForge::Local(forge) => forge.comment(pull_request, text, now_ms).await,
            AnyForge::Patch(forge) => forge.comment(pull_request, text, now_ms).await,
            AnyForge::Dir(forge) => forge.comment(pull_request, text, now_ms).await,
            AnyForge::Github(forge) => forge.comment(pull_request, text, now_ms).await,
        }
    }
}
