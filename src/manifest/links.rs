//! Symbolic links in a tree: entries that say where they lead, followed inside the tree only.

use super::Tree;

/// What the bytes of a link begin with. No text file begins so.
const MARK: &[u8] = b"\0link\0";

/// A link behind a link behind a link: more than this is a circle.
const MOST: usize = 40;

/// The entry of a tree for a symbolic link with this target, as written in the link.
pub fn link_to(target: &str) -> Vec<u8> {
    [MARK, target.as_bytes()].concat()
}

/// Where an entry leads, if it is a link.
pub fn target_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.strip_prefix(MARK)?).ok()
}

/// A path of the tree with every link on its way followed. What is no link, or leads out of the tree, stays as it is.
pub(crate) fn resolved(tree: &Tree, path: &str) -> String {
    let mut path = path.to_owned();
    for _ in 0..MOST {
        match one_step(tree, &path) {
            Some(next) => path = next,
            None => break,
        }
    }
    path
}

fn one_step(tree: &Tree, path: &str) -> Option<String> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    ends.chain([path.len()]).find_map(|end| {
        let target = target_of(tree.get(&path[..end])?)?;
        if target.starts_with('/') {
            return None;
        }
        let folder = parent(&path[..end]);
        let rest = path[end..].trim_start_matches('/');
        Some(join(&join(&folder, target), rest))
    })
}

/// The folder of a file, `.` for the root.
pub(crate) fn parent(file: &str) -> String {
    file.rsplit_once('/').map_or(".", |(dir, _)| dir).to_owned()
}

/// A path relative to a directory, without `.` and `..`; what leaves the tree or is remote stays as it is.
pub(crate) fn join(dir: &str, path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = dir
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

/// Whether a path lies in a folder, or is it.
pub(crate) fn within(folder: &str, path: &str) -> bool {
    folder == "."
        || path == folder
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files_folders_and_no_further_than_the_tree() {
        let tree: Tree = [
            ("shared/job.yaml", b"a: 1".to_vec()),
            ("overlays/prod/job.yaml", link_to("../../shared/job.yaml")),
            ("base", link_to("shared")),
            ("twice", link_to("base/job.yaml")),
            ("loop", link_to("loop")),
            ("out.yaml", link_to("/etc/passwd")),
        ]
        .map(|(path, bytes)| (path.to_owned(), bytes))
        .into();
        for (path, wanted) in [
            ("overlays/prod/job.yaml", "shared/job.yaml"),
            ("base/job.yaml", "shared/job.yaml"),
            ("twice", "shared/job.yaml"),
            ("loop", "loop"),
            ("out.yaml", "out.yaml"),
            ("plain/x.yaml", "plain/x.yaml"),
        ] {
            assert_eq!(resolved(&tree, path), wanted, "{path}");
        }
        assert_eq!(target_of(b"a: 1"), None);
        assert!(within("apps/a", "apps/a/b.yaml") && !within("apps/a", "apps/ab/b.yaml"));
    }
}
