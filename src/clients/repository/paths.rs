//! Which files are read, and which paths may be written.

use crate::manifest::{is_of_use, may_be_of_use};
use crate::record::{evidence_digest, sha256_hex};
use camino::{Utf8Component, Utf8Path};
use std::collections::BTreeMap;

/// The largest manifest that is read, bytes. Larger ones are generated and nobody edits them by hand.
pub(super) const FILE_LIMIT: usize = 2 * 1024 * 1024;

/// How a Git LFS pointer begins: the file is elsewhere then.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Whether a path may hold manifests: YAML or JSON by its ending, in any letter case, or a file named `Kustomization`.
pub fn is_manifest(path: &str) -> bool {
    let extension = Utf8Path::new(path).extension().map(str::to_ascii_lowercase);
    let built_with = Utf8Path::new(path).file_name() == Some("Kustomization");
    built_with || matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
}

/// Whether a path is read at all: manifests, everything of ours, and what may tell how manifests are made.
pub(super) fn is_read(path: &str) -> bool {
    path.starts_with(".plimsoll/") || is_manifest(path) || may_tell(path)
}

/// Whether a path may tell how manifests are made, without being one.
pub(super) fn may_tell(path: &str) -> bool {
    let apart = ["node_modules", ".terraform", "vendor"];
    may_be_of_use(path) && !path.split('/').any(|part| apart.contains(&part))
}

/// The largest file of that sort that is read, bytes.
pub(super) const TELLING_LIMIT: usize = 256 * 1024;

/// Whether what was read of such a file is kept.
pub(super) fn is_kept(path: &str, bytes: &[u8]) -> bool {
    path.starts_with(".plimsoll/") || is_manifest(path) || is_of_use(path, bytes)
}

/// Why a path may not be written, if so: only plain relative paths inside the repository may, and none of git's own.
pub fn refuse_path(path: &str) -> Option<String> {
    if path.is_empty() || path.contains(['\0', '\\']) || path.chars().any(char::is_control) {
        return Some(format!("`{}` is not a path", path.escape_debug()));
    }
    if path.starts_with('/') || path.ends_with('/') || path.contains("//") {
        return Some(format!("`{path}` is not relative to the repository"));
    }
    for component in Utf8Path::new(path).components() {
        match component {
            Utf8Component::Normal(name) if name.eq_ignore_ascii_case(".git") => {
                return Some(format!("`{path}` belongs to git"));
            }
            Utf8Component::Normal(_) => {}
            _ => return Some(format!("`{path}` leaves the repository")),
        }
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Some(format!("`{path}` leaves the repository"));
    }
    None
}

/// Folders whose files a forge or a CI system obeys: a change never writes there, whatever asks for it.
const OBEYED: [&str; 8] = [
    ".github",
    ".gitlab",
    ".gitea",
    ".forgejo",
    ".circleci",
    ".buildkite",
    ".tekton",
    ".woodpecker",
];

/// Why a change may not write its files, if so. It writes manifests, and evidence under its own digest.
pub fn refuse_change(files: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    files
        .iter()
        .find_map(|(path, bytes)| refuse_path(path).or_else(|| refuse_file(path, bytes)))
}

fn refuse_file(path: &str, bytes: &[u8]) -> Option<String> {
    if let Some(digest) = evidence_digest(path) {
        return (sha256_hex(bytes) != digest)
            .then(|| format!("`{path}` is not named by the digest of its bytes"));
    }
    let lower = path.to_ascii_lowercase();
    let ours = lower.starts_with(".plimsoll");
    let obeyed = lower.split('/').any(|part| OBEYED.contains(&part));
    (ours || obeyed || !is_manifest(path)).then(|| {
        format!("`{path}` is no manifest: a change writes manifests and its evidence only")
    })
}

/// Why a file that looks like a manifest is left out, if so.
pub(super) fn refuse_content(path: &str, bytes: &[u8]) -> Option<String> {
    if bytes.len() > FILE_LIMIT {
        return Some(too_large(bytes.len()));
    }
    (is_manifest(path) && bytes.starts_with(LFS_POINTER))
        .then(|| "it is a Git LFS pointer: its content is not in the repository".to_string())
}

/// The sentence about a file above the limit.
pub(super) fn too_large(bytes: usize) -> String {
    format!("it has {bytes} bytes, more than the {FILE_LIMIT} that are read")
}

/// Whether a symbolic link at `path` with this target stays inside the tree.
pub(super) fn stays_inside(path: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return false;
    }
    let mut depth = path.matches('/').count() as i64;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_may_be_written() {
        for path in [
            "a.yaml",
            "apps/prod/a.yaml",
            ".plimsoll/evidence/x",
            "a..b",
            "ä/ö.yml",
        ] {
            assert_eq!(refuse_path(path), None, "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "a/./b",
            ".git/config",
            "a/.GIT/hooks/x",
            "a//b",
            "a/",
            "a\0b",
            "C:\\x",
            "a\nb",
        ] {
            assert!(refuse_path(path).is_some(), "{path:?}");
        }
    }

    #[test]
    fn a_change_writes_manifests_and_its_evidence_only() {
        let evidence = format!(".plimsoll/evidence/{}.evidence", sha256_hex(b"x"));
        for path in ["a.yaml", "apps/prod/a.yml", "values.json", &evidence] {
            let files = BTreeMap::from([(path.to_string(), b"x".to_vec())]);
            assert_eq!(refuse_change(&files), None, "{path}");
        }
        let other = format!(".plimsoll/evidence/{}.evidence", sha256_hex(b"y"));
        for path in [
            ".github/workflows/pwn.yaml",
            ".GitHub/workflows/pwn.yaml",
            "a/.gitlab/x.yml",
            ".plimsoll/ledger/x.json",
            ".plimsoll/x.yaml",
            ".Plimsoll/evidence/x.yaml",
            ".plimsoll/evidence/x.yaml",
            "run.sh",
            "Makefile",
            ".git/config",
            "../a.yaml",
            &other,
        ] {
            let files = BTreeMap::from([(path.to_string(), b"x".to_vec())]);
            assert!(refuse_change(&files).is_some(), "{path}");
        }
    }

    #[test]
    fn links_are_followed_in_thought_only() {
        assert!(stays_inside("apps/a.yaml", "../base/a.yaml"));
        assert!(!stays_inside("apps/a.yaml", "../../a.yaml"));
        assert!(!stays_inside("a.yaml", "/etc/passwd"));
        assert!(!stays_inside("apps/a.yaml", "x/../../../y/z"));
    }
}
