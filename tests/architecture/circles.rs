//! No two files of a room import each other in a circle.

use super::code::{Crate, Source, sources};
use std::collections::{BTreeMap, BTreeSet};

/// Circles that are left, each with its reason. The list may only get shorter.
const LEFT: &str = "circles.txt";

type Edges<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// For each file, the files of its room that it imports.
fn edges(sources: &BTreeMap<String, Source>) -> Edges<'_> {
    let house = Crate::of(sources);
    let mut edges = Edges::new();
    for source in sources.values().filter(|source| source.file != "main.rs") {
        for path in &source.own {
            if path.first().map(String::as_str) != Some(source.room()) {
                continue;
            }
            if let Some((other, _)) = house.find(path)
                && other.file != source.file
                && other.file != "lib.rs"
            {
                edges.entry(&source.file).or_default().insert(&other.file);
            }
        }
    }
    edges
}

fn reached<'a>(edges: &Edges<'a>, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        for other in edges.get(file).into_iter().flatten() {
            if seen.insert(*other) {
                next.push(other);
            }
        }
    }
    seen
}

/// The circles: sets of files that all reach each other.
fn circles<'a>(edges: &Edges<'a>) -> BTreeSet<BTreeSet<&'a str>> {
    let reached_from: BTreeMap<&str, BTreeSet<&str>> = edges
        .keys()
        .map(|file| (*file, reached(edges, file)))
        .collect();
    reached_from
        .iter()
        .filter(|(file, reached)| reached.contains(*file))
        .map(|(file, reached)| {
            reached
                .iter()
                .filter(|other| {
                    reached_from
                        .get(*other)
                        .is_some_and(|back| back.contains(file))
                })
                .copied()
                .collect()
        })
        .collect()
}

/// The files of a line of the list, and whether the circle may be gone already: a line that begins with `? ` is of a room that is being
/// rebuilt.
fn listed(text: &str) -> Vec<(BTreeSet<&str>, bool)> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (files, reason) = line.split_once(": ").expect("`files: reason`");
            assert!(!reason.trim().is_empty(), "{files}: why is it left?");
            let (files, may_be_gone) = match files.strip_prefix("? ") {
                Some(files) => (files, true),
                None => (files, false),
            };
            (files.split(' ').collect(), may_be_gone)
        })
        .collect()
}

#[test]
fn architecture_circles() {
    let found = circles(&edges(sources()));
    let text = super::list(LEFT);
    let listed = listed(&text);
    let shown = |circle: &BTreeSet<&str>| circle.iter().copied().collect::<Vec<_>>().join(" ");
    let new: Vec<String> = found
        .iter()
        .filter(|circle| !listed.iter().any(|(files, _)| circle.is_subset(files)))
        .map(shown)
        .collect();
    assert!(
        new.is_empty(),
        "files that import each other in a circle; move what both need into a file of its own: {new:#?}"
    );
    let shorter: Vec<String> = listed
        .iter()
        .filter(|(files, may_be_gone)| !may_be_gone && !found.contains(files))
        .map(|(files, _)| shown(files))
        .collect();
    assert!(
        shorter.is_empty(),
        "these circles are smaller or gone: say so in tests/architecture/circles.txt: {shorter:#?}"
    );
}

#[test]
fn architecture_circles_are_found() {
    let edges = Edges::from([
        ("a", BTreeSet::from(["b"])),
        ("b", BTreeSet::from(["c", "d"])),
        ("c", BTreeSet::from(["a"])),
        ("d", BTreeSet::from(["e"])),
    ]);
    assert_eq!(
        circles(&edges),
        BTreeSet::from([BTreeSet::from(["a", "b", "c"])])
    );
}
