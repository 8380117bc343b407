//! Which repository, with which token, at which pace.

use crate::config::AccessConfig;
use crate::quantity::without_secrets;
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// A repository on GitHub and the right to write to it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The API's address, for example `https://api.github.com` or `https://ghe.example.org/api/v3`.
    pub api: String,
    /// `owner/name`.
    pub repository: String,
    /// A token of a person, a workflow or an App's installation.
    pub token: SecretString,
    /// Where the token came from, for messages: the name of an environment variable.
    pub token_from: String,
    /// Labels that every pull request gets, besides the proposal's own.
    pub labels: Vec<String>,
    /// Certificates and proxy; the token is not part of it.
    pub access: Box<AccessConfig>,
    /// What the files of `access` are relative to.
    pub folder: PathBuf,
    /// Patience.
    pub pace: Pace,
}

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// One request may take this long.
    pub timeout: Duration,
    /// A request that may be repeated is sent this often at most, at least 1.
    pub tries: u32,
    /// Pause before the second try; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause that GitHub may ask for (`retry-after`, rate limits); a longer one is an error that says until when.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            timeout: Duration::from_secs(30),
            tries: 4,
            first_pause: Duration::from_secs(1),
            longest_wait: Duration::from_secs(90),
        }
    }
}

impl Place {
    /// `https://api.github.com/repos/owner/name`, for messages.
    pub fn shown(&self) -> String {
        format!(
            "{}/repos/{}",
            without_secrets(&self.api).trim_end_matches('/'),
            self.repository
        )
    }

    /// The owner's part of the repository's name.
    pub fn owner(&self) -> &str {
        self.repository
            .split_once('/')
            .map_or(self.repository.as_str(), |(owner, _)| owner)
    }
}
