//! What `statistics/`, `experiment/` and `model/` offer is called from elsewhere in `src/`, or is on a list with who will call it.

use super::code::{Crate, Function, Source, sources};
use std::collections::{BTreeMap, BTreeSet};

const ROOMS: [&str; 3] = ["statistics", "experiment", "model"];

/// Files with public functions that nobody outside of their room calls yet: `file: who will call them: function, Type::function, …`.
/// The list may only get shorter. Functions of a line that begins with `? ` may be called by now, or gone: their room is being rebuilt.
const LEFT: &str = "uncalled.txt";

/// What the other rooms name and call.
struct Called<'a> {
    /// Free functions: their file and name.
    free: BTreeSet<(&'a str, String)>,
    /// Last parts of paths, and methods.
    names: BTreeSet<&'a str>,
}

fn called<'a>(sources: &'a BTreeMap<String, Source>, room: &str) -> Called<'a> {
    let house = Crate::of(sources);
    let mut called = Called {
        free: BTreeSet::new(),
        names: BTreeSet::new(),
    };
    for source in sources.values().filter(|source| source.room() != room) {
        for path in source
            .own
            .iter()
            .filter(|path| path.first().is_some_and(|first| first == room))
        {
            // A path may go on into a type: `statistics::Sample::new`.
            for end in 1..=path.len() {
                if let Some((file, Some(item))) = house.find(&path[..end])
                    && file.items.contains(&item)
                {
                    called.free.insert((&file.file, item));
                }
            }
        }
        called
            .names
            .extend(source.methods.iter().map(String::as_str));
        let named = source.named.iter().chain(&source.own);
        called
            .names
            .extend(named.filter_map(|path| path.last()).map(String::as_str));
    }
    called
}

fn uncalled(sources: &BTreeMap<String, Source>) -> BTreeMap<String, BTreeSet<String>> {
    let mut left: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for room in ROOMS {
        let called = called(sources, room);
        for source in sources.values().filter(|source| source.room() == room) {
            for Function { of, name } in &source.functions {
                // A method's type may be had without being named, as the result of another one.
                let is_called = match of {
                    None => called.free.contains(&(source.file.as_str(), name.clone())),
                    Some(_) => called.names.contains(name.as_str()),
                };
                if !is_called {
                    let shown = match of {
                        Some(of) => format!("{of}::{name}"),
                        None => name.clone(),
                    };
                    left.entry(source.file.clone()).or_default().insert(shown);
                }
            }
        }
    }
    left
}

#[test]
fn architecture_callers() {
    let sources = sources();
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut certain: BTreeSet<(String, String)> = BTreeSet::new();
    for line in super::list(LEFT)
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (file, rest) = line.split_once(": ").expect("`file: who: functions`");
        let (who, functions) = rest.split_once(": ").expect("`file: who: functions`");
        assert!(!who.trim().is_empty(), "{file}: who will call it?");
        let plain = file.strip_prefix("? ");
        for function in functions.split(", ") {
            let known = listed.entry(plain.unwrap_or(file).to_string()).or_default();
            assert!(
                known.insert(function.to_string()),
                "{file}: {function} twice"
            );
            if plain.is_none() {
                certain.insert((file.to_string(), function.to_string()));
            }
        }
    }
    let found = uncalled(sources);
    let mut broken = Vec::new();
    for (file, functions) in &found {
        let known = listed.get(file);
        for function in functions {
            if known.is_none_or(|known| !known.contains(function)) {
                broken.push(format!(
                    "src/{file}: {function} is called by nobody outside of its room: call it, make it private (pub(super), pub(crate)), or take it away"
                ));
            }
        }
    }
    for (file, function) in &certain {
        if !found
            .get(file)
            .is_some_and(|found| found.contains(function))
        {
            broken.push(format!(
                "tests/architecture/uncalled.txt: {file}: {function} is called by now, or gone: take it off the list"
            ));
        }
    }
    super::assert_none(&broken);
}
