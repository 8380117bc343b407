//! From the URL of a git remote to the API of its host.

/// A repository on a host that may be GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The host, lower case.
    pub host: String,
    /// `owner/name`.
    pub repository: String,
}

impl Origin {
    /// The API's address, as GitHub and GitHub Enterprise Server have it.
    pub fn api(&self) -> String {
        if self.host == "github.com" {
            "https://api.github.com".to_string()
        } else {
            format!("https://{}/api/v3", self.host)
        }
    }

    /// Whether this host is served by an API at this address: GitHub's own, Enterprise Server's (same host) or Enterprise Cloud's with data
    /// residency (`api.` before it).
    pub fn is_served_by(&self, api: &str) -> bool {
        let host = url::Url::parse(api)
            .ok()
            .and_then(|url| url.host_str().map(str::to_ascii_lowercase));
        host.is_some_and(|host| host == self.host || host == format!("api.{}", self.host))
    }
}

/// Reads a remote's URL: `https://host/owner/name(.git)`, `ssh://git@host(:port)/owner/name` or `git@host:owner/name`. A user name
/// or token in it is left out. None for a path or another shape.
pub fn origin(remote: &str) -> Option<Origin> {
    let (host, path) = match remote.split_once("://") {
        Some(("https" | "http" | "ssh" | "git", _)) => {
            let url = url::Url::parse(remote).ok()?;
            (url.host_str()?.to_string(), url.path().to_string())
        }
        Some(_) => return None,
        None => {
            let (host, path) = remote.split_once(':')?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            (host.to_string(), path.to_string())
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.split_once('/')?;
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    // `ssh.github.com` is GitHub's door for networks that let no ssh out.
    let host = host.to_ascii_lowercase();
    let host = if host == "ssh.github.com" {
        "github.com".to_string()
    } else {
        host
    };
    (plain(owner) && plain(name) && host.contains('.')).then(|| Origin {
        host,
        repository: format!("{owner}/{name}"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn remotes_name_their_repository_and_no_secret() {
        for (remote, host, repository) in [
            (
                "https://github.com/acme/flink.git",
                "github.com",
                "acme/flink",
            ),
            ("https://github.com/acme/flink", "github.com", "acme/flink"),
            (
                "https://x:secret@github.com/acme/flink.git/",
                "github.com",
                "acme/flink",
            ),
            ("git@github.com:acme/flink.git", "github.com", "acme/flink"),
            (
                "ssh://git@ssh.github.com:443/acme/flink.git",
                "github.com",
                "acme/flink",
            ),
            (
                "ssh://git@GHE.example.org/acme/fl.ink",
                "ghe.example.org",
                "acme/fl.ink",
            ),
        ] {
            let read = origin(remote).unwrap();
            assert_eq!(
                (read.host.as_str(), read.repository.as_str()),
                (host, repository),
                "{remote}"
            );
        }
        for remote in [
            "/srv/git/flink.git",
            "file:///srv/git",
            "C:\\git\\x",
            "https://github.com/acme",
            "https://github.com/a/b/c",
            "git@host:a/b?c",
            "",
        ] {
            assert_eq!(origin(remote), None, "{remote}");
        }
    }

    #[test]
    fn a_host_has_its_api() {
        let github = origin("git@github.com:a/b").unwrap();
        assert_eq!(github.api(), "https://api.github.com");
        assert!(github.is_served_by("https://api.github.com/"));
        assert!(!github.is_served_by("https://ghe.example.org/api/v3"));
        let own = origin("https://ghe.example.org/a/b").unwrap();
        assert_eq!(own.api(), "https://ghe.example.org/api/v3");
        assert!(own.is_served_by("https://ghe.example.org/api/v3"));
    }
}
