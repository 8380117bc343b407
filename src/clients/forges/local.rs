//! The forge `local`: branches in a local repository, pull requests in a folder of files. A person merges with plain git.

use super::pages::{Page, PageState, Pages, next_number};
use crate::clients::disk::{Disk, Folder};
use crate::clients::repository::{CommitOutcome, EvidenceCommit, GitRepository, MergeStyle};
use crate::ports::rules::{Step, rule};
use crate::ports::{Forge, ForgeError, PullRequest, PullRequestState, RepositoryError, Written};
use crate::record::HeldNote;
use crate::render::Proposal;
use std::collections::BTreeMap;
use std::path::Path;

/// How often a proposal is tried again when its branch moved while it was written.
const TRIES: u32 = 3;

/// A repository and a folder of pull request files. What is merged, git says: the branch's commit is part of the base branch, or
/// the change's evidence came into it (squash, rebase). A state line set to `closed` closes; one set to `merged` that git does
/// not bear out counts as open.
#[derive(Debug, Clone)]
pub struct LocalForge {
    repository: GitRepository,
    pages: Pages,
}

impl LocalForge {
    /// The forge of a repository, with its pull requests in `folder`, which is made when the first one is opened.
    pub fn new(repository: GitRepository, folder: &Path) -> LocalForge {
        LocalForge::on(repository, folder, Disk::default())
    }

    /// The same on a given disk, for tests of kills.
    pub fn on(repository: GitRepository, folder: &Path, disk: Disk) -> LocalForge {
        LocalForge {
            repository,
            pages: Pages {
                folder: Folder::own(folder, disk),
            },
        }
    }

    /// Merges a pull request as a person would, for demonstrations and simulations.
    ///
    /// # Errors
    /// When it conflicts, or repository or folder can't be written.
    pub fn merge(
        &self,
        pull_request: &PullRequest,
        style: MergeStyle,
        by: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.pages.hold()?;
        let mut page = self.pages.find(pull_request)?;
        let message = match style {
            MergeStyle::Merge => format!("Merge {}: {}", pull_request.id, pull_request.title),
            MergeStyle::Squash => format!("{} ({})", pull_request.title, pull_request.id),
        };
        self.step()?;
        let merged = self
            .repository
            .merge(&page.header.branch, style, by, &message, now_ms)
            .map_err(|error| self.of_repository(&error))?;
        if merged == CommitOutcome::Moved {
            return Err(self
                .pages
                .refused("the base branch moved meanwhile; merge again".into()));
        }
        page.end(PageState::Merged, Some(now_ms), Some(by.to_string()));
        self.pages.write(&page)
    }

    /// Closes a pull request as a person would, for demonstrations and simulations: their no.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn close_by_person(
        &self,
        pull_request: &PullRequest,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.pages.hold()?;
        let mut page = self.pages.find(pull_request)?;
        page.end(PageState::Closed, Some(now_ms), None);
        self.pages.write(&page)
    }

    fn step(&self) -> Result<(), ForgeError> {
        self.pages
            .folder
            .disk()
            .step()
            .map_err(|error| self.pages.failed("writing to the repository", &error))
    }

    fn of_repository(&self, error: &RepositoryError) -> ForgeError {
        ForgeError {
            place: error.place.clone(),
            reason: error.reason.clone(),
        }
    }

    /// Pages with the state that git bears out, and whether that differs from the file.
    fn read(&self) -> Result<Vec<(Page, bool)>, ForgeError> {
        let evidence = self
            .repository
            .evidence_commits()
            .map_err(|error| self.of_repository(&error))?;
        self.pages
            .read()?
            .into_iter()
            .map(|page| {
                let true_page = self.borne_out(&page, &evidence)?;
                let differs = true_page != page;
                Ok((true_page, differs))
            })
            .collect()
    }

    /// The page as git bears it out.
    fn borne_out(
        &self,
        page: &Page,
        evidence: &BTreeMap<String, EvidenceCommit>,
    ) -> Result<Page, ForgeError> {
        let mut page = page.clone();
        if page.header.state == PageState::Merged && page.header.ended_at.is_some() {
            return Ok(page);
        }
        let reachable = match &page.header.head {
            Some(head) => self
                .repository
                .is_in_base(head)
                .map_err(|error| self.of_repository(&error))?,
            None => false,
        };
        match evidence.get(&page.header.change) {
            Some(merge) => page.end(PageState::Merged, Some(merge.at_ms), merge.by.clone()),
            None if reachable => page.end(PageState::Merged, None, None),
            None if page.header.state == PageState::Merged => page.header.state = PageState::Open,
            None => {}
        }
        let branch = self
            .repository
            .branch_head(&page.header.branch)
            .map_err(|error| self.of_repository(&error))?;
        if page.header.state == PageState::Open && branch.is_none() {
            // Deleting the branch of an open one is how people close without a forge.
            page.header.state = PageState::Closed;
        }
        Ok(page)
    }

    fn shown(&self, page: &Page) -> Result<PullRequest, ForgeError> {
        let mut shown = self.pages.shown(page);
        if shown.state == PullRequestState::Open {
            shown.has_foreign_commits = self
                .repository
                .has_foreign_commits(&shown.branch, page.header.began_on.as_deref())
                .map_err(|error| self.of_repository(&error))?;
        }
        Ok(shown)
    }

    /// Brings the state lines of the files up to date with git. Returns all pages, newest first.
    fn refreshed(&self) -> Result<Vec<Page>, ForgeError> {
        let mut pages = Vec::new();
        for (page, differs) in self.read()? {
            if differs {
                self.pages.write(&page)?;
            }
            pages.push(page);
        }
        Ok(pages)
    }

    /// One try; none when the branch moved meanwhile.
    fn propose_once(
        &self,
        proposal: &Proposal,
        now_ms: i64,
    ) -> Result<Option<Written>, ForgeError> {
        let pages = self.refreshed()?;
        let known = pages
            .iter()
            .map(|page| self.shown(page))
            .collect::<Result<Vec<_>, _>>()?;
        let ruling = rule(proposal, &known, now_ms);
        for (open, why) in &ruling.close {
            self.pages.close(open, why, now_ms)?;
        }
        match ruling.step {
            Step::Open => self.open(proposal, &pages, now_ms),
            Step::Update(open, _) => self.update(proposal, &open, now_ms),
            Step::Unchanged(open) => {
                let conflicts = self.repository.conflicts(&open.branch);
                if conflicts.map_err(|error| self.of_repository(&error))? {
                    return self.update(proposal, &open, now_ms);
                }
                Ok(Some(Written::Unchanged(open)))
            }
            Step::LeaveAlone {
                reason,
                message,
                tell,
            } => {
                if let Some(page) = tell.map(|open| self.pages.find(&open)).transpose()? {
                    self.pages
                        .comment_once(page.number, &format!("{message}."), now_ms)?;
                }
                Ok(Some(Written::LeftAlone {
                    reason: reason.to_string(),
                    message,
                }))
            }
        }
    }

    fn open(
        &self,
        proposal: &Proposal,
        pages: &[Page],
        now_ms: i64,
    ) -> Result<Option<Written>, ForgeError> {
        let unknown = !pages
            .iter()
            .any(|page| page.header.branch == proposal.branch);
        let foreign = self.repository.has_foreign_commits(&proposal.branch, None);
        if unknown && foreign.map_err(|error| self.of_repository(&error))? {
            return Ok(Some(Written::LeftAlone {
                reason: "foreign-commits".to_string(),
                message: format!(
                    "the branch `{}` is there with a person's commits and no pull request",
                    proposal.branch
                ),
            }));
        }
        let began_on = self
            .repository
            .branch_head(&proposal.branch)
            .map_err(|error| self.of_repository(&error))?;
        let Some(head) = self.commit(proposal, now_ms)? else {
            return Ok(None);
        };
        let mut page = Page::new(next_number(pages), proposal, now_ms);
        page.header.began_on = began_on;
        page.header.head = Some(head);
        self.pages.write(&page)?;
        Ok(Some(Written::Opened(self.shown(&page)?)))
    }

    fn update(
        &self,
        proposal: &Proposal,
        open: &PullRequest,
        now_ms: i64,
    ) -> Result<Option<Written>, ForgeError> {
        let Some(head) = self.commit(proposal, now_ms)? else {
            return Ok(None);
        };
        let mut page = self.pages.find(open)?;
        page.update(proposal, now_ms);
        page.header.head = Some(head);
        self.pages.write(&page)?;
        Ok(Some(Written::Updated(self.shown(&page)?)))
    }

    /// The branch's new head; none when it moved since it was looked at.
    fn commit(&self, proposal: &Proposal, now_ms: i64) -> Result<Option<String>, ForgeError> {
        let repository = |error: RepositoryError| self.of_repository(&error);
        let seen = self
            .repository
            .branch_head(&proposal.branch)
            .map_err(repository)?;
        self.step()?;
        let outcome = self
            .repository
            .commit_on_branch(
                &proposal.branch,
                seen.as_deref(),
                &proposal.files,
                &proposal.commit_message,
                now_ms,
            )
            .map_err(repository)?;
        Ok(match outcome {
            CommitOutcome::Written(head) | CommitOutcome::Unchanged(head) => Some(head),
            CommitOutcome::Moved => None,
        })
    }
}

impl Forge for LocalForge {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        self.read()?
            .iter()
            .map(|(page, _)| self.shown(page))
            .collect()
    }

    async fn propose(&self, proposal: &Proposal, now_ms: i64) -> Result<Written, ForgeError> {
        let _held = self.pages.hold()?;
        for _ in 0..TRIES {
            if let Some(written) = self.propose_once(proposal, now_ms)? {
                return Ok(written);
            }
        }
        Err(self.pages.refused(format!(
            "the branch `{}` moved each time it was written; run again",
            proposal.branch
        )))
    }

    async fn close(
        &self,
        pull_request: &PullRequest,
        why: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.pages.hold()?;
        // Merged meanwhile is merged.
        self.refreshed()?;
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
