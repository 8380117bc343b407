//! The body of a pull request: what is ours stands between a begin marker and the state block, and a person's words around it stay.

/// Begins the state block, which ends what is ours.
pub(super) const BLOCK_BEGIN: &str = "<!-- plimsoll:state v1 ";

/// Ends the state block.
pub(super) const BLOCK_END: &str = " -->";

/// Stands where what is ours begins.
pub const BODY_BEGIN: &str = "<!-- plimsoll:begin -->";

const HELD_BEGIN: &str = "<!-- plimsoll:held ";
const CODE_END: &str = " -->";
const HELD_END: &str = "<!-- plimsoll:held-end -->";

/// A body in its three parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// A person's words above; empty where there are none.
    pub above: &'a str,
    /// Ours, with its state block.
    pub ours: &'a str,
    /// A person's words below; empty where there are none.
    pub below: &'a str,
}

/// The parts of a body. A body without a begin marker (one of an earlier version) is ours up to its last state block; one without a
/// state block is a person's from end to end, unless it begins with the marker.
pub fn parts(body: &str) -> Parts<'_> {
    let (begin, state) = match body.find(BODY_BEGIN) {
        Some(begin) => (begin, body[begin..].find(BLOCK_BEGIN).map(|at| begin + at)),
        None => (0, body.rfind(BLOCK_BEGIN)),
    };
    let end = state.and_then(|at| Some(at + body[at..].find(BLOCK_END)? + BLOCK_END.len()));
    let end = match (end, body.contains(BODY_BEGIN)) {
        (Some(end), _) => end,
        // Its state block was damaged: what follows the marker can't be told from a person's words.
        (None, true) => begin,
        (None, false) => 0,
    };
    Parts {
        above: body[..begin.min(end)].trim(),
        ours: body[begin.min(end)..end].trim(),
        below: body[end..].trim(),
    }
}

/// A new body in the place of an old one: ours is replaced, a person's words around it stay. Copies of our markers among them do not.
pub fn renewed(old: &str, new: &str) -> String {
    let Parts { above, below, .. } = parts(old);
    [theirs(above), new.trim().to_string(), theirs(below)]
        .iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// A person's words without copies of our markers.
fn theirs(text: &str) -> String {
    text.lines()
        .filter(|line| !line.contains(BLOCK_BEGIN) && line.trim() != BODY_BEGIN)
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_string()
}

/// A note on top of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldNote {
    /// A stable code, letters, digits, `-` and `.`: a note with the same code is not written again.
    pub code: String,
    /// Why, Markdown on one line.
    pub why: String,
}

/// A body that says on top that it is not to be merged now, and why; without a note one that no longer says so.
pub fn held(body: &str, note: Option<&HeldNote>) -> String {
    let without = match (body.find(HELD_BEGIN), body.find(HELD_END)) {
        (Some(begin), Some(end)) if begin < end => {
            let rest = body[end + HELD_END.len()..].trim_start();
            format!("{}{rest}", &body[..begin])
        }
        _ => body.to_string(),
    };
    let Some(HeldNote { code, why }) = note else {
        return without;
    };
    let code: String = code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        .collect();
    let note = format!(
        "{HELD_BEGIN}{code}{CODE_END}\n> [!CAUTION]\n> **Not to be merged now.** {why}\n{HELD_END}"
    );
    match without.find(BODY_BEGIN) {
        Some(begin) => {
            let (above, ours) = without.split_at(begin + BODY_BEGIN.len());
            format!("{above}\n{note}\n\n{}", ours.trim_start())
        }
        None => format!("{note}\n\n{}", without.trim_start()),
    }
}

/// The code of the note on top of a body, if there is one.
pub fn held_code(body: &str) -> Option<&str> {
    let rest = &body[body.find(HELD_BEGIN)? + HELD_BEGIN.len()..];
    rest.contains(HELD_END)
        .then(|| rest.split(CODE_END).next())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> String {
        format!("{BLOCK_BEGIN}{text} 01234567{BLOCK_END}")
    }

    #[test]
    fn a_persons_words_stay_wherever_they_stand() {
        let ours = |text: &str| format!("{BODY_BEGIN}\n{text}\n\n{}", block("s"));
        let old_form = |text: &str| format!("{text}\n\n{}", block("s"));
        for (old, wanted) in [
            (ours("one"), ours("two")),
            (
                format!("above\n\n{}", ours("one")),
                format!("above\n\n{}", ours("two")),
            ),
            (
                format!("{}\n\nbelow", ours("one")),
                format!("{}\n\nbelow", ours("two")),
            ),
            (
                format!("a\n\n{}\n\nb\n{}\nc", ours("one"), block("forged")),
                format!("a\n\n{}\n\nb\nc", ours("two")),
            ),
            (
                format!("{}\n\nbelow", old_form("one")),
                format!("{}\n\nbelow", ours("two")),
            ),
            (String::new(), ours("two")),
            (
                "all mine".to_string(),
                format!("{}\n\nall mine", ours("two")),
            ),
            (
                format!("above\n\n{BODY_BEGIN}\ndamaged"),
                format!("above\n\n{}\n\ndamaged", ours("two")),
            ),
        ] {
            let new = renewed(&old, &ours("two"));
            assert_eq!(new, wanted, "{old}");
            assert_eq!(renewed(&new, &ours("two")), wanted, "a second time: {old}");
        }
    }

    #[test]
    fn holding_and_letting_go_leave_the_body_as_it_was() {
        let note = |code: &str| HeldNote {
            code: code.to_string(),
            why: "a rule holds it".to_string(),
        };
        for body in [
            format!("above\n\n{BODY_BEGIN}\none\n\n{}", block("s")),
            format!("one\n\n{}", block("s")),
        ] {
            let noted = held(&body, Some(&note("freeze")));
            assert_eq!(held_code(&noted), Some("freeze"));
            assert!(noted.contains("a rule holds it"));
            assert_eq!(held(&noted, Some(&note("freeze"))), noted);
            assert_eq!(held(&noted, None), body);
            assert_eq!(
                held_code(&held(&noted, Some(&note("x --> y.z-1")))),
                Some("x--y.z-1")
            );
            assert_eq!(held_code(&body), None);
            // A new body takes the note away with what was ours.
            assert_eq!(held_code(&renewed(&noted, &body)), None);
        }
    }
}
