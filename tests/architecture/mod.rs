//! The invariants of `docs/ARCHITECTURE.md`, each kept by a test. The sources are read as code (`code`), so that grouped imports, code
//! behind a test-only item and paths without `use` count like any other.

mod callers;
mod circles;
mod code;
mod documents;
mod reader;

use code::{Segments, Source, root, sources};
use std::fs;

/// The first room of the edge; everything above it is vocabulary or the line.
const FIRST_OF_THE_EDGE: &str = "config";

/// The rooms in the order of `src/lib.rs`.
fn rooms() -> Vec<String> {
    fs::read_to_string(root().join("src/lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| {
            line.strip_prefix("pub mod ")?
                .strip_suffix(';')
                .map(str::to_string)
        })
        .collect()
}

/// A list of what is left to do, from beside this file.
fn list(name: &str) -> String {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/architecture")
        .join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Whether a path starts with these parts, or ends with them where the pattern begins with `*::`.
fn is(path: &Segments, pattern: &str) -> bool {
    match pattern.strip_prefix("*::") {
        Some(end) => {
            let end: Vec<&str> = end.split("::").collect();
            path.len() >= end.len() && path[path.len() - end.len()..] == end[..]
        }
        None => {
            let start: Vec<&str> = pattern.split("::").collect();
            path.len() >= start.len() && path[..start.len()] == start[..]
        }
    }
}

/// What a file names that does not lie in the crate.
fn outside(source: &Source) -> impl Iterator<Item = &Segments> {
    source.other.iter().chain(&source.named)
}

#[test]
fn architecture_imports_point_up_the_list() {
    let rooms = rooms();
    assert!(rooms.len() > 20, "lib.rs lists the rooms");
    let place = |room: &str| rooms.iter().position(|other| other == room);
    let mut broken = Vec::new();
    for source in sources().values() {
        let Some(own) = place(source.room()) else {
            continue;
        };
        let handed_on = source.handed_on.iter().map(|(_, from)| from);
        for path in source.own.iter().chain(handed_on) {
            if let Some(other) = path.first().and_then(|room| place(room))
                && other > own
            {
                broken.push(format!(
                    "src/{}: {} (no. {own}) imports {} (no. {other}), which is below it",
                    source.file,
                    source.room(),
                    path.join("::")
                ));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn architecture_the_line_is_pure() {
    let forbidden = [
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "std::io::stdin",
        "std::io::stdout",
        "std::io::stderr",
        "std::time::SystemTime",
        "std::time::Instant",
        "*::SystemTime::now",
        "*::Instant::now",
        "*::Timestamp::now",
        "*::Zoned::now",
        "*::thread_rng",
        "*::from_os_rng",
        "*::from_entropy",
        "rand::rng",
        "rand::random",
        "axum",
        "futures",
        "git2",
        "kube",
        "octocrab",
        "reqwest",
        "rusqlite",
        "tokio",
    ];
    let rooms = rooms();
    let place = |room: &str| rooms.iter().position(|other| other == room);
    let edge = place(FIRST_OF_THE_EDGE).unwrap();
    let mut broken = Vec::new();
    for source in sources().values() {
        if place(source.room()).is_none_or(|place| place >= edge) {
            continue;
        }
        if source.is_async {
            broken.push(format!("src/{}: the line is synchronous", source.file));
        }
        for path in outside(source) {
            if let Some(pattern) = forbidden.iter().find(|pattern| is(path, pattern)) {
                broken.push(format!(
                    "src/{}: the line may not name `{pattern}`",
                    source.file
                ));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn architecture_one_client_crate_in_one_room() {
    let homes: [(&str, &[&str]); 7] = [
        ("git2", &["clients/repository/"]),
        ("rusqlite", &["clients/sqlite/"]),
        (
            "reqwest",
            &[
                "clients/access/",
                "clients/flink_rest/",
                "clients/github/",
                "clients/prometheus/",
            ],
        ),
        ("octocrab", &["clients/github/"]),
        ("kube", &["clients/kubernetes/"]),
        ("axum", &["simulate/serve"]),
        ("indicatif", &["commands/"]),
    ];
    let mut broken = Vec::new();
    for source in sources().values() {
        for (name, homes) in homes {
            let at_home = homes.iter().any(|home| source.file.starts_with(home));
            if !at_home && outside(source).any(|path| path[0] == name) {
                broken.push(format!(
                    "src/{}: `{name}` belongs to {}",
                    source.file,
                    homes.join(" and ")
                ));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn architecture_only_world_names_clients_and_only_commands_print() {
    let mut broken = Vec::new();
    for source in sources().values() {
        let room = source.room();
        let handed_on = source.handed_on.iter().map(|(_, from)| from);
        for path in source.own.iter().chain(handed_on) {
            let may = match path.first().map(String::as_str) {
                Some("clients") => room == "clients" || room == "world",
                Some("world" | "simulate") => room != "pass",
                _ => true,
            };
            if !may {
                broken.push(format!(
                    "src/{}: {room} may not name `{}`",
                    source.file,
                    path.join("::")
                ));
            }
        }
        for name in ["println", "print", "eprintln", "eprint", "dbg"] {
            if source.macros.contains(name) && room != "commands" {
                broken.push(format!("src/{}: {room} may not print", source.file));
            }
        }
        for path in outside(source) {
            let prints = [
                "std::io::stdout",
                "std::io::stderr",
                "io::stdout",
                "io::stderr",
            ]
            .iter()
            .any(|pattern| is(path, pattern));
            if prints && !["commands", "main"].contains(&room) {
                broken.push(format!("src/{}: {room} may not print", source.file));
            }
            if path[0] == "clap" && !["commands", "main", "cli"].contains(&room) {
                broken.push(format!("src/{}: {room} may not name `clap`", source.file));
            }
        }
    }
    assert_none(&broken);
}

/// The files of `commands/` that are no command: how one ended, what it starts from, and what prints.
const BESIDE_COMMANDS: [&str; 6] = ["ending", "output", "select", "start", "table", "verdicts"];

#[test]
fn architecture_commands_holds_commands() {
    let sources = sources();
    let room = &sources["commands/mod.rs"];
    let broken: Vec<String> = room
        .modules
        .iter()
        .filter(|module| {
            let run = vec!["commands".to_string(), module.to_string(), "run".to_string()];
            !room.own.contains(&run) && !BESIDE_COMMANDS.contains(&module.as_str())
        })
        .map(|module| {
            format!("src/commands/{module}.rs: mod.rs dispatches no command to it; what it does with a fleet belongs to src/pass/, what it makes of the configuration to src/world/")
        })
        .collect();
    assert_none(&broken);
    for module in BESIDE_COMMANDS {
        assert!(
            room.modules.contains(module),
            "{module} is gone: shorten the list"
        );
    }
}
