//! Pull requests, their labels and comments over the API.

use super::answers::{
    CommentAnswer, EventAnswer, LabelAnswer, ListedCommit, PullAnswer, ReviewAnswer,
};
use super::api::{Again, Answer, Api, Ask, Method, PULLS_READ, PULLS_WRITE, Trouble, ask, escaped};
use super::commits::has_foreign;
use super::refusal::words;
use crate::ports::rules::SUPERSEDED_LABEL;
use crate::ports::{ForgeError, PullRequest, PullRequestState};
use crate::record::{HeldNote, held, renewed};
use crate::render::Proposal;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeSet;

/// How long ended pull requests are listed, before the newest of all: limits look back a day, and merges are learnt within this time.
const LOOK_BACK_S: i64 = 7 * 24 * 3600;

/// Pages of a list that are read at most, of a hundred each.
const PAGES: usize = 50;

impl Api {
    fn repo(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.place.repository)
    }

    /// A list's pages, until one is not full or `enough` says so.
    async fn pages<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        path: &str,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, ForgeError> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let path = format!("{path}{join}per_page=100&page={page}");
            let listed: Vec<T> = self.read(ask, &path).await?;
            let full = listed.len() >= 100;
            all.extend(listed);
            if !full || enough(&all) {
                return Ok(all);
            }
        }
        Err(self.error(format!(
            "{} has more than {PAGES} pages, and the rest is not known",
            ask.what
        )))
    }

    /// Ours among all: those open, and those that ended lately. Newest first. Those of forks are nobody's of ours.
    pub(super) async fn our_pulls(&self, full_name: &str) -> Result<Vec<PullAnswer>, ForgeError> {
        let ask = ask("reading pull requests", PULLS_READ);
        let open: Vec<PullAnswer> = self
            .pages(&ask, &self.repo("pulls?state=open"), |_| false)
            .await?;
        let seconds = |pull: &PullAnswer| pull.updated_at.unwrap_or(pull.created_at).as_second();
        let old = |all: &[PullAnswer]| match (all.first(), all.last()) {
            (Some(first), Some(last)) => seconds(first) - seconds(last) > LOOK_BACK_S,
            _ => true,
        };
        let ended: Vec<PullAnswer> = self
            .pages(
                &ask,
                &self.repo("pulls?state=closed&sort=updated&direction=desc"),
                old,
            )
            .await?;
        Ok(ours(full_name, open.into_iter().chain(ended)))
    }

    /// All of one branch, newest first.
    pub(super) async fn pulls_of(
        &self,
        full_name: &str,
        branch: &str,
    ) -> Result<Vec<PullAnswer>, ForgeError> {
        let ask = ask(
            format!("reading the pull requests of `{branch}`"),
            PULLS_READ,
        );
        let owner = full_name.split('/').next().unwrap_or_default();
        let path = self.repo(&format!(
            "pulls?state=all&head={}:{}",
            escaped(owner),
            escaped(branch)
        ));
        let listed = self.pages(&ask, &path, |_| false).await?;
        let mut pulls = ours(full_name, listed);
        pulls.retain(|pull| pull.head.branch == branch);
        Ok(pulls)
    }

    /// One alone, with what lists leave out.
    pub(super) async fn pull(&self, number: u64) -> Result<PullAnswer, ForgeError> {
        let ask = ask(format!("reading pull request #{number}"), PULLS_READ);
        self.read(&ask, &self.repo(&format!("pulls/{number}")))
            .await
    }

    /// Whether an open one holds a person's commits. `ended` are the heads of earlier ones of its branch. What the base holds is hidden by
    /// name too: not every server leaves it out of the list.
    pub(super) async fn pull_has_foreign_commits(
        &self,
        pull: &PullAnswer,
        ended: &BTreeSet<String>,
    ) -> Result<bool, ForgeError> {
        let number = pull.number;
        let ask = ask(
            format!("reading the commits of pull request #{number}"),
            PULLS_READ,
        );
        let path = self.repo(&format!("pulls/{number}/commits"));
        let commits: Vec<ListedCommit> = self.pages(&ask, &path, |_| false).await?;
        let mut known = ended.clone();
        known.extend(pull.base.iter().map(|base| base.sha.clone()));
        let actor = pull.user.as_ref().map(|user| user.login.as_str());
        Ok(has_foreign(&commits, &known, actor))
    }

    /// Opens one. Where nobody knows whether that was done, it is looked for before it is tried once more.
    pub(super) async fn open_pull(
        &self,
        full_name: &str,
        base: &str,
        proposal: &Proposal,
    ) -> Result<PullAnswer, ForgeError> {
        let ask = ask(
            format!("opening the pull request of `{}`", proposal.branch),
            PULLS_WRITE,
        );
        let body = json!({
            "title": proposal.title, "head": proposal.branch.as_str(), "base": base, "body": proposal.body,
        });
        let mut unclear = String::new();
        for _ in 0..2 {
            let sent = self
                .send(
                    &ask,
                    Method::Post,
                    &self.repo("pulls"),
                    Some(&body),
                    Again::Never,
                )
                .await;
            let exists = |answer: &Answer| {
                answer.status == 422 && words(answer).to_lowercase().contains("already exists")
            };
            match sent {
                Ok(answer) if !exists(&answer) => return self.content(&ask, &answer),
                Ok(answer) => unclear = words(&answer),
                Err(Trouble::Unclear(reason)) => unclear = reason,
                Err(Trouble::Refused(error)) => return Err(error),
            }
            let there = self.pulls_of(full_name, &proposal.branch).await?;
            if let Some(open) = there.into_iter().find(|pull| pull.state == "open") {
                // It may be another run's, with other findings.
                return self.rewrite_pull(&open, proposal).await;
            }
        }
        Err(self.error(format!("{} failed: {unclear}; run again", ask.what)))
    }

    /// Gives one the proposal's title and body. What a person wrote around ours stays.
    pub(super) async fn rewrite_pull(
        &self,
        open: &PullAnswer,
        proposal: &Proposal,
    ) -> Result<PullAnswer, ForgeError> {
        let there = open
            .body
            .as_deref()
            .unwrap_or_default()
            .replace("\r\n", "\n");
        let text = renewed(&there, &proposal.body);
        if open.title == proposal.title && same_text(open.body.as_deref(), &text) {
            return Ok(open.clone());
        }
        let ask = ask(
            format!("updating pull request #{}", open.number),
            PULLS_WRITE,
        );
        let body = json!({ "title": proposal.title, "body": text });
        self.change_pull(&ask, open.number, &body).await
    }

    /// Says on top of one that it is not to be merged now, or takes that back; as a draft too, where that is allowed. A draft that can't be
    /// made is a warning, since the note stands.
    pub(super) async fn note_pull(
        &self,
        open: &PullAnswer,
        note: Option<&HeldNote>,
    ) -> Result<PullAnswer, ForgeError> {
        let mut noted = open.clone();
        let there = open
            .body
            .as_deref()
            .unwrap_or_default()
            .replace("\r\n", "\n");
        let text = held(&there, note);
        if text != there {
            let ask = ask(
                format!("updating pull request #{}", open.number),
                PULLS_WRITE,
            );
            noted = self
                .change_pull(&ask, open.number, &json!({ "body": text }))
                .await?;
        }
        if open.draft != note.is_some()
            && let Err(error) = self.draft(open, note.is_some()).await
        {
            tracing::warn!("#{}: no draft: {error}", open.number);
        }
        Ok(noted)
    }

    /// Makes one a draft, or takes that back. Only GraphQL can.
    async fn draft(&self, open: &PullAnswer, is_draft: bool) -> Result<(), ForgeError> {
        let ask = ask(
            format!("drafting pull request #{}", open.number),
            PULLS_WRITE,
        );
        let Some(id) = &open.node_id else {
            return Err(self.error("the server names no node of it"));
        };
        let call = if is_draft {
            "convertPullRequestToDraft"
        } else {
            "markPullRequestReadyForReview"
        };
        let body = json!({
            "query": format!("mutation($id: ID!) {{ {call}(input: {{pullRequestId: $id}}) {{ pullRequest {{ isDraft }} }} }}"),
            "variables": { "id": id },
        });
        let answer: serde_json::Value = self.make(&ask, "/graphql", &body).await?;
        match answer["errors"]
            .as_array()
            .and_then(|errors| errors.first())
        {
            Some(error) => Err(self.error(format!(
                "{} was refused: {}",
                ask.what,
                error["message"].as_str().unwrap_or("no reason given")
            ))),
            None => Ok(()),
        }
    }

    /// Whether a person's approval stands on one.
    pub(super) async fn is_approved(&self, number: u64) -> Result<bool, ForgeError> {
        let ask = ask(format!("reading the reviews of #{number}"), PULLS_READ);
        let path = self.repo(&format!("pulls/{number}/reviews"));
        let reviews: Vec<ReviewAnswer> = self.pages(&ask, &path, |_| false).await?;
        let mut latest = std::collections::BTreeMap::new();
        for review in reviews {
            let who = review.user.map(|user| user.login).unwrap_or_default();
            // A comment changes no verdict.
            if matches!(
                review.state.as_str(),
                "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED"
            ) {
                latest.insert(who, review.state);
            }
        }
        Ok(latest.values().any(|state| state == "APPROVED"))
    }

    /// Whether one was ever given one of these labels: one that is gone was taken off by a person.
    pub(super) async fn was_labelled(
        &self,
        number: u64,
        labels: &BTreeSet<&String>,
    ) -> Result<bool, ForgeError> {
        let ask = ask(format!("reading the events of #{number}"), PULLS_READ);
        let path = self.repo(&format!("issues/{number}/events"));
        let events: Vec<EventAnswer> = self.pages(&ask, &path, |_| false).await?;
        Ok(events.iter().any(|event| {
            event.event == "labeled"
                && event
                    .label
                    .as_ref()
                    .is_some_and(|label| labels.contains(&label.name))
        }))
    }

    /// Closes one.
    pub(super) async fn close_pull(&self, number: u64) -> Result<PullAnswer, ForgeError> {
        let ask = ask(format!("closing pull request #{number}"), PULLS_WRITE);
        let body = json!({ "state": "closed" });
        self.change_pull(&ask, number, &body).await
    }

    async fn change_pull(
        &self,
        ask: &Ask,
        number: u64,
        body: &serde_json::Value,
    ) -> Result<PullAnswer, ForgeError> {
        let path = self.repo(&format!("pulls/{number}"));
        let answer = self
            .send(ask, Method::Patch, &path, Some(body), Again::Harmless)
            .await
            .map_err(|trouble| self.trouble(ask, trouble))?;
        self.content(ask, &answer)
    }

    /// Adds labels to one; those that it has already stay.
    pub(super) async fn label(
        &self,
        number: u64,
        labels: &[String],
    ) -> Result<Vec<String>, ForgeError> {
        let ask = ask(format!("labelling pull request #{number}"), PULLS_WRITE);
        let path = self.repo(&format!("issues/{number}/labels"));
        let answer: Vec<LabelAnswer> = self.make(&ask, &path, &json!({ "labels": labels })).await?;
        Ok(answer.into_iter().map(|label| label.name).collect())
    }

    /// Marks one as closed by Plimsoll, so that its closing counts as nobody's no.
    pub(super) async fn mark_superseded(
        &self,
        pull_request: &PullRequest,
    ) -> Result<(), ForgeError> {
        if pull_request
            .labels
            .iter()
            .any(|label| label == SUPERSEDED_LABEL)
        {
            return Ok(());
        }
        let number = self.number(pull_request)?;
        self.label(number, &[SUPERSEDED_LABEL.to_string()])
            .await
            .map(|_| ())
    }

    /// Comments on one, once: not when the same words stand there already, whoever wrote them.
    pub(super) async fn comment_once(&self, number: u64, text: &str) -> Result<(), ForgeError> {
        let ask = ask(format!("commenting on pull request #{number}"), PULLS_WRITE);
        let path = self.repo(&format!("issues/{number}/comments"));
        let text = text.trim_end();
        let mut unclear = String::new();
        for _ in 0..2 {
            let said: Vec<CommentAnswer> = self.pages(&ask, &path, |_| false).await?;
            let there = said
                .iter()
                .filter_map(|comment| comment.body.as_deref())
                .any(|body| body.replace("\r\n", "\n").contains(text));
            if there {
                return Ok(());
            }
            match self
                .send(
                    &ask,
                    Method::Post,
                    &path,
                    Some(&json!({ "body": text })),
                    Again::Never,
                )
                .await
            {
                Ok(answer) => {
                    return self.content::<CommentAnswer>(&ask, &answer).map(|_| ());
                }
                Err(Trouble::Unclear(reason)) => unclear = reason,
                Err(Trouble::Refused(error)) => return Err(error),
            }
        }
        Err(self.error(format!("{} failed: {unclear}; run again", ask.what)))
    }

    /// The number of a pull request.
    pub(super) fn number(&self, pull_request: &PullRequest) -> Result<u64, ForgeError> {
        pull_request
            .id
            .parse()
            .map_err(|_| self.error(format!("there is no pull request `{}`", pull_request.id)))
    }
}

/// Those on branches of ours in the repository itself, each once, newest first.
fn ours(full_name: &str, pulls: impl IntoIterator<Item = PullAnswer>) -> Vec<PullAnswer> {
    let mut seen = BTreeSet::new();
    let mut ours: Vec<PullAnswer> = pulls
        .into_iter()
        .filter(|pull| {
            let branch = pull.head.branch.as_str();
            let own = branch.starts_with("plimsoll/") || branch.starts_with("plimsoll-revert/");
            let here = pull
                .head
                .repo
                .as_ref()
                .is_some_and(|repo| repo.full_name.eq_ignore_ascii_case(full_name));
            own && here && seen.insert(pull.number)
        })
        .collect();
    ours.sort_by_key(|pull| std::cmp::Reverse(pull.number));
    ours
}

fn same_text(there: Option<&str>, ours: &str) -> bool {
    there.unwrap_or_default().replace("\r\n", "\n").trim_end() == ours.trim_end()
}

/// A pull request as the port shows it.
pub(super) fn shown(pull: &PullAnswer) -> PullRequest {
    let ended = pull.merged_at.or(pull.closed_at);
    PullRequest {
        id: pull.number.to_string(),
        url: pull.html_url.clone(),
        branch: pull.head.branch.clone(),
        title: pull.title.clone(),
        body: pull
            .body
            .as_deref()
            .unwrap_or_default()
            .replace("\r\n", "\n"),
        state: match (pull.merged_at, pull.state.as_str()) {
            (Some(_), _) => PullRequestState::Merged,
            (None, "open") => PullRequestState::Open,
            _ => PullRequestState::Closed,
        },
        labels: pull.labels.iter().map(|label| label.name.clone()).collect(),
        opened_at_ms: pull.created_at.as_millisecond(),
        ended_at_ms: ended.map(|at| at.as_millisecond()),
        merged_by: pull.merged_by.as_ref().map(|user| user.login.clone()),
        has_foreign_commits: false,
    }
}
