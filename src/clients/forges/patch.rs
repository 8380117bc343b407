//! The forge `patch`: for each pull request a patch that `git apply` and `git am` take (`git am --keep-cr` where a manifest has carriage
//! returns, which git takes out of mail otherwise), and its body beside it. For every host that has no forge of its own here, and
//! for those who want to look first.

use super::hunks::{file_diff, mail};
use super::pages::{Page, PageState, Pages, next_number, time};
use crate::clients::disk::{Disk, Folder};
use crate::clients::repository::refuse_change;
use crate::ports::rules::{Step, rule};
use crate::ports::{Forge, ForgeError, PullRequest, Repository, Written};
use crate::record::{HeldNote, evidence_path};
use crate::render::Proposal;
use std::collections::BTreeMap;
use std::path::Path;

/// A folder of patches. A patch counts as merged when its evidence is in the repository's base; a state line set to `closed`
/// closes it.
#[derive(Debug, Clone)]
pub struct PatchForge<R> {
    repository: R,
    pages: Pages,
}

impl<R: Repository + Send + Sync> PatchForge<R> {
    /// The forge that writes into `folder` what applies to `repository`.
    pub fn new(repository: R, folder: &Path) -> PatchForge<R> {
        PatchForge::on(repository, folder, Disk::default())
    }

    /// The same on a given disk, for tests of kills.
    pub fn on(repository: R, folder: &Path, disk: Disk) -> PatchForge<R> {
        PatchForge {
            repository,
            pages: Pages {
                folder: Folder::own(folder, disk),
            },
        }
    }

    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, ForgeError> {
        self.repository.tree().map_err(|error| ForgeError {
            place: error.place,
            reason: error.reason,
        })
    }

    fn read(&self, tree: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Page>, ForgeError> {
        let mut pages = self.pages.read()?;
        for page in &mut pages {
            let merged = tree.contains_key(&evidence_path(&page.header.change));
            if merged {
                page.end(PageState::Merged, None, None);
            } else if page.header.state == PageState::Merged {
                page.header.state = PageState::Open;
            }
        }
        Ok(pages)
    }

    /// Writes the patch, then the page: a page without its patch is never seen.
    fn write(
        &self,
        page: &Page,
        proposal: &Proposal,
        tree: &BTreeMap<String, Vec<u8>>,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        if let Some(reason) = refuse_change(&proposal.files) {
            return Err(self.pages.refused(reason));
        }
        let mut diffs = String::new();
        for (path, bytes) in &proposal.files {
            let not_text = || {
                self.pages
                    .refused(format!("`{path}` is not UTF-8; a patch can't hold it"))
            };
            let after = std::str::from_utf8(bytes).map_err(|_| not_text())?;
            let before = match tree.get(path) {
                Some(bytes) => Some(std::str::from_utf8(bytes).map_err(|_| not_text())?),
                None => None,
            };
            diffs += &file_diff(path, before, after).unwrap_or_default();
        }
        let patch = mail(&proposal.commit_message, &diffs, time(now_ms));
        let name = format!("{:04}.patch", page.number);
        self.pages
            .folder
            .write(&name, patch.as_bytes())
            .map_err(|error| {
                let file = self.pages.folder.file(&name);
                self.pages
                    .failed(&format!("writing `{}`", file.display()), &error)
            })?;
        self.pages.write(page)
    }
}

impl<R: Repository + Send + Sync> Forge for PatchForge<R> {
    fn name(&self) -> &'static str {
        "patch"
    }

    async fn pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        let pages = self.read(&self.tree()?)?;
        Ok(pages.iter().map(|page| self.pages.shown(page)).collect())
    }

    async fn propose(&self, proposal: &Proposal, now_ms: i64) -> Result<Written, ForgeError> {
        let _held = self.pages.hold()?;
        let tree = self.tree()?;
        let pages = self.read(&tree)?;
        let known: Vec<PullRequest> = pages.iter().map(|page| self.pages.shown(page)).collect();
        let ruling = rule(proposal, &known, now_ms);
        for (open, why) in &ruling.close {
            self.pages.close(open, why, now_ms)?;
        }
        Ok(match ruling.step {
            Step::Open => {
                let page = Page::new(next_number(&pages), proposal, now_ms);
                self.write(&page, proposal, &tree, now_ms)?;
                Written::Opened(self.pages.shown(&page))
            }
            Step::Update(open, _) => {
                let mut page = self.pages.find(&open)?;
                page.update(proposal, now_ms);
                self.write(&page, proposal, &tree, now_ms)?;
                Written::Updated(self.pages.shown(&page))
            }
            Step::Unchanged(open) => Written::Unchanged(open),
            Step::LeaveAlone {
                reason, message, ..
            } => Written::LeftAlone {
                reason: reason.to_string(),
                message,
            },
        })
    }

    async fn close(
        &self,
        pull_request: &PullRequest,
        why: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.pages.hold()?;
        self.pages.close(pull_request, why, now_ms)
    }

    async fn hold(
        &self,
        pull_request: &PullRequest,
        note: Option<&HeldNote>,
        _now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.pages.hold()?;
        self.pages.note(pull_request, note)
    }

    async fn comment(
        &self,
        pull_request: &PullRequest,
        text: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.pages.hold()?;
        self.pages.comment_on(pull_request, text, now_ms)
    }
}
