//! Every case of a directory of manifest edits, through the planner's check and the editor.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use plimsoll::manifest::{
    Catalog, Change, EditOptions, FieldPath, ObjectKey, Refusal, Tree, check,
};
use serde::Deserialize;
use serde_json::Value;

/// Cases that are known to fail; never counted as passed, and ignored when the directory is named from
/// outside.
const KNOWN: &[&str] = &[];

#[derive(Debug, Deserialize)]
struct Case {
    kind: String,
    name: String,
    namespace: Option<String>,
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    file: Option<String>,
    #[serde(default)]
    map: BTreeMap<String, String>,
    #[serde(deserialize_with = "in_order")]
    set: Vec<(String, Value)>,
    #[serde(default)]
    create: bool,
    expect: String,
    code: Option<String>,
    #[serde(default)]
    also_ok: Option<Value>,
    #[serde(default)]
    warn: Option<Value>,
    #[serde(default)]
    message_must_mention: Vec<String>,
    #[serde(default)]
    redact: Vec<String>,
    #[serde(default)]
    rendered_must_not_contain: Vec<String>,
}

/// An object as a list, in the order in which it is written.
fn in_order<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<(String, Value)>, D::Error> {
    struct Entries;
    impl<'de> serde::de::Visitor<'de> for Entries {
        type Value = Vec<(String, Value)>;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    from.deserialize_map(Entries)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// The files `input*` or `expected*` of a case.
fn tree(case: &Path, stem: &str) -> Tree {
    let mut tree = Tree::new();
    let folder = case.join(stem);
    if folder.is_dir() {
        collect(&folder, &folder, &mut tree);
        return tree;
    }
    for entry in fs::read_dir(case).expect("case").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_file() && name.split('.').next() == Some(stem) {
            tree.insert(
                name.replacen(stem, "input", 1),
                fs::read(entry.path()).expect("file"),
            );
        }
    }
    tree
}

fn collect(root: &Path, folder: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(folder).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, tree);
        } else {
            let name = path
                .strip_prefix(root)
                .expect("below")
                .to_string_lossy()
                .replace('\\', "/");
            tree.insert(name, fs::read(&path).expect("file"));
        }
    }
}

struct Outcome {
    result: Result<(Tree, Vec<String>), Refusal>,
}

fn run(case: &Case, input: &Tree, file: Option<String>) -> Outcome {
    let group = case
        .api_version
        .as_deref()
        .map_or("flink.apache.org", |version| {
            version.split_once('/').map_or("", |(group, _)| group)
        });
    let key = ObjectKey {
        group: group.to_owned(),
        kind: case.kind.clone(),
        namespace: case.namespace.clone(),
        name: case.name.clone(),
    };
    let path = |text: &str| text.parse::<FieldPath>().expect("field path");
    let changes: Vec<Change> = case
        .set
        .iter()
        .map(|(field, value)| Change {
            path: path(field),
            value: value.clone(),
        })
        .collect();
    let map = case
        .map
        .iter()
        .map(|(field, to)| (path(field), path(to)))
        .collect();
    let options = EditOptions {
        create: case.create,
        file: file.clone(),
        map,
    };
    let catalog = Catalog::read(input);
    let checked = match catalog.locate(&key, file.as_deref()) {
        Ok(located) => check(&located, &changes),
        Err(_) => Ok(()),
    };
    let result = checked
        .and_then(|()| catalog.edit(&key, &changes, &options))
        .map(|edited| {
            let mut output = input.clone();
            output.extend(edited.files);
            let warnings = edited
                .warnings
                .iter()
                .map(|w| w.code.name().to_owned())
                .collect();
            (output, warnings)
        });
    Outcome { result }
}

fn judge(case: &Case, input: &Tree, expected: &Tree, outcome: &Outcome) -> Result<(), String> {
    let refused = |refusal: &Refusal| format!("refused: {refusal}");
    let secrets = || case.redact.iter().chain(&case.rendered_must_not_contain);
    match (&outcome.result, case.expect.as_str()) {
        (Ok((output, warnings)), "apply" | "noop") => {
            if case.expect == "apply" && input == output {
                return Err("nothing changed".into());
            }
            for (file, bytes) in expected {
                if output.get(file) != Some(bytes) {
                    let got = output
                        .get(file)
                        .map(|b| String::from_utf8_lossy(b).into_owned());
                    return Err(format!("{file} differs:\n{}", got.unwrap_or_default()));
                }
            }
            let missing: Vec<String> = texts(case.warn.as_ref())
                .into_iter()
                .filter(|w| !warnings.contains(w))
                .collect();
            if missing.is_empty() {
                Ok(())
            } else {
                Err(format!("warnings missing: {missing:?}"))
            }
        }
        (Err(refusal), "refuse") => {
            let text = refusal.to_string();
            if case.code.as_deref() != Some(refusal.code()) {
                return Err(refused(refusal));
            }
            if let Some(word) = case
                .message_must_mention
                .iter()
                .find(|word| !text.contains(*word))
            {
                return Err(format!("does not mention {word}: {text}"));
            }
            match secrets().find(|secret| text.contains(*secret)) {
                Some(secret) => Err(format!("tells {secret}: {text}")),
                None => Ok(()),
            }
        }
        (Err(refusal), _) => {
            let also = format!("refuse:{}", refusal.code());
            let ok = texts(case.also_ok.as_ref()).contains(&also);
            if ok { Ok(()) } else { Err(refused(refusal)) }
        }
        (Ok(_), _) => Err("was not refused".into()),
    }
}

#[test]
fn manifest_cases() {
    let named = std::env::var_os("PLIMSOLL_MANIFEST_CASES").map(PathBuf::from);
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/manifests");
    let root = named.clone().unwrap_or(default);
    let known: &[&str] = if named.is_some() { &[] } else { KNOWN };
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .expect("directory of cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("edit.json").is_file())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no case in {}", root.display());
    let (mut passed, mut failed, mut awaited) = (0, Vec::new(), 0);
    for folder in &folders {
        let name = folder
            .file_name()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(folder.join("edit.json")).expect("edit.json");
        let case: Case = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (input, expected) = (tree(folder, "input"), tree(folder, "expected"));
        // Once with the file passed, once with the file to be found.
        let files = if case.file.is_some() {
            vec![case.file.clone(), None]
        } else {
            vec![None]
        };
        let judged = files.into_iter().try_for_each(|file| {
            let how = if file.is_some() {
                "with its file"
            } else {
                "by discovery"
            };
            judge(&case, &input, &expected, &run(&case, &input, file))
                .map_err(|reason| format!("{how}: {reason}"))
        });
        match judged {
            Ok(()) => passed += 1,
            Err(_) if known.contains(&name.as_str()) => awaited += 1,
            Err(reason) => failed.push(format!("{name}: {reason}")),
        }
    }
    let mut out = std::io::stdout();
    let _ = writeln!(
        out,
        "manifest_cases: {passed} passed, {} failed",
        failed.len()
    );
    for line in &failed {
        let _ = writeln!(out, "  {line}");
    }
    if awaited > 0 {
        let _ = writeln!(out, "known: {awaited}");
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases failed",
        failed.len(),
        folders.len()
    );
}
