//! Addresses as they may be shown.

use url::Url;

/// An address without what may be secret in it: user, password, query and fragment. What is not an address at all loses everything
/// up to its last `@`, and everything from `?` or `#` on.
pub fn without_secrets(address: &str) -> String {
    let address = address.trim();
    match Url::parse(address) {
        Ok(mut url) if url.has_host() => {
            // Both fail only for addresses that cannot hold credentials.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.set_fragment(None);
            let shown = url.to_string();
            // An address without a path is shown as it is written.
            match (shown.strip_suffix('/'), url.path()) {
                (Some(shown), "/") => shown.to_string(),
                _ => shown,
            }
        }
        _ => {
            let plain = address.split(['?', '#']).next().unwrap_or_default();
            let host = plain.rsplit('@').next().unwrap_or_default();
            match (plain.split_once("://"), plain.contains('@')) {
                (Some((scheme, _)), true) if !scheme.contains('@') => format!("{scheme}://{host}"),
                _ => host.to_string(),
            }
        }
    }
}

/// Whether an address carries a user or a password.
pub fn carries_credentials(address: &str) -> bool {
    let user = |url: Url| !url.username().is_empty() || url.password().is_some();
    Url::parse(address.trim()).is_ok_and(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_never_shown() {
        for (address, shown) in [
            ("http://host:8081", "http://host:8081"),
            ("http://host:8081/", "http://host:8081"),
            ("https://host/flink/orders", "https://host/flink/orders"),
            ("http://user:secret@host:8081/a", "http://host:8081/a"),
            ("http://secret@host", "http://host"),
            ("http://host/a?token=secret#secret", "http://host/a"),
            ("http://u:sec ret@host:8081", "http://host:8081"),
            ("http://u:secret@[::1", "http://[::1"),
            ("u:secret@host:8081", "host:8081"),
            ("u:secret@host?x=secret", "host"),
            ("socks5h://u:secret@proxy:1080", "socks5h://proxy:1080"),
            ("host:8081", "host:8081"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(address), shown, "{address}");
        }
        assert!(carries_credentials("http://u:p@host") && carries_credentials("http://u@host"));
        assert!(!carries_credentials("http://host/@x"));
    }

    proptest! {
        #[test]
        fn whatever_the_password_it_is_not_shown(
            password in "[a-zA-Z0-9 %:/?#@!$&'()*+,;=~_.-]{6,20}",
            before in "(https?|socks5)://user:",
        ) {
            // A text by which it would be recognised.
            let secret = format!("Tr0ub4dor{password}x");
            let address = format!("{before}{secret}@host:8081/path");
            // Where a `/`, `?` or `#` ends the host, what is behind it is no password to anybody.
            prop_assume!(!password.contains(['/', '?', '#']));
            prop_assert!(!without_secrets(&address).contains("Tr0ub4dor"), "{}", without_secrets(&address));
        }
    }
}
