//! Which repository on GitHub, with which token: configuration, the remote `origin` and the environment together.

use crate::clients::github::{Origin, Pace, Place, origin};
use crate::clients::repository::GitRepository;
use crate::config::{AccessConfig, GithubConfig};
use camino::Utf8Path;
use secrecy::SecretString;
use std::env;

/// What is known of GitHub before it is asked.
pub enum Found {
    /// A repository and a token for it.
    Ready(Box<Place>),
    /// A repository that can't be written to yet: one sentence.
    Lacking(String),
    /// The remote `origin` is elsewhere, and no repository is configured.
    Elsewhere,
}

/// Looks for the repository that a clone came from. A host counts as GitHub when it is github.com, when the configuration names its
/// API, or when a workflow's environment says that it runs there. Certificates are relative to `folder`.
pub fn find(settings: &GithubConfig, folder: &Utf8Path, clone: &GitRepository) -> Found {
    let remote = clone.origin().as_deref().and_then(origin);
    let known = remote.filter(|remote| is_github(remote, settings.api.as_deref()));
    let repository = settings
        .repository
        .clone()
        .or_else(|| known.as_ref().map(|known| known.repository.clone()));
    let Some(repository) = repository else {
        return Found::Elsewhere;
    };
    let api = settings
        .api
        .clone()
        .or_else(|| known.as_ref().map(Origin::api))
        .unwrap_or_else(|| "https://api.github.com".to_string());
    let variable = &settings.token_env;
    let token = env::var(variable).unwrap_or_default();
    if token.trim().is_empty() {
        return Found::Lacking(format!(
            "{repository} is on GitHub, and the environment variable {variable} holds no token: set it (see docs/github.md for the permissions it needs)"
        ));
    }
    Found::Ready(Box::new(Place {
        api,
        repository,
        token: SecretString::from(token.trim().to_string()),
        token_from: variable.clone(),
        labels: settings.labels.clone(),
        access: Box::new(AccessConfig {
            tls: settings.tls.clone(),
            proxy: settings.proxy.clone(),
            ..AccessConfig::default()
        }),
        folder: folder.as_std_path().to_path_buf(),
        pace: Pace::default(),
    }))
}

fn is_github(remote: &Origin, api: Option<&str>) -> bool {
    let workflow = env::var("GITHUB_SERVER_URL").ok();
    let workflow = workflow
        .as_deref()
        .and_then(|server| server.split_once("://"))
        .map(|(_, host)| host.trim_end_matches('/').to_ascii_lowercase());
    remote.host == "github.com"
        || remote.host.ends_with(".ghe.com")
        || api.is_some_and(|api| remote.is_served_by(api))
        || workflow.as_deref() == Some(remote.host.as_str())
}
