//! Pages for people where a document was expected: a login, an error of a proxy, a web interface.

/// Characters of a page's title that are shown.
const SHOWN: usize = 60;

/// What an HTML page calls itself: its title, or an empty text without one; none where the body is not HTML. Foreign text.
pub(in crate::clients) fn page(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(64 << 10)]);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.to_ascii_lowercase();
    let is_page = lower.starts_with("<!doctype html")
        || lower.starts_with("<html")
        || (lower.starts_with('<') && lower.contains("<html"));
    if !is_page {
        return None;
    }
    let title = || {
        let start = lower.find("<title")?;
        let open = start + lower[start..].find('>')? + 1;
        let close = open + lower[open..].find("</title")?;
        let words: Vec<&str> = text.get(open..close)?.split_whitespace().collect();
        let title = words.join(" ");
        Some(
            title
                .chars()
                .filter(|one| !one.is_control())
                .take(SHOWN)
                .collect(),
        )
    };
    Some(title().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_first_words() {
        for (body, title) in [
            (
                "<!DOCTYPE html><html><head><title>Sign in · Okta</title></head>",
                Some("Sign in · Okta"),
            ),
            (
                "\u{feff}\n <html lang=en><title >\n Apache Flink\nWeb Dashboard </title>",
                Some("Apache Flink Web Dashboard"),
            ),
            (
                "<?xml version='1.0'?><!DOCTYPE html><html></html>",
                Some(""),
            ),
            ("<HTML><body>502 Bad Gateway", Some("")),
            ("<html><title>broken", Some("")),
            ("{\"jobs\": []}", None),
            ("", None),
            ("<Error><Code>AccessDenied</Code></Error>", None),
        ] {
            assert_eq!(page(body.as_bytes()).as_deref(), title, "{body}");
        }
    }
}
