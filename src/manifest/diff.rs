//! An edit as people read it: a unified diff whose neighbouring lines tell no secrets.

/// Keys whose values may be shown around a change: they name things and set sizes.
const SHOWN: [&str; 17] = [
    "apiVersion",
    "kind",
    "name",
    "namespace",
    "cpu",
    "memory",
    "parallelism",
    "replicas",
    "requests",
    "limits",
    "resource",
    "resources",
    "op",
    "path",
    "upgradeMode",
    "flinkVersion",
    "parallelism.default",
];

/// What stands for a value that is not shown.
const HIDDEN: &str = "…";

/// The unified diff of a file, two lines of context. Of every line only the values of the `changed` keys and of those that name
/// things or set sizes are shown; everything else may be a secret and is replaced by `…`.
pub fn unified(path: &str, before: Option<&[u8]>, after: &[u8], changed: &[String]) -> String {
    let before = String::from_utf8_lossy(before.unwrap_or_default()).into_owned();
    let after = String::from_utf8_lossy(after).into_owned();
    let diff = similar::TextDiff::from_lines(&before, &after);
    let text = diff
        .unified_diff()
        .context_radius(2)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string();
    let mut out = String::with_capacity(text.len());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let content = line.trim_end_matches(['\n', '\r']);
        let head = number < 2 || content.starts_with("@@") || content.starts_with('\\');
        match content.chars().next() {
            Some(sign @ (' ' | '+' | '-')) if !head => {
                out.push(sign);
                out.push_str(&masked(&content[1..], sign != ' ', changed));
            }
            _ => out.push_str(content),
        }
        out.push_str(&line[content.len()..]);
    }
    out
}

/// A line with only the values that may be shown.
fn masked(line: &str, edited: bool, changed: &[String]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = separator(rest);
        out.push_str(&part(&rest[..end], edited, changed));
        let next = rest[end..].chars().next().map_or(0, char::len_utf8);
        out.push_str(&rest[end..end + next]);
        rest = &rest[end + next..];
    }
    out
}

/// Where the next brace, bracket or comma outside of quotes stands.
fn separator(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '{' | '}' | '[' | ']' | ',') => return at,
            _ => {}
        }
    }
    text.len()
}

/// One `key: value`, or a text of its own.
fn part(text: &str, edited: bool, changed: &[String]) -> String {
    let bare = text.trim();
    if bare.is_empty() || ["-", "---", "...", "|", ">", "|-", ">-"].contains(&bare) {
        return text.to_owned();
    }
    let colon = text.match_indices(':').map(|(at, _)| at).find(|at| {
        let behind = &text[at + 1..];
        behind.is_empty()
            || behind.starts_with([' ', '\t'])
            || text[..*at].trim_end().ends_with('"')
    });
    let Some(colon) = colon.filter(|_| !bare.starts_with('#')) else {
        let indent = &text[..text.len() - text.trim_start().len()];
        return format!("{indent}{HIDDEN}");
    };
    let (before, value) = (&text[..colon], &text[colon + 1..]);
    let key = before
        .trim_start_matches([' ', '\t', '-'])
        .trim()
        .trim_matches(['"', '\'']);
    let own = edited && (key == "value" || changed.iter().any(|name| name == key));
    let sizes = key.starts_with("taskmanager.") || key.starts_with("jobmanager.memory.");
    if own || sizes || SHOWN.contains(&key) || value.trim().is_empty() {
        return text.to_owned();
    }
    format!("{before}: {HIDDEN}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_change_are_hidden_and_names_are_not() {
        let before = "spec:\n  conf:\n    slots: \"2\"\n    s3.secret-key: hunter2\n  tm: {memory: 4096m, token: abc, url: \"http://u:p@h\"}\n  text: |\n    a secret line\n";
        let after = before.replace("4096m", "2048m").replace("\"2\"", "\"1\"");
        let changed = ["memory".to_owned(), "slots".to_owned()];
        let diff = unified(
            "a.yaml",
            Some(before.as_bytes()),
            after.as_bytes(),
            &changed,
        );
        for secret in ["hunter2", "abc", "u:p", "a secret"] {
            assert!(!diff.contains(secret), "{secret} in {diff}");
        }
        for told in [
            "-    slots: \"2\"",
            "+    slots: \"1\"",
            "     s3.secret-key: …",
            "-  tm: {memory: 4096m, token: …, url: …}",
            "+  tm: {memory: 2048m, token: …, url: …}",
        ] {
            assert!(diff.contains(told), "{told} not in {diff}");
        }
    }
}
