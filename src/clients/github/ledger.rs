//! The repository whose manifests are read from a clone and whose ledger is kept on GitHub: the clone of a workflow holds no other
//! branch, and pushing from it needs credentials that the API does not.

use super::api::Api;
use super::objects::Moved;
use super::place::Place;
use crate::clients::repository::{GitRepository, refuse_path};
use crate::ports::{Commit, ForgeError, Repository, RepositoryError};
use crate::record::{LEDGER_BRANCH, OwnBranch};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// How often an append is tried again when somebody else appended meanwhile.
const TRIES: u32 = 8;

/// A clone for manifests and history, GitHub for the ledger.
#[derive(Debug, Clone)]
pub struct GithubRepository {
    clone: GitRepository,
    place: Place,
    /// Files of the ledger by blob: they never change.
    blobs: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl GithubRepository {
    /// The repository of a place, with a clone of it. Nothing is asked yet.
    pub fn new(place: Place, clone: GitRepository) -> GithubRepository {
        GithubRepository {
            clone,
            place,
            blobs: Arc::default(),
        }
    }

    /// The clone.
    pub fn clone_of_it(&self) -> &GitRepository {
        &self.clone
    }

    /// Runs requests to their end. The port is synchronous, since it works on a local object database everywhere else; the few requests of
    /// the ledger get a thread and a runtime of their own, which works below any runtime.
    fn wait<T: Send>(
        &self,
        work: impl Future<Output = Result<T, ForgeError>> + Send,
    ) -> Result<T, RepositoryError> {
        let failed = |reason: String| RepositoryError {
            place: self.place.shown(),
            reason,
        };
        let done = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| failed(format!("no runtime for its requests: {error}")))
                    .map(|runtime| runtime.block_on(work))
            });
            thread
                .join()
                .unwrap_or_else(|_| Err(failed("its requests ended in a panic".to_string())))
        })?;
        done.map_err(|error| RepositoryError {
            place: error.place,
            reason: error.reason,
        })
    }

    async fn read_ledger(&self) -> Result<BTreeMap<String, Vec<u8>>, ForgeError> {
        let api = Api::new(&self.place)?;
        let Some(head) = api.head(LEDGER_BRANCH).await? else {
            return Ok(BTreeMap::new());
        };
        let tree = api.tree_of(&head).await?;
        let mut files = BTreeMap::new();
        for (path, id) in files_of(&api, &tree).await? {
            let bytes = self.content(&api, &id).await?;
            files.insert(path, bytes);
        }
        Ok(files)
    }

    /// A file of the ledger: from memory, from the clone where it was fetched, or from GitHub.
    async fn content(&self, api: &Api, id: &str) -> Result<Vec<u8>, ForgeError> {
        let known = self.blobs().get(id).cloned();
        let bytes = match known.or_else(|| self.clone.blob(id)) {
            Some(bytes) => bytes,
            None => api.blob(id).await?,
        };
        self.blobs().insert(id.to_string(), bytes.clone());
        Ok(bytes)
    }

    fn blobs(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn append(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
    ) -> Result<(), ForgeError> {
        let api = Api::new(&self.place)?;
        if let Some(reason) = OwnBranch::Ledger.refuse_as_base(self.clone.base()) {
            return Err(api.error(reason));
        }
        if let Some(reason) = files.keys().find_map(|path| refuse_path(path)) {
            return Err(api.error(reason));
        }
        for _ in 0..TRIES {
            if self.append_once(&api, files, message).await? == Moved::Done {
                return Ok(());
            }
        }
        Err(api.error(format!(
            "its branch `{LEDGER_BRANCH}` moved {TRIES} times while it was appended to; run again"
        )))
    }

    async fn append_once(
        &self,
        api: &Api,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
    ) -> Result<Moved, ForgeError> {
        let head = api.head(LEDGER_BRANCH).await?;
        let tree = match &head {
            Some(head) => Some(api.tree_of(head).await?),
            None => None,
        };
        let present = match &tree {
            Some(tree) => files_of(api, tree).await?,
            None => BTreeMap::new(),
        };
        let mut entries = Vec::new();
        for (path, bytes) in files
            .iter()
            .filter(|(path, _)| !present.contains_key(*path))
        {
            let id = api.make_blob(bytes).await?;
            entries.push((path.clone(), "100644".to_string(), id));
        }
        if entries.is_empty() {
            return Ok(Moved::Done);
        }
        let tree = api.make_tree(tree.as_deref(), &entries).await?;
        let parents: Vec<String> = head.iter().cloned().collect();
        let commit = api.make_commit(&tree, &parents, message).await?;
        api.move_branch(OwnBranch::Ledger, head.as_deref(), &commit)
            .await
    }

    async fn remote_head(&self) -> Result<Option<String>, ForgeError> {
        Api::new(&self.place)?.head(self.clone.base()).await
    }
}

/// Every file below a tree: path and blob. Where GitHub cuts the list, folder by folder.
async fn files_of(api: &Api, tree: &str) -> Result<BTreeMap<String, String>, ForgeError> {
    let mut files = BTreeMap::new();
    let mut open = vec![(String::new(), tree.to_string())];
    let mut deep = true;
    while let Some((folder, id)) = open.pop() {
        let listed = api.entries(&id, deep).await?;
        if deep && listed.truncated {
            deep = false;
            open.push((folder, id));
            continue;
        }
        for entry in listed.tree {
            let path = format!("{folder}{}", entry.path);
            match entry.kind.as_str() {
                "blob" => {
                    files.insert(path, entry.sha);
                }
                "tree" if !deep => open.push((format!("{path}/"), entry.sha)),
                _ => {}
            }
        }
    }
    Ok(files)
}

impl Repository for GithubRepository {
    fn head(&self) -> Result<String, RepositoryError> {
        self.clone.head()
    }

    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        self.clone.tree()
    }

    fn left_out(&self) -> Result<BTreeMap<String, String>, RepositoryError> {
        self.clone.left_out()
    }

    fn commits_since(&self, since_ms: i64) -> Result<Vec<Commit>, RepositoryError> {
        self.clone.commits_since(since_ms)
    }

    fn ledger(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        self.wait(self.read_ledger())
    }

    fn append_ledger(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        _at_ms: i64,
    ) -> Result<(), RepositoryError> {
        self.wait(self.append(files, message))
    }

    fn shortcomings(&self) -> Result<Vec<String>, RepositoryError> {
        let mut found = self.clone.shortcomings()?;
        let here = self.clone.head()?;
        let short = |id: &str| id.get(..10).unwrap_or(id).to_string();
        let base = self.clone.base();
        match self.wait(self.remote_head())? {
            Some(there) if there == here => {}
            Some(there) => found.push(format!(
                "the clone has `{base}` at {}, GitHub has it at {}: fetch, or what was merged meanwhile is not seen",
                short(&here),
                short(&there)
            )),
            None => found.push(format!(
                "GitHub has no branch `{base}` that the token may see: push it, or name the base branch in the configuration"
            )),
        }
        Ok(found)
    }
}
