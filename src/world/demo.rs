//! A new repository and a forge beside it, for a story that nobody's repository takes part in.

use super::{AnyForge, AnyRepository, WorldError};
use crate::clients::forges::LocalForge;
use crate::clients::repository::{GitRepository, MergeStyle};
use crate::ports::PullRequest;
use camino::Utf8Path;
use std::collections::BTreeMap;

/// Who merges in the story.
const REVIEWER: &str = "Reviewer";

/// A bare repository with manifests, and the forge `local` with its pull requests.
pub struct Stage {
    /// The repository.
    pub repository: AnyRepository,
    /// The forge.
    pub forge: AnyForge,
    local: LocalForge,
}

impl Stage {
    /// Creates both in a folder: `manifests.git` and `pull-requests`.
    ///
    /// # Errors
    /// When the repository can't be created.
    pub fn create(
        folder: &Utf8Path,
        manifests: &BTreeMap<String, String>,
        at_ms: i64,
    ) -> Result<Stage, WorldError> {
        let repository = GitRepository::create(
            folder.join("manifests.git").as_std_path(),
            manifests,
            "Platform Team",
            "Add the manifests of the (simulated) fleet",
            at_ms,
        )
        .map_err(WorldError::outside)?;
        let local = LocalForge::new(
            repository.clone(),
            folder.join("pull-requests").as_std_path(),
        );
        Ok(Stage {
            repository: AnyRepository::Git(repository),
            forge: AnyForge::Local(local.clone()),
            local,
        })
    }

    /// Merges a pull request, as a person would.
    ///
    /// # Errors
    /// When it can't be merged.
    pub fn merge(&self, pull_request: &PullRequest, at_ms: i64) -> Result<(), WorldError> {
        self.local
            .merge(pull_request, MergeStyle::Merge, REVIEWER, at_ms)
            .map_err(WorldError::outside)
    }
}
