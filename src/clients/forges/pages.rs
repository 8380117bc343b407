//! A folder of pull request files: `0007.md` with a small front matter that people may edit, and the body below it; comments
//! stand in `0007.comments.md`.

use crate::clients::disk::{EntryKind, Folder};
use crate::ports::rules::SUPERSEDED_LABEL;
use crate::ports::{ForgeError, PullRequest, PullRequestState};
use crate::record::{ChangeKind, HeldNote, held, renewed};
use crate::render::Proposal;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io;

/// The state line of a pull request file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PageState {
    Open,
    Merged,
    Closed,
}

/// The front matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) state: PageState,
    pub(super) title: String,
    pub(super) branch: String,
    pub(super) kind: ChangeKind,
    pub(super) job: String,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    pub(super) opened_at: Timestamp,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) ended_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) merged_by: Option<String>,
    /// The evidence's digest.
    pub(super) change: String,
    /// The branch's head before this pull request was opened, where the branch was there already.
    #[serde(default)]
    pub(super) began_on: Option<String>,
    /// The branch's head that Plimsoll wrote last.
    #[serde(default)]
    pub(super) head: Option<String>,
}

/// One pull request file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    pub(super) number: u32,
    pub(super) header: Header,
    pub(super) body: String,
}

impl Page {
    /// A new one for a proposal.
    pub(super) fn new(number: u32, proposal: &Proposal, now_ms: i64) -> Page {
        Page {
            number,
            header: Header {
                state: PageState::Open,
                title: proposal.title.clone(),
                branch: proposal.branch.to_string(),
                kind: proposal.kind,
                job: proposal.job.to_string(),
                labels: proposal.labels.clone(),
                opened_at: time(now_ms),
                updated_at: None,
                ended_at: None,
                merged_by: None,
                change: proposal.change.clone(),
                began_on: None,
                head: None,
            },
            body: proposal.body.trim_end().to_string(),
        }
    }

    /// Takes the proposal's new findings over. What a person wrote around ours stays, and so do their labels; labels of ours were set once.
    pub(super) fn update(&mut self, proposal: &Proposal, now_ms: i64) {
        self.body = renewed(&self.body, &proposal.body);
        self.header.title = proposal.title.clone();
        self.header.change = proposal.change.clone();
        self.header.updated_at = Some(time(now_ms));
    }

    /// Ends it.
    pub(super) fn end(&mut self, state: PageState, at_ms: Option<i64>, by: Option<String>) {
        self.header.state = state;
        self.header.ended_at = at_ms.map(time).or(self.header.ended_at);
        self.header.merged_by = by.or(self.header.merged_by.take());
    }
}

/// The folder of a forge's pull request files.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    pub(super) folder: Folder,
}

impl Pages {
    pub(super) fn failed(&self, what: &str, error: &io::Error) -> ForgeError {
        self.refused(format!("{what} failed: {error}"))
    }

    pub(super) fn refused(&self, reason: String) -> ForgeError {
        ForgeError {
            place: self.folder.path().display().to_string(),
            reason,
        }
    }

    /// The name of a page.
    pub(super) fn name(number: u32) -> String {
        format!("{number:04}.md")
    }

    fn comments(number: u32) -> String {
        format!("{number:04}.comments.md")
    }

    fn text(&self, name: &str) -> Result<Option<String>, ForgeError> {
        let failed =
            |error: &io::Error| self.failed(&format!("reading `{}`", self.shown_path(name)), error);
        let bytes = self.folder.read(name).map_err(|error| failed(&error))?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| failed(&io::Error::other("it is not UTF-8")))
    }

    fn write_text(&self, name: &str, text: &str) -> Result<(), ForgeError> {
        self.folder
            .write(name, text.as_bytes())
            .map_err(|error| self.failed(&format!("writing `{}`", self.shown_path(name)), &error))
    }

    fn shown_path(&self, name: &str) -> String {
        self.folder.file(name).display().to_string()
    }

    /// Makes the folder, if need be, and holds it for this process.
    pub(super) fn hold(&self) -> Result<fs::File, ForgeError> {
        self.folder
            .hold()
            .map_err(|error| self.failed("writing to it", &error))
    }

    /// All pull request files, newest first. One that can't be read stops everything: passing over it would open a second one.
    pub(super) fn read(&self) -> Result<Vec<Page>, ForgeError> {
        let entries = self
            .folder
            .entries("")
            .map_err(|error| self.failed("reading it", &error))?;
        let mut pages = Vec::new();
        for (name, kind) in entries.unwrap_or_default() {
            let name = name.to_string_lossy().into_owned();
            let number = name.strip_suffix(".md").filter(|stem| stem.len() >= 4);
            let Some(number) = number.and_then(|stem| stem.parse::<u32>().ok()) else {
                continue;
            };
            if kind != EntryKind::File {
                return Err(self.refused(format!(
                    "`{}` is no plain file: remove it",
                    self.shown_path(&name)
                )));
            }
            pages.extend(self.read_page(number, &name)?);
        }
        pages.sort_by_key(|page| std::cmp::Reverse(page.number));
        Ok(pages)
    }

    fn read_page(&self, number: u32, name: &str) -> Result<Option<Page>, ForgeError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        parse(number, &text).map(Some).map_err(|reason| {
            self.refused(format!(
                "`{}` can't be read: {reason}; mend its first lines, or remove the file",
                self.shown_path(name)
            ))
        })
    }

    pub(super) fn write(&self, page: &Page) -> Result<(), ForgeError> {
        self.write_text(&Pages::name(page.number), &print(page))
    }

    pub(super) fn comment(&self, number: u32, text: &str, now_ms: i64) -> Result<(), ForgeError> {
        let name = Pages::comments(number);
        let mut all = self.text(&name)?.unwrap_or_default();
        all += &format!(
            "**plimsoll** at {}:\n\n{}\n\n",
            time(now_ms),
            text.trim_end()
        );
        self.write_text(&name, &all)
    }

    /// Comments once: not when the same words stand there already.
    pub(super) fn comment_once(
        &self,
        number: u32,
        text: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let said = self.text(&Pages::comments(number))?.unwrap_or_default();
        if said.contains(text.trim_end()) {
            return Ok(());
        }
        self.comment(number, text, now_ms)
    }

    /// Closes one with a comment that says why, and marks it as closed by Plimsoll: no person said no to it.
    pub(super) fn close(
        &self,
        open: &PullRequest,
        why: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let mut page = self.find(open)?;
        if page.header.state != PageState::Open {
            return Ok(());
        }
        self.comment_once(page.number, why, now_ms)?;
        page.end(PageState::Closed, Some(now_ms), None);
        let marked = page
            .header
            .labels
            .iter()
            .any(|label| label == SUPERSEDED_LABEL);
        if !marked {
            page.header.labels.push(SUPERSEDED_LABEL.to_string());
        }
        self.write(&page)
    }

    /// Comments on one.
    pub(super) fn comment_on(
        &self,
        pull_request: &PullRequest,
        text: &str,
        now_ms: i64,
    ) -> Result<(), ForgeError> {
        let page = self.find(pull_request)?;
        self.comment_once(page.number, text, now_ms)
    }

    /// Says on top of one that it is not to be merged now, or takes that back.
    pub(super) fn note(
        &self,
        open: &PullRequest,
        note: Option<&HeldNote>,
    ) -> Result<(), ForgeError> {
        let mut page = self.find(open)?;
        let body = held(&page.body, note);
        if body == page.body {
            return Ok(());
        }
        page.body = body;
        self.write(&page)
    }

    /// A page as the port shows it.
    pub(super) fn shown(&self, page: &Page) -> PullRequest {
        let header = &page.header;
        PullRequest {
            id: format!("{:04}", page.number),
            url: self.shown_path(&Pages::name(page.number)),
            branch: header.branch.clone(),
            title: header.title.clone(),
            body: page.body.clone(),
            state: match header.state {
                PageState::Open => PullRequestState::Open,
                PageState::Merged => PullRequestState::Merged,
                PageState::Closed => PullRequestState::Closed,
            },
            labels: header.labels.clone(),
            opened_at_ms: header.opened_at.as_millisecond(),
            ended_at_ms: header.ended_at.map(|at| at.as_millisecond()),
            merged_by: header.merged_by.clone(),
            has_foreign_commits: false,
        }
    }

    /// The page behind a pull request.
    pub(super) fn find(&self, pull_request: &PullRequest) -> Result<Page, ForgeError> {
        let number = pull_request.id.parse::<u32>().ok();
        let page = match number {
            Some(number) => self.read_page(number, &Pages::name(number))?,
            None => None,
        };
        page.ok_or_else(|| self.refused(format!("there is no pull request `{}`", pull_request.id)))
    }
}

/// The number after the highest; `newest_first` is what [`Pages::read`] gives.
pub(super) fn next_number(newest_first: &[Page]) -> u32 {
    newest_first
        .first()
        .map_or(1, |page| page.number.saturating_add(1))
}

/// Unix milliseconds as a timestamp; what lies beyond the calendar becomes its end.
pub(super) fn time(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The order of the front matter: what people look for first stands first.
const KEYS: [&str; 13] = [
    "state",
    "title",
    "job",
    "kind",
    "branch",
    "labels",
    "opened_at",
    "updated_at",
    "ended_at",
    "merged_by",
    "change",
    "began_on",
    "head",
];

/// The file's text: each value of the front matter is JSON, which is YAML that holds any text on one line.
pub(super) fn print(page: &Page) -> String {
    let mut text = String::from("---\n");
    // A struct of strings, lists and times always becomes an object.
    let header = serde_json::to_value(&page.header).unwrap_or_default();
    for key in KEYS {
        match &header[key] {
            Value::Null => {}
            Value::String(word) if key == "state" || key == "kind" => {
                text += &format!("{key}: {word}\n");
            }
            value => text += &format!("{key}: {value}\n"),
        }
    }
    text + "---\n" + page.body.trim_end() + "\n"
}

/// Reads a file's text.
pub(super) fn parse(number: u32, text: &str) -> Result<Page, String> {
    let text = text.replace("\r\n", "\n");
    let inner = text
        .strip_prefix("---\n")
        .ok_or("it does not begin with `---`")?;
    let (front, body) = inner
        .split_once("\n---\n")
        .ok_or("its front matter does not end with `---`")?;
    let header: Header = yaml_serde::from_str(front).map_err(|error| error.to_string())?;
    Ok(Page {
        number,
        header,
        body: body.trim_end().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_page_comes_back() {
        let page = Page {
            number: 7,
            header: Header {
                state: PageState::Merged,
                title: "a: \"b\"\n---\n# c → d".to_string(),
                branch: "plimsoll/a/b/c".to_string(),
                kind: ChangeKind::Revert,
                job: "a/deployment/b/c".to_string(),
                labels: vec!["x, y".to_string(), "]".to_string()],
                opened_at: time(1),
                updated_at: Some(time(2_000)),
                ended_at: Some(time(3_000)),
                merged_by: Some("yes".to_string()),
                change: "1e9".to_string(),
                began_on: Some("0123".to_string()),
                head: Some("null".to_string()),
            },
            body: "---\nbody\n---".to_string(),
        };
        assert_eq!(parse(7, &print(&page)), Ok(page.clone()));
        assert_eq!(parse(7, &print(&page).replace('\n', "\r\n")), Ok(page));
    }
}
