//! Objects and refs of git over the API.

use super::answers::{
    BlobAnswer, CommitAnswer, MadeCommit, RefAnswer, ShaAnswer, TreeAnswer, TreeEntry,
};
use super::api::{Again, Answer, Api, Method, READ, Trouble, WRITE, ask, escaped};
use super::refusal::words;
use crate::ports::ForgeError;
use crate::record::OwnBranch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What became of a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// It points where it was told to.
    Done,
    /// It is no longer where it was seen; nothing was written.
    Elsewhere,
}

impl Api {
    fn git(&self, rest: &str) -> String {
        format!("/repos/{}/git/{rest}", self.place.repository)
    }

    /// The head of a branch, if it is there.
    pub(super) async fn head(&self, branch: &str) -> Result<Option<String>, ForgeError> {
        let ask = ask(format!("reading the branch `{branch}`"), READ);
        let path = self.git(&format!("ref/heads/{}", escaped(branch)));
        let found: Option<RefAnswer> = self.find(&ask, &path).await?;
        Ok(found.map(|found| found.object.sha))
    }

    /// The tree of a commit.
    pub(super) async fn tree_of(&self, commit: &str) -> Result<String, ForgeError> {
        let ask = ask(format!("reading the commit {commit}"), READ);
        let answer: CommitAnswer = self
            .read(&ask, &self.git(&format!("commits/{}", escaped(commit))))
            .await?;
        Ok(answer.tree.sha)
    }

    /// The entries of a tree; with `deep` of all trees below it, where GitHub does not cut the list.
    pub(super) async fn entries(&self, tree: &str, deep: bool) -> Result<TreeAnswer, ForgeError> {
        let ask = ask("reading a folder", READ);
        let query = if deep { "?recursive=1" } else { "" };
        self.read(&ask, &self.git(&format!("trees/{}{query}", escaped(tree))))
            .await
    }

    /// What stands at a path below a tree. Where a part on the way is no folder, that part.
    pub(super) async fn entry_at(
        &self,
        tree: &str,
        path: &str,
    ) -> Result<Option<(String, TreeEntry)>, ForgeError> {
        let mut folder = tree.to_string();
        let mut walked = String::new();
        let parts: Vec<&str> = path.split('/').collect();
        for (index, part) in parts.iter().enumerate() {
            let listed = self.entries(&folder, false).await?;
            let Some(entry) = listed.tree.into_iter().find(|entry| entry.path == *part) else {
                return Ok(None);
            };
            if !walked.is_empty() {
                walked.push('/');
            }
            walked.push_str(part);
            if index + 1 == parts.len() || entry.kind != "tree" {
                return Ok(Some((walked, entry)));
            }
            folder = entry.sha;
        }
        Ok(None)
    }

    /// The content of a blob.
    pub(super) async fn blob(&self, id: &str) -> Result<Vec<u8>, ForgeError> {
        let ask = ask("reading a file", READ);
        let answer: BlobAnswer = self
            .read(&ask, &self.git(&format!("blobs/{}", escaped(id))))
            .await?;
        match answer.encoding.as_str() {
            "base64" => STANDARD
                .decode(answer.content.replace(['\n', '\r'], ""))
                .map_err(|error| self.error(format!("the file {id} can't be read: {error}"))),
            "utf-8" => Ok(answer.content.into_bytes()),
            other => Err(self.error(format!("the file {id} has the unknown encoding `{other}`"))),
        }
    }

    /// Makes a blob.
    pub(super) async fn make_blob(&self, bytes: &[u8]) -> Result<String, ForgeError> {
        let ask = ask("writing a file", WRITE);
        let body = json!({ "content": STANDARD.encode(bytes), "encoding": "base64" });
        let made: ShaAnswer = self.make(&ask, &self.git("blobs"), &body).await?;
        Ok(made.sha)
    }

    /// Makes a tree of another one, or of nothing, with these entries on top: path, mode, blob.
    pub(super) async fn make_tree(
        &self,
        base: Option<&str>,
        entries: &[(String, String, String)],
    ) -> Result<String, ForgeError> {
        let ask = ask("writing a folder", WRITE);
        let entries: Vec<Value> = entries
            .iter()
            .map(|(path, mode, sha)| json!({ "path": path, "mode": mode, "type": "blob", "sha": sha }))
            .collect();
        let body = match base {
            Some(base) => json!({ "base_tree": base, "tree": entries }),
            None => json!({ "tree": entries }),
        };
        let made: ShaAnswer = self.make(&ask, &self.git("trees"), &body).await?;
        Ok(made.sha)
    }

    /// Makes a commit. No author is named: GitHub takes the token's, and signs what an App makes, which rules for signed commits ask for.
    pub(super) async fn make_commit(
        &self,
        tree: &str,
        parents: &[String],
        message: &str,
    ) -> Result<String, ForgeError> {
        let ask = ask("writing a commit", WRITE);
        let body = json!({ "message": message, "tree": tree, "parents": parents });
        let made: MadeCommit = self.make(&ask, &self.git("commits"), &body).await?;
        let verified = made.verification.is_some_and(|said| said.verified);
        tracing::debug!(commit = made.sha, verified, "commit");
        Ok(made.sha)
    }

    /// Whether GitHub signed a commit; none where it does not say.
    pub(super) async fn is_verified(&self, commit: &str) -> Result<Option<bool>, ForgeError> {
        let ask = ask(format!("reading the commit {commit}"), READ);
        let answer: CommitAnswer = self
            .read(&ask, &self.git(&format!("commits/{}", escaped(commit))))
            .await?;
        Ok(answer.verification.map(|said| said.verified))
    }

    /// Moves a branch that was seen at `from` (absent: not there) forward to `to`; never by force.
    pub(super) async fn move_branch(
        &self,
        branch: OwnBranch<'_>,
        from: Option<&str>,
        to: &str,
    ) -> Result<Moved, ForgeError> {
        let ask = ask(format!("writing the branch `{branch}`"), WRITE);
        let (method, path, body) = match from {
            None => (
                Method::Post,
                self.git("refs"),
                json!({ "ref": format!("refs/heads/{branch}"), "sha": to }),
            ),
            Some(_) => (
                Method::Patch,
                self.git(&format!("refs/heads/{}", escaped(branch.as_str()))),
                json!({ "sha": to, "force": false }),
            ),
        };
        // A ref that is moved to the same commit twice is moved once; one that is made twice is refused, and read again.
        let answer = self
            .send(&ask, method, &path, Some(&body), Again::Harmless)
            .await
            .map_err(|trouble: Trouble| self.trouble(&ask, trouble))?;
        match answer.status {
            200..300 => Ok(Moved::Done),
            409 => Ok(Moved::Elsewhere),
            404 | 422 if is_a_race(&answer) => Ok(Moved::Elsewhere),
            _ => Err(self.refusal(&ask, &answer)),
        }
    }
}

/// Whether a ref was refused because somebody else was faster: made, moved or removed it.
fn is_a_race(answer: &Answer) -> bool {
    let said = words(answer).to_lowercase();
    [
        "fast forward",
        "fast-forward",
        "already exists",
        "does not exist",
    ]
    .iter()
    .any(|sign| said.contains(sign))
}
