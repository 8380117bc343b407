//! What the forge itself tells whoever may write there: a no that somebody said by closing, and reverts that are open and no longer meant. A
//! sealed file need not tell of it, and could not be believed if it did.

use super::base::Manifests;
use super::books::{Books, books};
use super::ended::keep;
use super::error::PassError;
use super::proposed::Proposed;
use super::settings::Settings;
use super::tidy::{Open, tidy_reverts};
use crate::ports::rules::missing_declined;
use crate::ports::{Forge, PullRequest, Repository};
use crate::record::{LedgerEntry, State, branch};
use crate::snapshot::JobKey;
use std::collections::BTreeSet;

/// What was heard.
pub(super) struct Heard {
    books: Books,
    pub(super) pull_requests: Vec<PullRequest>,
    /// What the ledger lacks of it.
    pub(super) entries: Vec<LedgerEntry>,
}

impl Heard {
    /// Asks the forge and reads the books.
    ///
    /// # Errors
    /// When the forge does not give its list, or the repository can't be read.
    pub(super) async fn of(
        forge: &impl Forge,
        repository: &impl Repository,
        now_ms: i64,
    ) -> Result<Heard, PassError> {
        let pull_requests = forge.pull_requests().await?;
        let jobs: BTreeSet<JobKey> = pull_requests
            .iter()
            .filter_map(|one| {
                let state = State::find(&one.body)?;
                (one.branch == branch(state.kind, &state.job)).then_some(state.job)
            })
            .collect();
        let jobs: Vec<JobKey> = jobs.into_iter().collect();
        let mut books = books(repository, &jobs, now_ms)?;
        let mut entries = keep(&mut books, &pull_requests, now_ms);
        entries.extend(missing_declined(&pull_requests, &books.entries, now_ms));
        Ok(Heard {
            books,
            pull_requests,
            entries,
        })
    }

    /// Closes open reverts whose fields are back already, or were changed since. What the cluster shows is not known here.
    pub(super) async fn tidy(
        &self,
        settings: &Settings,
        forge: &impl Forge,
        manifests: &Manifests<'_>,
        now_ms: i64,
    ) -> Vec<Proposed> {
        let open = Open {
            settings,
            manifests,
            books: &self.books,
            judged: &[],
            pull_requests: &self.pull_requests,
            now_ms,
        };
        let named =
            |job: &JobKey| settings.clusters.is_empty() || settings.clusters.contains(&job.cluster);
        tidy_reverts(forge, open, named).await
    }
}
