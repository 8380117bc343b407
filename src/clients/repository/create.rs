//! A new bare repository with one commit: what demonstrations start from.

use super::GitRepository;
use crate::ports::RepositoryError;
use git2::{RepositoryInitOptions, Signature, Time};
use std::collections::BTreeMap;
use std::path::Path;

impl GitRepository {
    /// Makes a bare repository whose branch `main` holds the files, in one commit by `by`.
    ///
    /// # Errors
    /// When there is a repository already, or the folder can't be written.
    pub fn create(
        place: &Path,
        files: &BTreeMap<String, String>,
        by: &str,
        message: &str,
        at_ms: i64,
    ) -> Result<GitRepository, RepositoryError> {
        let failed = |error: git2::Error| RepositoryError {
            place: place.display().to_string(),
            reason: format!("can't be made: {}", error.message()),
        };
        let mut options = RepositoryInitOptions::new();
        options
            .bare(true)
            .no_reinit(true)
            .mkpath(true)
            .initial_head("main");
        let git = git2::Repository::init_opts(place, &options).map_err(failed)?;
        let mut index = git2::Index::new().map_err(failed)?;
        for (path, text) in files {
            let id = git.blob(text.as_bytes()).map_err(failed)?;
            index.add(&entry(path, id, text.len())).map_err(failed)?;
        }
        let tree = index
            .write_tree_to(&git)
            .and_then(|id| git.find_tree(id))
            .map_err(failed)?;
        let email = format!("{}@example.com", by.replace(' ', "."));
        let signature =
            Signature::new(by, &email, &Time::new(at_ms.div_euclid(1000), 0)).map_err(failed)?;
        git.commit(
            Some("refs/heads/main"),
            &signature,
            &signature,
            message,
            &tree,
            &[],
        )
        .map_err(failed)?;
        drop(tree);
        GitRepository::open(place, Some("main"))
    }
}

fn entry(path: &str, id: git2::Oid, bytes: usize) -> git2::IndexEntry {
    let never = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: u32::try_from(bytes).unwrap_or(u32::MAX),
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
