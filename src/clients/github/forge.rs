//! The forge `github`.

use super::answers::{LabelAnswer, PullAnswer, RepositoryAnswer};
use super::api::{Api, PULLS_READ, READ, ask, escaped};
use super::listed::{Listed, is_head_ours, is_made_on, made_on, with_head};
use super::place::Place;
use super::pulls::shown;
use crate::clients::repository::{CommitOutcome, GitRepository};
use crate::ports::rules::{Step, Why, rule};
use crate::ports::{Forge, ForgeError, PullRequest, PullRequestState, Written};
use crate::record::{ChangeKind, HeldNote, LEDGER_BRANCH, State, branch, evidence_path};
use crate::render::Proposal;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OnceCell};

/// How often a proposal is tried again when its branch moved while it was written.
const TRIES: u32 = 3;

/// How long before the newest event a merge is asked about by itself.
const MERGED_BY_MS: i64 = 2 * 24 * 3_600_000;

/// Pull requests on GitHub. Manifests were edited on the clone; commits are made on the remote's base branch, where the files must be
/// the same. Bound to the runtime in which it was made.
#[derive(Debug)]
pub struct GithubForge {
    api: Api,
    clone: GitRepository,
    /// The base branch by configuration; else GitHub's default branch.
    base: Option<String>,
    /// The repository, once it was asked for.
    known: OnceCell<Known>,
    /// The list of pull requests, once it was asked for.
    listed: Mutex<Option<Listed>>,
}

/// The repository as GitHub names it.
#[derive(Debug, Clone)]
struct Known {
    full_name: String,
    base: String,
}

impl GithubForge {
    /// The forge of a repository, with a clone of it. Nothing is asked yet.
    ///
    /// # Errors
    /// When the API's address is none.
    pub fn new(
        place: &Place,
        clone: GitRepository,
        base: Option<&str>,
    ) -> Result<GithubForge, ForgeError> {
        Ok(GithubForge {
            api: Api::new(place)?,
            clone,
            base: base.map(str::to_string),
            known: OnceCell::new(),
            listed: Mutex::new(None),
        })
    }

    /// The repository: a token that may not see it is told from a branch that is not there.
    async fn known(&self) -> Result<&Known, ForgeError> {
        self.known.get_or_try_init(|| self.ask_known()).await
    }

    async fn ask_known(&self) -> Result<Known, ForgeError> {
        let ask = ask("reading the repository", READ);
        let path = format!("/repos/{}", self.api.place.repository);
        let found: RepositoryAnswer = self.api.read(&ask, &path).await?;
        if found.archived {
            return Err(self
                .api
                .error("it is archived: nothing can be written there"));
        }
        Ok(Known {
            base: self.base.clone().unwrap_or(found.default_branch),
            full_name: found.full_name,
        })
    }

    /// All pull requests of a branch, newest first, with what rules ask of the open ones.
    async fn of_branch(
        &self,
        known: &Known,
        branch: &str,
    ) -> Result<Vec<(PullAnswer, PullRequest)>, ForgeError> {
        let pulls = self.api.pulls_of(&known.full_name, branch).await?;
        let ended: BTreeSet<String> = pulls
            .iter()
            .filter(|pull| pull.state != "open")
            .map(|pull| pull.head.sha.clone())
            .collect();
        let mut all = Vec::new();
        for pull in pulls {
            let mut shown = shown(&pull);
            if shown.state == PullRequestState::Open {
                shown.has_foreign_commits =
                    self.api.pull_has_foreign_commits(&pull, &ended).await?;
            }
            all.push((pull, shown));
        }
        Ok(all)
    }

    /// All of ours that are open or ended lately, asked for once.
    async fn listed(&self) -> Result<MappedMutexGuard<'_, Listed>, ForgeError> {
        let mut guard = self.listed.lock().await;
        if guard.is_none() {
            let known = self.known().await?;
            let mut listed = Listed {
                pulls: self.api.our_pulls(&known.full_name).await?,
                foreign: BTreeMap::new(),
            };
            let open = listed.pulls.iter().filter(|pull| pull.state == "open");
            let unsure: Vec<PullAnswer> =
                open.filter(|pull| !is_head_ours(pull)).cloned().collect();
            for pull in unsure {
                let ended = listed.ended(&pull.head.branch);
                let foreign = self.api.pull_has_foreign_commits(&pull, &ended).await?;
                listed.foreign.insert(pull.number, foreign);
            }
            *guard = Some(listed);
        }
        Ok(MutexGuard::map(guard, |listed| {
            listed.get_or_insert_with(Listed::default)
        }))
    }

    async fn put(&self, pull: &PullAnswer) {
        if let Some(listed) = self.listed.lock().await.as_mut() {
            listed.put(pull.clone());
        }
    }

    async fn forget(&self) {
        *self.listed.lock().await = None;
    }

    /// What becomes of a proposal by the list alone, where that is nothing; none where more must be asked.
    async fn idle(&self, proposal: &Proposal, now_ms: i64) -> Result<Option<Written>, ForgeError> {
        let made_on = made_on(&self.clone, proposal)?;
        let listed = self.listed().await?;
        let wanted: BTreeSet<&String> = proposal
            .labels
            .iter()
            .chain(&self.api.place.labels)
            .collect();
        let ruling = rule(proposal, &listed.shown(), now_ms);
        Ok(match ruling.step {
            Step::Unchanged(open) if ruling.close.is_empty() => {
                let pull = listed
                    .pulls
                    .iter()
                    .find(|pull| pull.number.to_string() == open.id);
                let is_whole =
                    pull.is_some_and(|pull| is_head_ours(pull) && is_made_on(pull, &made_on));
                let is_labelled =
                    wanted.is_empty() || open.labels.iter().any(|label| wanted.contains(label));
                (is_whole && is_labelled).then_some(Written::Unchanged(open))
            }
            Step::LeaveAlone {
                reason,
                message,
                tell: None,
            } => Some(Written::LeftAlone {
                reason: reason.to_string(),
                message,
            }),
            _ => None,
        })
    }

    /// One try; none when the branch moved meanwhile.
    async fn propose_once(
        &self,
        proposal: &Proposal,
        now_ms: i64,
    ) -> Result<Option<Written>, ForgeError> {
        if let Some(written) = self.idle(proposal, now_ms).await? {
            return Ok(Some(written));
        }
        let known = self.known().await?;
        let other = match proposal.kind {
            ChangeKind::Rightsize => ChangeKind::Revert,
            ChangeKind::Revert => ChangeKind::Rightsize,
        };
        let mut pulls = self.of_branch(known, &proposal.branch).await?;
        pulls.extend(self.of_branch(known, &branch(other, &proposal.job)).await?);
        pulls.sort_by_key(|(pull, _)| std::cmp::Reverse(pull.number));
        let all: Vec<PullRequest> = pulls.iter().map(|(_, shown)| shown.clone()).collect();
        let ruling = rule(proposal, &all, now_ms);
        for (open, why) in &ruling.close {
            self.close(open, why, now_ms).await?;
        }
        let answer = |open: &PullRequest| {
            pulls
                .iter()
                .find(|(_, shown)| shown.id == open.id)
                .map(|(pull, _)| pull.clone())
                .ok_or_else(|| {
                    self.api
                        .error(format!("there is no pull request `{}`", open.id))
                })
        };
        match ruling.step {
            Step::Open => self.open(known, proposal, &all).await,
            Step::Update(open, why) => {
                let pull = answer(&open)?;
                // New words and a new commit cost a person's approval; only what must be is worth that.
                if why != Why::Due && self.api.is_approved(pull.number).await? {
                    return Ok(Some(Written::Unchanged(open)));
                }
                self.update(known, proposal, &pull).await
            }
            Step::Unchanged(open) => {
                let pull = answer(&open)?;
                if self.is_whole(&pull).await? {
                    let labelled = self.complete_labels(&open, proposal).await;
                    return Ok(Some(Written::Unchanged(labelled)));
                }
                self.update(known, proposal, &pull).await
            }
            Step::LeaveAlone {
                reason,
                message,
                tell,
            } => {
                if let Some(open) = tell {
                    let number = self.api.number(&open)?;
                    self.api
                        .comment_once(number, &format!("{message}."))
                        .await?;
                }
                Ok(Some(Written::LeftAlone {
                    reason: reason.to_string(),
                    message,
                }))
            }
        }
    }

    /// Whether an open one with the same findings needs nothing: its branch holds the evidence that its body tells of (a run may have died
    /// between the two), and it does not conflict with the base.
    async fn is_whole(&self, pull: &PullAnswer) -> Result<bool, ForgeError> {
        let Some(state) = State::find(&shown(pull).body) else {
            return Ok(false);
        };
        let asked = ask("reading the evidence on the branch", READ);
        let path = format!(
            "/repos/{}/contents/{}?ref={}",
            self.api.place.repository,
            escaped(&evidence_path(&state.change)),
            escaped(&pull.head.sha)
        );
        let evidence = self.api.get(&asked, &path).await?;
        match evidence.status {
            404 => return Ok(false),
            200..300 => {}
            _ => return Err(self.api.refusal(&asked, &evidence)),
        }
        Ok(self.api.pull(pull.number).await?.mergeable != Some(false))
    }

    /// Opens one. A branch that is there already is built upon, if it is ours.
    async fn open(
        &self,
        known: &Known,
        proposal: &Proposal,
        all: &[PullRequest],
    ) -> Result<Option<Written>, ForgeError> {
        let unknown = !all.iter().any(|pull| pull.branch == proposal.branch);
        if unknown && let Some(head) = self.api.head(&proposal.branch).await? {
            let base = self.api.base_head(&known.base).await?;
            if self.api.branch_has_foreign_commits(&base, &head).await? {
                return Ok(Some(Written::LeftAlone {
                    reason: "foreign-commits".to_string(),
                    message: format!(
                        "the branch `{}` is there with a person's commits and no pull request",
                        proposal.branch
                    ),
                }));
            }
        }
        let Some(proposal) = self.committed(known, proposal).await? else {
            return Ok(None);
        };
        let pull = self
            .api
            .open_pull(&known.full_name, &known.base, &proposal)
            .await?;
        let opened = self.complete_labels(&shown(&pull), &proposal).await;
        self.put(&PullAnswer {
            labels: opened
                .labels
                .iter()
                .map(|name| LabelAnswer { name: name.clone() })
                .collect(),
            ..pull
        })
        .await;
        Ok(Some(Written::Opened(opened)))
    }

    /// Gives one new findings: first the commit, then the words.
    async fn update(
        &self,
        known: &Known,
        proposal: &Proposal,
        pull: &PullAnswer,
    ) -> Result<Option<Written>, ForgeError> {
        let Some(proposal) = self.committed(known, proposal).await? else {
            return Ok(None);
        };
        let pull = self.api.rewrite_pull(pull, &proposal).await?;
        self.put(&pull).await;
        Ok(Some(Written::Updated(shown(&pull))))
    }

    /// Commits a proposal's files; its body says then which commit that is. None when the branch moved meanwhile.
    async fn committed(
        &self,
        known: &Known,
        proposal: &Proposal,
    ) -> Result<Option<Proposal>, ForgeError> {
        let outcome = self
            .api
            .commit_on_branch(
                &self.clone,
                &known.base,
                &proposal.branch,
                &proposal.files,
                &proposal.commit_message,
            )
            .await?;
        let head = match outcome {
            CommitOutcome::Written(head) | CommitOutcome::Unchanged(head) => head,
            CommitOutcome::Moved => {
                self.forget().await;
                return Ok(None);
            }
        };
        let made_on = made_on(&self.clone, proposal)?;
        Ok(Some(Proposal {
            body: with_head(&proposal.body, &head, &made_on),
            ..proposal.clone()
        }))
    }

    /// Labels one that never had one of ours: a run may have died before it did. A person who takes one away, or all, is not contradicted. A
    /// label that can't be set is a warning, since the pull request stands.
    async fn complete_labels(&self, open: &PullRequest, proposal: &Proposal) -> PullRequest {
        let wanted: BTreeSet<&String> = proposal
            .labels
            .iter()
            .chain(&self.api.place.labels)
            .collect();
        let mut labelled = open.clone();
        if wanted.is_empty() || open.labels.iter().any(|label| wanted.contains(label)) {
            return labelled;
        }
        match self.label_once(open, &wanted).await {
            Ok(Some(labels)) => labelled.labels = labels,
            Ok(None) => {}
            Err(error) => tracing::warn!("#{}: no labels: {error}", open.id),
        }
        labelled
    }

    /// The labels after setting these; none where they were set before and taken off since.
    async fn label_once(
        &self,
        open: &PullRequest,
        wanted: &BTreeSet<&String>,
    ) -> Result<Option<Vec<String>>, ForgeError> {
        let number = self.api.number(open)?;
        if self.api.was_labelled(number, wanted).await? {
            return Ok(None);
        }
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        self.api.label(number, &wanted).await.map(Some)
    }
}

impl Forge for GithubForge {
    fn name(&self) -> &'static str {
        "github"
    }

    /// Those open, and those that ended in the last days.
    async fn pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        self.forget().await;
        let listed = self.listed().await?;
        let mut all = listed.shown();
        let ended_ms = |one: &PullRequest| one.ended_at_ms.unwrap_or(one.opened_at_ms);
        let newest_ms = all.iter().map(ended_ms).max().unwrap_or_default();
        for one in &mut all {
            // Lists don't say who merged; the ledger knows of those that were merged before.
            let recent = newest_ms.saturating_sub(ended_ms(one)) < MERGED_BY_MS;
            if one.state == PullRequestState::Merged && recent {
                *one = shown(&self.api.pull(self.api.number(one)?).await?);
            }
        }
        Ok(all)
    }

    async fn propose(&self, proposal: &Proposal, now_ms: i64) -> Result<Written, ForgeError> {
        for _ in 0..TRIES {
            if let Some(written) = self.propose_once(proposal, now_ms).await? {
                return Ok(written);
            }
        }
        Err(self.api.error(format!(
            "the branch `{}` moved each time it was written; run again",
            proposal.branch
        )))
    }

    /// Label, comment, then the closing itself: a run that dies in between is completed by the next.
    async fn close(
        &self,
        pull_request: &PullRequest,
        why: &str,
        _now_ms: i64,
    ) -> Result<(), ForgeError> {
        let number = self.api.number(pull_request)?;
        self.api.mark_superseded(pull_request).await?;
        self.api.comment_once(number, why).await?;
        let closed = self.api.close_pull(number).await?;
        self.put(&closed).await;
        Ok(())
    }

    async fn hold(
        &self,
        pull_request: &PullRequest,
        note: Option<&HeldNote>,
        _now_ms: i64,
    ) -> Result<(), ForgeError> {
        let number = self.api.number(pull_request)?;
        let pull = self.api.pull(number).await?;
        if pull.state != "open" {
            return Ok(());
        }
        let noted = self.api.note_pull(&pull, note).await?;
        self.put(&noted).await;
        Ok(())
    }

    async fn comment(
        &self,
        pull_request: &PullRequest,
        text: &str,
        _now_ms: i64,
    ) -> Result<(), ForgeError> {
        let number = self.api.number(pull_request)?;
        self.api.comment_once(number, text).await
    }
}

impl GithubForge {
    /// Whether the token may do what is needed, as far as reading tells: one sentence.
    ///
    /// # Errors
    /// When the repository can't be read, or pull requests can't.
    pub async fn check(&self) -> Result<String, ForgeError> {
        let known = self.known().await?;
        let head = self.api.base_head(&known.base).await?;
        let asked = ask("reading pull requests", PULLS_READ);
        let path = format!("/repos/{}/pulls?per_page=1", self.api.place.repository);
        let listed = self.api.get(&asked, &path).await?;
        if listed.status != 200 {
            return Err(self.api.refusal(&asked, &listed));
        }
        // The ledger's commits are made as those of pull requests are.
        let signed = match self.api.head(LEDGER_BRANCH).await? {
            None => "no commit of Plimsoll yet that would show whether they are signed",
            Some(ledger) => match self.api.is_verified(&ledger).await? {
                Some(true) => "commits are verified",
                Some(false) => {
                    "commits are not signed: rules that ask for it refuse them; use the token of an App, whose commits GitHub signs"
                }
                None => "the server does not say whether commits are signed",
            },
        };
        Ok(format!(
            "{} on {}, base `{}` at {}, token in {}; {signed}",
            known.full_name,
            self.api.place.api,
            known.base,
            head.get(..10).unwrap_or(&head),
            self.api.place.token_from
        ))
    }
}
