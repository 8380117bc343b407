//! One escape layer, by sink. Anything that came from a cluster or a manifest passes through here before a person sees it: a job's
//! name can neither mention people, nor link, nor close issues, nor break the page.

/// Markdown text on one line: markup loses its meaning, line breaks become spaces, mentions and references are broken with a
/// zero-width space, controls and direction marks become visible.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut previous = ' ';
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '|' | '!' | '~' => {
                out.push('\\');
                out.push(character);
            }
            '&' => out.push_str("&amp;"),
            '#' => out.push_str("\\#\u{200b}"),
            '@' => out.push_str("@\u{200b}"),
            // A scheme's colon: `https://…` would become a link.
            ':' => out.push_str(":\u{200b}"),
            '-' if previous == 'H' || previous == 'h' => out.push_str("-\u{200b}"),
            '.' if previous == 'w' || previous == 'W' => out.push_str(".\u{200b}"),
            _ if is_hidden(character) => out.push_str(&format!("U+{:04X}", character as u32)),
            _ => out.push(character),
        }
        previous = character;
    }
    out
}

/// A code span that holds the text whatever backticks it has; pipes are escaped, so that it fits a table cell.
pub fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .flat_map(|character| {
            let shown = if is_hidden(character) {
                format!("U+{:04X}", character as u32)
            } else {
                character.to_string()
            };
            shown.chars().collect::<Vec<_>>()
        })
        .collect::<String>()
        .replace('|', "\\|");
    let longest = text
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text inside HTML, in elements and in quoted attributes.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if is_hidden(character) => out.push_str(&format!("U+{:04X}", character as u32)),
            _ => out.push(character),
        }
    }
    out
}

/// A quoted label in a Mermaid diagram: quotes, brackets and anything that is no plain text are left out.
pub fn mermaid(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric() || " .,:/%+()-–−".contains(*character))
        .collect()
}

/// A cell of a CSV file: quoted, and never a formula.
pub fn csv(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_string()
    };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

/// A line on a terminal: no control characters (escape sequences among them), no hidden ones.
pub fn terminal(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() || is_hidden(character) {
                format!("U+{:04X}", character as u32)
            } else {
                character.to_string()
            }
        })
        .collect()
}

/// Controls, zero-width characters and marks that change the direction of text.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_breaks_mentions_links_and_markup() {
        let cases = [
            ("plain name", "plain name"),
            ("@octo/team", "@\u{200b}octo/team"),
            ("fixes #12", "fixes \\#\u{200b}12"),
            ("GH-7", "GH-\u{200b}7"),
            ("https://evil", "https:\u{200b}//evil"),
            ("www.evil", "www.\u{200b}evil"),
            ("a\n## b", "a \\#\u{200b}\\#\u{200b} b"),
            ("<img src=x>|", "\\<img src=x\\>\\|"),
            ("*a* _b_ `c` [d](e)", "\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e)"),
            ("\u{202e}abc", "U+202Eabc"),
            ("a & b", "a &amp; b"),
        ];
        for (input, expected) in cases {
            assert_eq!(markdown(input), expected, "{input:?}");
        }
    }

    #[test]
    fn code_holds_any_backticks() {
        assert_eq!(code("Join"), "`Join`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(code("a|b\nc"), "`a\\|b c`");
    }

    #[test]
    fn csv_cells_are_no_formulas() {
        assert_eq!(csv("=1+1"), "'=1+1");
        assert_eq!(csv("a,\"b\""), "\"a,\"\"b\"\"\"");
    }

    #[test]
    fn html_and_terminal_lose_their_controls() {
        assert_eq!(html("<b>&\"'"), "&lt;b&gt;&amp;&quot;&#39;");
        assert_eq!(terminal("\u{1b}[31mred"), "U+001B[31mred");
    }
}
