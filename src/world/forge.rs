//! The forge that pull requests go to, behind one type.

use super::{Destination, WorldError};
use crate::clients::forges::{DirForge, LocalForge, PatchForge};
use crate::clients::github::GithubForge;
use crate::clients::repository::GitRepository;
use crate::config::ForgeName;
use crate::ports::{Forge, ForgeError, PullRequest, Written};
use crate::record::HeldNote;
use crate::render::Proposal;

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

impl Destination<'_> {
    /// The forge that pull requests go to. What a killed run left half-done is completed first.
    ///
    /// # Errors
    /// When none is named, or its repository, its place on GitHub or its token is missing.
    pub fn open_forge(&self) -> Result<AnyForge, WorldError> {
        let settings = self.forge;
        match self.name() {
            Some(ForgeName::Dir) => {
                let forge = DirForge::new(self.path(&settings.dir.folder).as_std_path());
                forge.recover().map_err(WorldError::outside)?;
                Ok(AnyForge::Dir(forge))
            }
            Some(ForgeName::Local) => Ok(AnyForge::Local(LocalForge::new(
                self.git()?,
                self.path(&settings.local.pull_requests).as_std_path(),
            ))),
            Some(ForgeName::Patch) => Ok(AnyForge::Patch(PatchForge::new(
                self.git()?,
                self.path(&settings.patch.folder).as_std_path(),
            ))),
            Some(ForgeName::Github) => {
                let clone = self.git()?;
                let place = self.place(&clone)?;
                GithubForge::new(&place, clone, self.repository.base.as_deref())
                    .map(|forge| AnyForge::Github(Box::new(forge)))
                    .map_err(WorldError::outside)
            }
            None => Err(WorldError::Configuration(self.none())),
        }
    }
}

/// The forge that is there, whichever it is.
macro_rules! each {
    ($any:expr, $forge:ident => $call:expr) => {
        match $any {
            AnyForge::Local($forge) => $call,
            AnyForge::Patch($forge) => $call,
            AnyForge::Dir($forge) => $call,
            AnyForge::Github($forge) => $call,
        }
    };
}

impl Forge for AnyForge {
    fn name(&self) -> &'static str {
        each!(self, forge => forge.name())
    }

    async fn pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        each!(self, forge => forge.pull_requests().await)
    }

    async fn propose(&self, proposal: &Proposal, now_ms: i64) -> Result<Written, ForgeError> {
        each!(self, forge => forge.propose(proposal, now_ms).await)
    }

    async fn close(
        &self,
        pull_request: &PullRequest,
        why: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        each!(self, forge => forge.close(pull_request, why, now_ms).await)
    }

    async fn hold(
        &self,
        pull_request: &PullRequest,
        note: Option<&HeldNote>,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        each!(self, forge => forge.hold(pull_request, note, now_ms).await)
    }

    async fn comment(
        &self,
        pull_request: &PullRequest,
        text: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        each!(self, forge => forge.comment(pull_request, text, now_ms).await)
    }
}
