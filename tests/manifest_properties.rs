//! Edits of manifests in random shapes: exactly the named values change, and the inverse gives back the
//! same bytes.

use plimsoll::manifest::{Catalog, Change, EditOptions, ObjectKey, Tree};
use proptest::prelude::*;
use serde_json::{Value, json};

/// How a manifest is laid out.
#[derive(Debug, Clone)]
struct Shape {
    crlf: bool,
    mark: bool,
    last_break: bool,
    indent: usize,
    quotes: [usize; 3],
    flow: bool,
    nested: bool,
    list: bool,
    before: usize,
    behind: usize,
    job_first: bool,
    comment: String,
    note: String,
}

#[derive(Debug, Clone, Copy)]
struct Sizes {
    mib: u32,
    millicores: u32,
    parallelism: u32,
    slots: u32,
}

fn shapes() -> impl Strategy<Value = Shape> {
    (
        (
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            prop_oneof![Just(2), Just(3), Just(4)],
        ),
        (0..3usize, 0..3usize, 0..3usize),
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        (0..3usize, 0..3usize),
        "[ -~äöü字\u{2028}]{0,20}",
        "[ -~äöü字\u{2028}]{0,20}",
    )
        .prop_map(|(ends, quotes, ways, around, comment, note)| Shape {
            crlf: ends.0,
            mark: ends.1,
            last_break: ends.2,
            indent: ends.3,
            quotes: [quotes.0, quotes.1, quotes.2],
            flow: ways.0,
            nested: ways.1,
            list: ways.2,
            job_first: ways.3,
            before: around.0,
            behind: around.1,
            comment,
            note,
        })
}

fn sizes() -> impl Strategy<Value = Sizes> {
    (1u32..70_000, 1u32..20_000, 1u32..999, 1u32..32).prop_map(
        |(mib, millicores, parallelism, slots)| Sizes {
            mib,
            millicores,
            parallelism,
            slots,
        },
    )
}

fn quoted(text: &str, style: usize) -> String {
    match style {
        0 => text.to_owned(),
        1 => format!("'{text}'"),
        _ => format!("\"{text}\""),
    }
}

fn render(shape: &Shape, sizes: Sizes) -> String {
    let step = " ".repeat(shape.indent);
    let memory = quoted(&format!("{}m", sizes.mib), shape.quotes[0]);
    let cpu = f64::from(sizes.millicores) / 1000.0;
    let slots = quoted(&sizes.slots.to_string(), shape.quotes[1]);
    let parallelism = quoted(&sizes.parallelism.to_string(), shape.quotes[2]);
    let comment = &shape.comment;
    let resource = if shape.flow {
        vec![format!(
            "{step}resource: {{ memory: {memory},cpu: {cpu} }} #{comment}"
        )]
    } else {
        vec![
            format!("{step}resource: #{comment}"),
            format!("{step}{step}cpu: {cpu}   #{comment}"),
            format!("{step}{step}memory: {memory}\t# {comment}"),
        ]
    };
    let mut manager = vec!["taskManager:".to_owned()];
    manager.extend(resource);
    let job = vec![
        "job:".to_owned(),
        format!("{step}args: [\"parallelism: 1\", 'memory: 2048m']"),
        format!("{step}parallelism: {parallelism} #{comment}"),
    ];
    let options = if shape.nested {
        vec![
            "flinkConfiguration:".to_owned(),
            format!("{step}taskmanager:"),
            format!("{step}{step}numberOfTaskSlots: {slots}"),
        ]
    } else {
        vec![
            "flinkConfiguration:".to_owned(),
            format!("{step}\"taskmanager.numberOfTaskSlots\": {slots}"),
        ]
    };
    let parts = if shape.job_first {
        [job, manager, options]
    } else {
        [options, manager, job]
    };
    let mut lines = vec![
        "apiVersion: flink.apache.org/v1beta1".to_owned(),
        "kind: FlinkDeployment".to_owned(),
        "metadata:".to_owned(),
        format!("{step}name: job"),
        format!("{step}namespace: lab"),
        format!("{step}annotations:"),
        format!("{step}{step}note: '{}'", shape.note.replace('\'', "''")),
        format!("{step}{step}text: |"),
        format!("{step}{step}{step}spec: {{taskManager: {{resource: {{memory: 2048m}}}}}}"),
        "spec:".to_owned(),
    ];
    for part in parts {
        lines.extend(part.into_iter().map(|line| format!("{step}{line}")));
        lines.push(String::new());
    }
    if shape.list {
        lines = lines
            .into_iter()
            .enumerate()
            .map(|(number, line)| match (number, line.is_empty()) {
                (0, _) => format!("- {line}"),
                (_, true) => line,
                _ => format!("  {line}"),
            })
            .collect();
        lines.splice(
            0..0,
            [
                "apiVersion: v1".into(),
                "kind: List".into(),
                "items:".into(),
            ],
        );
    }
    let other = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: job, namespace: other}\nspec: {job: {parallelism: 1}}\n";
    let mut text = format!("{other}---\n").repeat(shape.before);
    text.push_str(&lines.join("\n"));
    text.push_str(&format!("\n---\n{other}").repeat(shape.behind));
    let mut text = text.trim_end().to_owned();
    if shape.last_break {
        text.push('\n');
    }
    if shape.crlf {
        text = text.replace('\n', "\r\n");
    }
    if shape.mark {
        text.insert(0, '\u{feff}');
    }
    text
}

fn changes(sizes: Sizes) -> Vec<Change> {
    let set = [
        (
            "spec.taskManager.resource.memory",
            json!(format!("{}m", sizes.mib)),
        ),
        (
            "spec.taskManager.resource.cpu",
            json!(f64::from(sizes.millicores) / 1000.0),
        ),
        ("spec.job.parallelism", json!(sizes.parallelism)),
        (
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            json!(sizes.slots.to_string()),
        ),
    ];
    let change = |(path, value): (&str, Value)| {
        let value = match value.as_f64().filter(|number| number.fract() == 0.0) {
            Some(whole) => json!(whole as u64),
            None => value,
        };
        Change {
            path: path.parse().expect("path"),
            value,
        }
    };
    set.into_iter().map(change).collect()
}

fn key() -> ObjectKey {
    ObjectKey {
        group: "flink.apache.org".to_owned(),
        kind: "FlinkDeployment".to_owned(),
        namespace: Some("lab".to_owned()),
        name: "job".to_owned(),
    }
}

fn edit(text: &str, sizes: Sizes) -> String {
    let files = Tree::from([("job.yaml".to_owned(), text.as_bytes().to_vec())]);
    let edited = Catalog::read(&files).edit(&key(), &changes(sizes), &EditOptions::default());
    let mut edited = edited.unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
    let bytes = edited.files.remove("job.yaml");
    bytes.map_or(text.to_owned(), |bytes| {
        String::from_utf8(bytes).expect("UTF-8")
    })
}

/// Bytes that mean something to YAML.
const MARKS: &[u8] = b"{}[]&*!|>'\"%@`:#-\t\n\r ,";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_named_values_change(shape in shapes(), old in sizes(), new in sizes()) {
        let text = render(&shape, old);
        let edited = edit(&text, new);
        // Another manifest of the same shape: every other byte is the same.
        prop_assert_eq!(&edited, &render(&shape, new));
        // The inverse gives back the same bytes; the same again changes nothing.
        prop_assert_eq!(&edit(&edited, old), &text);
        prop_assert_eq!(&edit(&edited, new), &edited);
    }

    #[test]
    fn damaged_files_are_refused_or_edited_but_never_break(
        shape in shapes(),
        sizes in sizes(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut bytes = render(&shape, sizes).into_bytes();
        for (index, byte, way) in cuts {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match way {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                _ => bytes.insert(at, MARKS[usize::from(byte) % MARKS.len()]),
            }
        }
        let files = Tree::from([("job.yaml".to_owned(), bytes)]);
        let catalog = Catalog::read(&files);
        for create in [false, true] {
            let options = EditOptions { create, ..EditOptions::default() };
            let wanted = Sizes { mib: sizes.mib + 1, ..sizes };
            if let Err(refusal) = catalog.edit(&key(), &changes(wanted), &options) {
                prop_assert_ne!(
                    refusal.code(),
                    "editor-bug",
                    "{} in {:?}",
                    refusal,
                    String::from_utf8_lossy(&files["job.yaml"])
                );
            }
        }
    }
}
