//! The forge `github`.

use super::access::{TlsConfig, wrong_proxy, wrong_tls};
use crate::quantity::{carries_credentials, without_secrets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The forge `github`: GitHub, and GitHub Enterprise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GithubConfig {
    /// The API's address. Absent: that of the remote `origin`'s host (`https://api.github.com`, or `https://HOST/api/v3`).
    pub api: Option<String>,
    /// `owner/name`. Absent: the remote `origin`'s.
    pub repository: Option<String>,
    /// The environment variable that holds the token.
    pub token_env: String,
    /// Labels that every pull request gets, besides `plimsoll` and those that its kind has.
    pub labels: Vec<String>,
    /// Certificates.
    pub tls: TlsConfig,
    /// A proxy to go through: `http://proxy:3128`, or `none`.
    pub proxy: Option<String>,
}

impl Default for GithubConfig {
    fn default() -> Self {
        GithubConfig {
            api: None,
            repository: None,
            token_env: "GITHUB_TOKEN".to_string(),
            labels: Vec::new(),
            tls: TlsConfig::default(),
            proxy: None,
        }
    }
}

impl GithubConfig {
    /// What makes no sense in it, one sentence.
    pub(super) fn refuse(&self) -> Option<String> {
        let url = |api: &String| {
            url::Url::parse(api)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
                .is_none()
        };
        if let Some(api) = self.api.as_ref().filter(|api| url(api)) {
            return Some(format!(
                "forge.github.api: `{}` is not an address; write https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise",
                without_secrets(api)
            ));
        }
        if self.api.as_deref().is_some_and(carries_credentials) {
            return Some(
                "forge.github.api holds credentials: take them out; the token comes from the environment variable that token_env names"
                    .to_string(),
            );
        }
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        let shape = |name: &String| {
            name.split_once('/')
                .is_none_or(|(owner, name)| !plain(owner) || !plain(name))
        };
        if let Some(name) = self.repository.as_ref().filter(|name| shape(name)) {
            return Some(format!(
                "forge.github.repository: `{name}` is not a repository; write owner/name"
            ));
        }
        let variable = &self.token_env;
        let named = !variable.is_empty()
            && variable
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !named {
            // It may be the token itself: it is not repeated.
            return Some(
                "forge.github.token_env names the environment variable that holds the token, for example GITHUB_TOKEN; the token itself does not belong in the configuration".to_string(),
            );
        }
        wrong_tls(&self.tls, "forge.github.tls")
            .or_else(|| wrong_proxy(self.proxy.as_deref(), "forge.github.proxy"))
    }
}
