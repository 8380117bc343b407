//! A change's commit on its branch: child of the head that was seen, tree of the base plus the edit.

use super::answers::{CompareAnswer, ListedCommit};
use super::api::{Api, READ, ask, escaped};
use super::objects::Moved;
use crate::clients::repository::{
    CommitOutcome, GitRepository, Standing, parents, refuse_change, refuse_path,
};
use crate::ports::ForgeError;
use crate::record::{AUTHOR_EMAIL, ChangeBranch, OwnBranch, Trailers};
use std::collections::{BTreeMap, BTreeSet};

/// Commits that are looked through for a person's, at most. A branch of ours has one or two.
const COMMITS: usize = 250;

impl Api {
    /// Commits files on a branch, as [`GitRepository::commit_on_branch`] does locally. What the clone says of the files must still be so
    /// on GitHub's base branch: the files were edited on it.
    pub(super) async fn commit_on_branch(
        &self,
        clone: &GitRepository,
        base: &str,
        branch: &ChangeBranch,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
    ) -> Result<CommitOutcome, ForgeError> {
        let own = OwnBranch::Change(branch);
        if let Some(reason) = refuse_change(files).or_else(|| own.refuse_as_base(base)) {
            return Err(self.error(reason));
        }
        let base_head = self.base_head(base).await?;
        let base_tree = self.tree_of(&base_head).await?;
        let mut modes = BTreeMap::new();
        for path in files.keys() {
            modes.insert(path, self.mode_for(clone, base, &base_tree, path).await?);
        }
        let seen = self.head(branch).await?;
        let mut entries = Vec::new();
        for (path, bytes) in files {
            let mode = modes.remove(path).unwrap_or_default();
            entries.push((path.clone(), mode, self.make_blob(bytes).await?));
        }
        let tree = self.make_tree(Some(&base_tree), &entries).await?;
        let standing = match &seen {
            None => None,
            Some(head) => {
                let standing = self.standing(&base_head, head).await?;
                if standing == Standing::Ahead && self.tree_of(head).await? == tree {
                    return Ok(CommitOutcome::Unchanged(head.clone()));
                }
                Some((head.clone(), standing))
            }
        };
        let parents = parents(base_head, standing);
        let commit = self.make_commit(&tree, &parents, message).await?;
        Ok(
            match self.move_branch(own, seen.as_deref(), &commit).await? {
                Moved::Done => CommitOutcome::Written(commit),
                Moved::Elsewhere => CommitOutcome::Moved,
            },
        )
    }

    /// The head of the base branch, which must be there.
    pub(super) async fn base_head(&self, base: &str) -> Result<String, ForgeError> {
        self.head(base).await?.ok_or_else(|| {
            self.error(format!(
                "there is no branch `{base}`: push it, or name the base branch in the configuration (`repository: {{base: …}}`)"
            ))
        })
    }

    async fn standing(&self, base: &str, head: &str) -> Result<Standing, ForgeError> {
        if base == head {
            return Ok(Standing::Merged);
        }
        let compared = self.compare(base, head, 1).await?;
        match compared.status.as_str() {
            "behind" | "identical" => Ok(Standing::Merged),
            "ahead" => Ok(Standing::Ahead),
            "diverged" => Ok(Standing::Apart),
            other => Err(self.error(format!(
                "comparing {base} with {head} gave the unknown word `{other}`"
            ))),
        }
    }

    async fn compare(
        &self,
        base: &str,
        head: &str,
        page: usize,
    ) -> Result<CompareAnswer, ForgeError> {
        let ask = ask("comparing two commits", READ);
        let path = format!(
            "/repos/{}/compare/{}...{}?per_page=100&page={page}",
            self.place.repository,
            escaped(base),
            escaped(head)
        );
        self.read(&ask, &path).await
    }

    /// Whether a branch holds a person's commits that the base lacks.
    pub(super) async fn branch_has_foreign_commits(
        &self,
        base: &str,
        head: &str,
    ) -> Result<bool, ForgeError> {
        let mut commits = Vec::new();
        for page in 1.. {
            let compared = self.compare(base, head, page).await?;
            let last = compared.commits.is_empty();
            commits.extend(compared.commits);
            if last || commits.len() >= compared.total_commits {
                break;
            }
            if commits.len() >= COMMITS {
                return Ok(true);
            }
        }
        Ok(has_foreign(&commits, &BTreeSet::new(), None))
    }

    /// The mode that a file is written with. The file must be on GitHub's base branch what it is in the clone, and no link, submodule or
    /// folder may be on the way.
    async fn mode_for(
        &self,
        clone: &GitRepository,
        base: &str,
        base_tree: &str,
        path: &str,
    ) -> Result<String, ForgeError> {
        if let Some(reason) = refuse_path(path) {
            return Err(self.error(reason));
        }
        let here = clone.entry_id(path).map_err(|error| ForgeError {
            place: error.place,
            reason: error.reason,
        })?;
        let there = self.entry_at(base_tree, path).await?;
        if here.as_deref() != there.as_ref().map(|(_, entry)| entry.sha.as_str()) {
            return Err(self.error(format!(
                "`{path}` is another file on `{base}` by now than in the clone at {}: fetch, and plan again",
                clone.place().display()
            )));
        }
        let Some((part, entry)) = there else {
            return Ok("100644".to_string());
        };
        let refused =
            |why: &str| Err(self.error(format!("`{part}` is {why}; `{path}` is not written")));
        match entry.mode.as_str() {
            _ if part != path => refused("no folder"),
            "100755" => Ok("100755".to_string()),
            "100644" | "100664" => Ok("100644".to_string()),
            "120000" => refused("a symbolic link"),
            "160000" => refused("a submodule"),
            _ => refused("no plain file"),
        }
    }
}

/// Whether somebody else made or touched one of these commits, those in the history of `known` heads not counted. `actor` is the account that
/// the pull request was opened by, in whose name commits over the API are made.
pub(super) fn has_foreign(
    commits: &[ListedCommit],
    known: &BTreeSet<String>,
    actor: Option<&str>,
) -> bool {
    let mut hidden = known.clone();
    let mut open: Vec<String> = known.iter().cloned().collect();
    while let Some(id) = open.pop() {
        let parents = commits
            .iter()
            .filter(|commit| commit.sha == id)
            .flat_map(|commit| &commit.parents);
        for parent in parents {
            if hidden.insert(parent.sha.clone()) {
                open.push(parent.sha.clone());
            }
        }
    }
    commits
        .iter()
        .filter(|commit| !hidden.contains(&commit.sha))
        .any(|commit| !is_ours(commit, actor))
}

/// Whether a commit is of ours: under the address of before, or made over the API by the account that opened the pull request, with the
/// trailers of a change. An amended commit keeps its author and gets another committer.
fn is_ours(commit: &ListedCommit, actor: Option<&str>) -> bool {
    let people = [&commit.commit.author, &commit.commit.committer];
    let by_address = people.iter().all(|person| {
        let email = person.as_ref().and_then(|person| person.email.as_deref());
        email == Some(AUTHOR_EMAIL)
    });
    if by_address {
        return true;
    }
    let login = |user: &Option<super::answers::UserAnswer>| {
        user.as_ref().map(|user| user.login.to_ascii_lowercase())
    };
    let (author, committer) = (login(&commit.author), login(&commit.committer));
    let actor = actor.map(str::to_ascii_lowercase);
    // Without an account that opened it, one that is its own committer over the API may still be a person's.
    let by_actor = author.is_some()
        && actor
            .as_ref()
            .is_none_or(|actor| author.as_ref() == Some(actor))
        && (committer == author || committer.as_deref() == Some("web-flow"));
    by_actor && Trailers::parse(&commit.commit.message).evidence.is_some()
}
