//! What the YAML parser is trusted with: the editor splices bytes at the places that it gives, so those have to be right for any text.

use granit_parser::{Event, Parser, ScalarStyle};
use plimsoll::manifest::{Catalog, Change, EditOptions, Tree, discover};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A scalar as the parser gives it: its text, its style, and where it is written.
type Scalar = (String, ScalarStyle, Range<usize>);

/// All scalars up to the first error. Whatever the text, it ends, and each place is one in the text.
fn scalars(text: &str) -> Vec<Scalar> {
    let options = granit_parser::options! { emit_anchor_events: true };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut found = Vec::new();
    // Each event but the few of stream and document takes a byte at least, or stands for a value that is left out.
    for _ in 0..=4 * text.len() + 16 {
        let Some(Ok((event, span))) = parser.next() else {
            return found;
        };
        let range = span.byte_range().expect("a place in bytes");
        assert!(
            range.start <= range.end && range.end <= text.len(),
            "{range:?} of {}",
            text.len()
        );
        assert!(
            text.get(range.clone()).is_some(),
            "{range:?} cuts a character"
        );
        if let Event::Scalar(value, style, ..) = event {
            found.push((value.into_owned(), style, range));
        }
    }
    panic!("more events than bytes: {text:?}");
}

/// Texts with what YAML cares about in them.
fn texts() -> impl Strategy<Value = String> {
    let marks = prop::sample::select(vec![
        ":",
        "-",
        "? ",
        "- ",
        ": ",
        "#",
        " #",
        "&a",
        "*a",
        "!t ",
        "|",
        ">",
        "'",
        "\"",
        "%",
        "@",
        "`",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\n",
        "\r\n",
        "\t",
        " ",
        "  ",
        "~",
        "null",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "---",
        "...",
        "<<",
        "\\",
        "é",
        "字",
        "\u{1f4a9}",
    ]);
    let word = "[a-z0-9.]{1,6}".prop_map(String::from);
    prop::collection::vec(prop_oneof![marks.prop_map(String::from), word], 0..60)
        .prop_map(|parts| parts.concat())
}

/// One line of any printable characters.
fn lines() -> impl Strategy<Value = String> {
    "[ -~äöü字é]{0,30}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_any_text_ends_and_every_place_is_in_it(text in texts()) {
        scalars(&text);
    }

    #[test]
    fn yaml_any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        scalars(&String::from_utf8_lossy(&bytes));
        let tree = Tree::from([("a.yaml".to_owned(), bytes)]);
        let _ = discover(&tree);
        let _ = Catalog::read(&tree);
    }

    #[test]
    fn yaml_quoted_scalars_come_back_and_their_place_is_what_was_written(
        values in prop::collection::vec(lines(), 1..6),
        double in any::<bool>(),
        flow in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let written: Vec<String> = values
            .iter()
            .map(|value| match double {
                true => serde_json::to_string(value).expect("JSON"),
                false => format!("'{}'", value.replace('\'', "''")),
            })
            .collect();
        let end = if crlf { "\r\n" } else { "\n" };
        let text = match flow {
            true => format!("# äö{end}a: [{}] # x{end}", written.join(" ,  ")),
            false => written
                .iter()
                .map(|one| format!("- {one}   # x{end}"))
                .collect::<String>(),
        };
        let style = if double { ScalarStyle::DoubleQuoted } else { ScalarStyle::SingleQuoted };
        let found: Vec<Scalar> = scalars(&text)
            .into_iter()
            .filter(|(_, found, _)| *found == style)
            .collect();
        prop_assert_eq!(found.len(), values.len(), "{}", text);
        for ((value, _, range), (meant, token)) in found.iter().zip(values.iter().zip(&written)) {
            prop_assert_eq!(value, meant);
            prop_assert_eq!(&text[range.clone()], token);
        }
    }

    #[test]
    fn yaml_plain_scalars_come_back_and_their_place_is_what_was_written(
        values in prop::collection::btree_map("[a-z][a-z0-9.-]{0,12}", "[a-zA-Z0-9][a-zA-Z0-9./äö字 -]{0,20}[a-zA-Z0-9]", 1..6),
    ) {
        let text: String = values
            .iter()
            .map(|(key, value)| format!("{key}:  {value}   # {key}\n"))
            .collect();
        let found = scalars(&text);
        let meant: Vec<&String> = values.iter().flat_map(|(key, value)| [key, value]).collect();
        prop_assert_eq!(found.len(), meant.len(), "{}", text);
        for ((value, style, range), meant) in found.iter().zip(meant) {
            prop_assert_eq!(*style, ScalarStyle::Plain);
            prop_assert_eq!(value, meant);
            prop_assert_eq!(&text[range.clone()], meant);
        }
    }

    #[test]
    fn yaml_block_scalars_come_back_and_the_next_key_stands_behind_them(
        block in prop::collection::vec("[!-~äö字][ -~äö字]{0,20}", 1..5),
        indent in 1..5usize,
    ) {
        let step = " ".repeat(indent);
        let body: String = block.iter().map(|line| format!("{step}{}\n", line.trim_end())).collect();
        let text = format!("a: |\n{body}b: c\n");
        let found = scalars(&text);
        let meant: String = block.iter().map(|line| format!("{}\n", line.trim_end())).collect();
        prop_assert_eq!(found.len(), 4, "{}", text);
        prop_assert_eq!(&found[1].0, &meant);
        prop_assert_eq!(&text[found[2].2.clone()], "b");
        prop_assert!(found[1].2.end <= found[2].2.start);
    }
}

/// The manifests of the fixtures.
fn files() -> Vec<PathBuf> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/manifests")];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("fixtures") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "yaml" || end == "json")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The sizing fields of a resource that hold a scalar, each with another value of its kind.
fn others(value: &Value) -> Vec<(&'static str, Value)> {
    let fields = [
        ("spec.job.parallelism", "/spec/job/parallelism", json!(31)),
        (
            "spec.taskManager.resource.memory",
            "/spec/taskManager/resource/memory",
            json!("3333m"),
        ),
        (
            "spec.taskManager.resource.cpu",
            "/spec/taskManager/resource/cpu",
            json!(3.25),
        ),
        (
            "spec.jobManager.resource.memory",
            "/spec/jobManager/resource/memory",
            json!("1111m"),
        ),
        (
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            "/spec/flinkConfiguration/taskmanager.numberOfTaskSlots",
            json!("7"),
        ),
    ];
    fields
        .into_iter()
        .filter(|(_, pointer, _)| {
            value
                .pointer(pointer)
                .is_some_and(|old| old.is_string() || old.is_number())
        })
        .map(|(path, _, other)| (path, other))
        .collect()
}

#[test]
fn yaml_an_edit_and_its_inverse_give_the_bytes_back_in_every_manifest() {
    let (mut tried, mut respelt) = (0, Vec::new());
    for file in files() {
        let bytes = std::fs::read(&file).expect("fixture");
        let tree = Tree::from([("a.yaml".to_owned(), bytes.clone())]);
        for object in discover(&tree).objects {
            for (path, other) in others(&object.value) {
                let set = |bytes: &[u8], value: Value| {
                    let tree = Tree::from([("a.yaml".to_owned(), bytes.to_vec())]);
                    let change = Change {
                        path: path.parse().expect("path"),
                        value,
                    };
                    let edit = Catalog::read(&tree)
                        .edit(&object.key, &[change], &EditOptions::default())
                        .ok()?;
                    Some(edit.files.get("a.yaml").cloned().unwrap_or(bytes.to_vec()))
                };
                let field: plimsoll::flink::field_path::FieldPath = path.parse().expect("path");
                let Some(old) = plimsoll::plan::value_at(&object.value, &field) else {
                    continue;
                };
                // What is shared, generated or templated is refused, by name; other tests see to that.
                let Some(after) = set(&bytes, other) else {
                    continue;
                };
                assert_ne!(after, bytes, "{}: {path}", file.display());
                let Some(back) = set(&after, old) else {
                    panic!("{}: {path}: the inverse is refused", file.display());
                };
                tried += 1;
                if back != bytes {
                    respelt.push(format!("{}: {path}", file.display()));
                }
            }
        }
    }
    assert!(tried > 50, "{tried} edits");
    assert!(respelt.is_empty(), "of {tried}: {respelt:#?}");
}
