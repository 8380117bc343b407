//! Where manifests are read and pull requests go: which forge is in force.

use super::WorldError;
use super::github::{self, Found};
use crate::clients::github::Place;
use crate::clients::repository::GitRepository;
use crate::config::{ForgeConfig, ForgeName, RepositoryConfig};
use camino::{Utf8Path, Utf8PathBuf};

/// The slices of the configuration that say where manifests are and pull requests go.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The folder that their paths are relative to.
    pub folder: &'a Utf8Path,
    /// Where manifests are.
    pub repository: &'a RepositoryConfig,
    /// Where pull requests go.
    pub forge: &'a ForgeConfig,
    /// The forge that was typed; it wins.
    pub typed: Option<ForgeName>,
}

impl Destination<'_> {
    /// Which forge: what was typed, else what is configured, else GitHub where the remote `origin` is there and a token is at hand.
    pub fn name(&self) -> Option<ForgeName> {
        self.typed.or(self.forge.kind).or_else(|| {
            let clone = self.git().ok()?;
            let found = github::find(&self.forge.github, self.folder, &clone);
            matches!(found, Found::Ready(_)).then_some(ForgeName::Github)
        })
    }

    /// Why no forge is in force, and what to do.
    pub fn none(&self) -> String {
        let lacking = self
            .git()
            .ok()
            .and_then(
                |clone| match github::find(&self.forge.github, self.folder, &clone) {
                    Found::Lacking(reason) => Some(format!(" ({reason})")),
                    _ => None,
                },
            )
            .unwrap_or_default();
        format!(
            "no forge is named: add --forge github, local, patch or dir, or `forge: {{kind: …}}` to the configuration{lacking}"
        )
    }

    pub(super) fn path(&self, path: &str) -> Utf8PathBuf {
        self.folder.join(path)
    }

    /// The repository in git that is configured.
    pub(super) fn git(&self) -> Result<GitRepository, WorldError> {
        let place = self.path(&self.repository.path);
        let base = self.repository.base.as_deref();
        let place = if place.as_str().is_empty() {
            Utf8Path::new(".")
        } else {
            &place
        };
        GitRepository::open(place.as_std_path(), base)
            .or_else(|_| GitRepository::discover(place.as_std_path(), base))
            .map_err(WorldError::outside)
    }

    /// The repository on GitHub, with a token.
    pub(super) fn place(&self, clone: &GitRepository) -> Result<Place, WorldError> {
        match github::find(&self.forge.github, self.folder, clone) {
            Found::Ready(place) => Ok(*place),
            Found::Lacking(reason) => Err(WorldError::Configuration(reason)),
            Found::Elsewhere => Err(WorldError::Configuration(format!(
                "the forge is github, and the remote `origin` of {} is not there: add `forge: {{kind: github, github: {{repository: owner/name}}}}` to the configuration",
                clone.place().display()
            ))),
        }
    }
}
