//! A patch in git's form, from bytes to bytes.

use crate::record::{AUTHOR_EMAIL, AUTHOR_NAME};
use jiff::Timestamp;
use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The difference of one file as `git apply` takes it; none when there is no difference. Lines end where git ends them, at line
/// feeds only, so that carriage returns survive.
pub(super) fn file_diff(path: &str, before: Option<&str>, after: &str) -> Option<String> {
    if before == Some(after) {
        return None;
    }
    let mut text = format!("diff --git a/{path} b/{path}\n");
    let old_name = match before {
        Some(_) => format!("a/{path}"),
        None => {
            text += "new file mode 100644\n";
            "/dev/null".to_string()
        }
    };
    text += &format!("--- {old_name}\n+++ b/{path}\n");
    let old: Vec<&str> = before.unwrap_or("").split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let ops = capture_diff_slices(Algorithm::Myers, &old, &new);
    for group in group_diff_ops(ops, CONTEXT) {
        text += &hunk(&group, &old, &new);
    }
    Some(text)
}

fn hunk(group: &[DiffOp], old: &[&str], new: &[&str]) -> String {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return String::new();
    };
    let old_range = first.old_range().start..last.old_range().end;
    let new_range = first.new_range().start..last.new_range().end;
    let mut text = format!(
        "@@ -{} +{} @@\n",
        position(&old_range),
        position(&new_range)
    );
    for op in group {
        match op {
            DiffOp::Equal { .. } => lines(&mut text, ' ', &old[op.old_range()]),
            _ => {
                lines(&mut text, '-', &old[op.old_range()]);
                lines(&mut text, '+', &new[op.new_range()]);
            }
        }
    }
    text
}

/// `begin,count`, counted from one; an empty range is named by the line before it.
fn position(range: &std::ops::Range<usize>) -> String {
    let begin = if range.is_empty() {
        range.start
    } else {
        range.start + 1
    };
    format!("{begin},{}", range.len())
}

fn lines(text: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        text.push(mark);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// A whole patch as `git am` takes it, and `git apply` too.
pub(super) fn mail(message: &str, diffs: &str, at: Timestamp) -> String {
    let (subject, rest) = message.split_once('\n').unwrap_or((message, ""));
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
    format!(
        "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n\
         From: {AUTHOR_NAME} <{AUTHOR_EMAIL}>\n\
         Date: {date}\n\
         Subject: [PATCH] {}\n\
         MIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\n\
         Content-Transfer-Encoding: 8bit\n\
         \n{}\n---\n\n{diffs}-- \nplimsoll\n",
        subject.trim(),
        quoted(rest.trim()),
    )
}

/// A message without lines at which `git am` would take it to be over.
fn quoted(message: &str) -> String {
    let ends = |line: &str| {
        line.starts_with("---") || line.starts_with("diff -") || line.starts_with("Index: ")
    };
    let lines: Vec<String> = message
        .lines()
        .map(|line| {
            if ends(line) {
                format!(" {line}")
            } else {
                line.to_string()
            }
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_among_carriage_returns() {
        let diff = file_diff("a.yaml", Some("a: 1\r\nb: 2\r\n"), "a: 1\r\nb: 3\r\n").unwrap();
        assert_eq!(
            diff,
            "diff --git a/a.yaml b/a.yaml\n--- a/a.yaml\n+++ b/a.yaml\n@@ -1,2 +1,2 @@\n a: 1\r\n-b: 2\r\n+b: 3\r\n"
        );
        assert_eq!(file_diff("a.yaml", Some("x"), "x"), None);
    }

    #[test]
    fn a_message_cannot_end_itself() {
        let text = mail(
            "t\n\n---\ndiff --git a/x b/x\nwords",
            "",
            Timestamp::UNIX_EPOCH,
        );
        assert!(
            text.contains("\n ---\n diff --git a/x b/x\nwords\n---\n\n-- \n"),
            "{text}"
        );
    }

    #[test]
    fn a_new_file_without_a_last_line_feed() {
        let diff = file_diff("n", None, "x").unwrap();
        assert!(diff.contains(
            "new file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,1 @@\n+x\n\\ No newline"
        ));
    }
}
