//! The forge `dir`: edits the files of a folder in place. No git is needed, and none is looked for above the folder. A written
//! change counts as merged at once.

use super::journal::{Journal, Standing};
use super::pages::{Page, PageState, Pages, next_number, print};
use crate::clients::disk::{Disk, EntryKind, Folder};
use crate::ports::rules::{Step, rule};
use crate::ports::{Forge, ForgeError, PullRequest, Written};
use crate::record::{Event, HeldNote, LedgerEntry, evidence_digest};
use crate::render::Proposal;
use std::fs;
use std::io;
use std::path::Path;

/// Who merged, in the ledger: nobody but the forge.
const MERGED_BY: &str = "plimsoll (forge dir)";

/// Where journals wait.
const PENDING: &str = ".plimsoll/pending";

fn page_file(number: u32) -> String {
    format!(".plimsoll/pull-requests/{}", Pages::name(number))
}

fn ledger_file(entry: &LedgerEntry) -> String {
    format!(".plimsoll/ledger/{}", entry.path())
}

fn journal_file(change: &str) -> String {
    format!("{PENDING}/{change}.journal")
}

/// A folder whose manifests are edited in place. `.plimsoll/` in it holds evidence, ledger and pull request files. Each change is
/// written to a journal first; then evidence, manifests, page and ledger follow, each file atomically. A run that finds a
/// journal completes it before it does anything else.
#[derive(Debug, Clone)]
pub struct DirForge {
    folder: Folder,
    pages: Pages,
}

impl DirForge {
    /// The forge of a folder.
    pub fn new(folder: &Path) -> DirForge {
        DirForge::on(folder, Disk::default())
    }

    /// The same on a given disk, for tests of kills.
    pub fn on(folder: &Path, disk: Disk) -> DirForge {
        let folder = Folder::new(folder, disk);
        DirForge {
            pages: Pages {
                folder: folder.at(".plimsoll/pull-requests"),
            },
            folder,
        }
    }

    /// Completes what a killed run began: the changes it completed, by digest. Forge operations do so by themselves; a command that
    /// reads manifests before it asks the forge anything calls it first.
    ///
    /// # Errors
    /// When the folder can't be written, or a person changed a file of a change that is written in part.
    pub fn recover(&self) -> Result<Vec<String>, ForgeError> {
        let pending = self.pending()?;
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let _held = self.lock()?;
        let mut completed = Vec::new();
        for file in self.pending()? {
            completed.extend(self.recover_one(&file)?);
        }
        Ok(completed)
    }

    fn refused(&self, reason: String) -> ForgeError {
        ForgeError {
            place: self.folder.path().display().to_string(),
            reason,
        }
    }

    fn failed(&self, what: &str, error: &io::Error) -> ForgeError {
        self.refused(format!("{what} failed: {error}"))
    }

    fn lock(&self) -> Result<fs::File, ForgeError> {
        self.folder
            .hold()
            .map_err(|error| self.failed("opening the folder", &error))
    }

    /// Journals that wait, by name.
    fn pending(&self) -> Result<Vec<String>, ForgeError> {
        let entries = self
            .folder
            .entries(PENDING)
            .map_err(|error| self.failed("reading `.plimsoll/pending`", &error))?;
        let names = entries.unwrap_or_default().into_iter();
        Ok(names
            .filter(|(_, kind)| *kind == EntryKind::File)
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|name| name.ends_with(".journal"))
            .collect())
    }

    fn recover_one(&self, name: &str) -> Result<Option<String>, ForgeError> {
        let path = format!("{PENDING}/{name}");
        let damaged = |reason: String| {
            self.refused(format!(
                "the unfinished change `{}` can't be completed: {reason}; look at its files, then remove it",
                self.folder.file(&path).display()
            ))
        };
        let bytes = self
            .folder
            .read(&path)
            .map_err(|error| damaged(error.to_string()))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let journal = Journal::read(name, &bytes).map_err(damaged)?;
        let mut foreign = Vec::new();
        let mut written = false;
        for path in journal.paths() {
            let ours = path.starts_with(".plimsoll/");
            match journal.standing(&self.folder, path).map_err(&damaged)? {
                Standing::Foreign => foreign.push(path.clone()),
                Standing::After if !ours => written = true,
                _ => {}
            }
        }
        if foreign.is_empty() {
            self.apply(&journal)?;
            return Ok(Some(journal.change));
        }
        if written {
            return Err(damaged(format!(
                "`{}` was changed meanwhile",
                foreign.join("`, `")
            )));
        }
        // A person was faster, and no manifest was touched: the change never was.
        for path in journal.paths() {
            if evidence_digest(path).is_some() {
                self.folder
                    .remove(path)
                    .map_err(|error| self.failed("removing evidence", &error))?;
            }
        }
        self.folder
            .remove(&path)
            .map_err(|error| self.failed("removing a journal", &error))?;
        Ok(None)
    }

    /// Writes what a journal says: evidence, manifests, page, ledger; at last the journal goes. Each step may have been done before.
    fn apply(&self, journal: &Journal) -> Result<(), ForgeError> {
        for path in journal.paths() {
            let standing = journal
                .standing(&self.folder, path)
                .map_err(|reason| self.refused(reason))?;
            if standing == Standing::After {
                continue;
            }
            let after = journal.after(path).map_err(|reason| self.refused(reason))?;
            self.write(path, &after)?;
        }
        let (number, text) = &journal.page;
        self.write(&page_file(*number), text.as_bytes())?;
        let entry = ledger_file(&journal.entry);
        let known = self
            .folder
            .has(&entry)
            .map_err(|error| self.failed("reading the ledger", &error))?;
        if !known {
            let bytes = journal
                .entry
                .to_bytes()
                .map_err(|error| self.refused(error.to_string()))?;
            self.write(&entry, &bytes)?;
        }
        self.folder
            .remove(&journal_file(&journal.change))
            .map_err(|error| self.failed("removing a journal", &error))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), ForgeError> {
        self.folder
            .write(path, bytes)
            .map_err(|error| self.failed(&format!("writing `{path}`"), &error))
    }

    /// Whether the manifests of a proposal stand there already.
    fn is_applied(&self, proposal: &Proposal) -> bool {
        proposal
            .files
            .iter()
            .filter(|(path, _)| !path.starts_with(".plimsoll/"))
            .all(|(path, bytes)| {
                let now = self.folder.read(path);
                now.is_ok_and(|now| now.as_ref() == Some(bytes))
            })
    }

    fn write_change(
        &self,
        proposal: &Proposal,
        pages: &[Page],
        now_ms: i64,
    ) -> Result<Written, ForgeError> {
        let mut page = Page::new(next_number(pages), proposal, now_ms);
        page.end(PageState::Merged, Some(now_ms), Some(MERGED_BY.to_string()));
        let merged = Event::Merged {
            by: MERGED_BY.to_string(),
            commit: String::new(),
            pull_request: Some(format!("{:04}", page.number)),
        };
        let entry = LedgerEntry::new(&proposal.change, &proposal.job, now_ms, merged);
        let journal = Journal::new(
            &self.folder,
            entry,
            (page.number, print(&page)),
            &proposal.files,
        )
        .map_err(|reason| self.refused(reason))?;
        let bytes =
            serde_json::to_vec(&journal).map_err(|error| self.refused(error.to_string()))?;
        // A change that could be written in part only is not begun.
        let others = [page_file(page.number), ledger_file(&journal.entry)];
        for path in journal.paths().into_iter().chain(&others) {
            self.folder
                .may_write(path)
                .map_err(|error| self.failed(&format!("writing `{path}`"), &error))?;
        }
        self.write(&journal_file(&journal.change), &bytes)?;
        self.apply(&journal)?;
        Ok(Written::Opened(self.pages.shown(&page)))
    }
}

impl Forge for DirForge {
    fn name(&self) -> &'static str {
        "dir"
    }

    async fn pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        self.recover()?;
        let pages = self.pages.read()?;
        Ok(pages.iter().map(|page| self.pages.shown(page)).collect())
    }

    async fn propose(&self, proposal: &Proposal, now_ms: i64) -> Result<Written, ForgeError> {
        let completed = self.recover()?;
        let _held = self.lock()?;
        let pages = self.pages.read()?;
        let known: Vec<PullRequest> = pages.iter().map(|page| self.pages.shown(page)).collect();
        let of_job = known.iter().find(|pr| pr.branch == proposal.branch);
        if let (Some(page), true) = (of_job, self.is_applied(proposal)) {
            return Ok(Written::Unchanged(page.clone()));
        }
        let job = proposal.job.to_string();
        let just_completed = pages
            .iter()
            .find(|page| page.header.job == job && completed.contains(&page.header.change));
        if let Some(page) = just_completed {
            return Ok(Written::LeftAlone {
                reason: "completed".to_string(),
                message: format!(
                    "the change {:04} of {}, which an earlier run began, was completed first; run again",
                    page.number,
                    proposal.job.short()
                ),
            });
        }
        match rule(proposal, &known, now_ms).step {
            Step::LeaveAlone {
                reason, message, ..
            } => Ok(Written::LeftAlone {
                reason: reason.to_string(),
                message,
            }),
            _ => self.write_change(proposal, &pages, now_ms),
        }
    }

    async fn close(
        &self,
        pull_request: &PullRequest,
        why: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.lock()?;
        self.pages.close(pull_request, why, now_ms)
    }

    async fn hold(
        &self,
        pull_request: &PullRequest,
        note: Option<&HeldNote>,
        _now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.lock()?;
        self.pages.note(pull_request, note)
    }

    async fn comment(
        &self,
        pull_request: &PullRequest,
        text: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let _held = self.lock()?;
        self.pages.comment_on(pull_request, text, now_ms)
    }
}
