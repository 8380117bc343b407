//! The parts of GitHub's answers that are read. Everything else in them is passed over.

use jiff::Timestamp;
use serde::Deserialize;

/// `GET /repos/O/R`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RepositoryAnswer {
    pub(super) full_name: String,
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) archived: bool,
}

/// A ref.
#[derive(Debug, Deserialize)]
pub(super) struct RefAnswer {
    pub(super) object: ShaAnswer,
}

/// A commit that was made.
#[derive(Debug, Deserialize)]
pub(super) struct MadeCommit {
    pub(super) sha: String,
    /// Whether GitHub signed it.
    #[serde(default)]
    pub(super) verification: Option<Verification>,
}

/// What GitHub says of a signature.
#[derive(Debug, Deserialize)]
pub(super) struct Verification {
    pub(super) verified: bool,
}

/// Anything with an id.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ShaAnswer {
    pub(super) sha: String,
}

/// `GET /git/commits/SHA`.
#[derive(Debug, Deserialize)]
pub(super) struct CommitAnswer {
    pub(super) tree: ShaAnswer,
    #[serde(default)]
    pub(super) verification: Option<Verification>,
}

/// `GET /git/trees/SHA`.
#[derive(Debug, Deserialize)]
pub(super) struct TreeAnswer {
    #[serde(default)]
    pub(super) tree: Vec<TreeEntry>,
    #[serde(default)]
    pub(super) truncated: bool,
}

/// One entry of a tree.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TreeEntry {
    pub(super) path: String,
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) sha: String,
}

/// `GET /git/blobs/SHA`.
#[derive(Debug, Deserialize)]
pub(super) struct BlobAnswer {
    pub(super) content: String,
    pub(super) encoding: String,
}

/// `GET /compare/A...B`.
#[derive(Debug, Deserialize)]
pub(super) struct CompareAnswer {
    pub(super) status: String,
    #[serde(default)]
    pub(super) total_commits: usize,
    #[serde(default)]
    pub(super) commits: Vec<ListedCommit>,
}

/// A commit in a list.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ListedCommit {
    pub(super) sha: String,
    pub(super) commit: CommitPeople,
    /// Whose account the author is; absent where GitHub knows none.
    #[serde(default)]
    pub(super) author: Option<UserAnswer>,
    #[serde(default)]
    pub(super) committer: Option<UserAnswer>,
    #[serde(default)]
    pub(super) parents: Vec<ShaAnswer>,
}

/// Who made a commit.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CommitPeople {
    #[serde(default)]
    pub(super) message: String,
    pub(super) author: Option<Person>,
    pub(super) committer: Option<Person>,
}

/// A name and an address.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Person {
    #[serde(default)]
    pub(super) email: Option<String>,
}

/// A pull request, in lists and alone.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PullAnswer {
    pub(super) number: u64,
    pub(super) html_url: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: Option<String>,
    pub(super) state: String,
    pub(super) head: PullHead,
    #[serde(default)]
    pub(super) base: Option<ShaAnswer>,
    #[serde(default)]
    pub(super) labels: Vec<LabelAnswer>,
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) closed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) merged_at: Option<Timestamp>,
    /// Who opened it.
    #[serde(default)]
    pub(super) user: Option<UserAnswer>,
    /// Its name in GraphQL.
    #[serde(default)]
    pub(super) node_id: Option<String>,
    /// Whether it can't be merged before it is marked as ready.
    #[serde(default)]
    pub(super) draft: bool,
    /// Only where it is asked for alone.
    #[serde(default)]
    pub(super) merged_by: Option<UserAnswer>,
    /// Only where it is asked for alone; absent until GitHub has worked it out.
    #[serde(default)]
    pub(super) mergeable: Option<bool>,
}

/// The branch of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PullHead {
    #[serde(rename = "ref")]
    pub(super) branch: String,
    pub(super) sha: String,
    /// Absent where a fork was deleted.
    #[serde(default)]
    pub(super) repo: Option<HeadRepository>,
}

/// The repository of that branch.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct HeadRepository {
    pub(super) full_name: String,
}

/// A label.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LabelAnswer {
    pub(super) name: String,
}

/// A user.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct UserAnswer {
    pub(super) login: String,
}

/// A comment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CommentAnswer {
    #[serde(default)]
    pub(super) body: Option<String>,
}

/// A review.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReviewAnswer {
    #[serde(default)]
    pub(super) user: Option<UserAnswer>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `DISMISSED`, `COMMENTED`.
    pub(super) state: String,
}

/// Something that happened to a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EventAnswer {
    /// `labeled`, `unlabeled`, …
    #[serde(default)]
    pub(super) event: String,
    #[serde(default)]
    pub(super) label: Option<LabelAnswer>,
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RefusalAnswer {
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) errors: Vec<serde_json::Value>,
}
