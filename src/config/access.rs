//! How a server is entered: who we are, whom we trust, through which proxy. The same keys for every client.

use crate::quantity::without_secrets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who we are to a server, whom we trust, and through which proxy it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// Environment variable that holds a bearer token.
    pub bearer_token_env: Option<String>,
    /// File that holds a bearer token; read anew for each run.
    pub bearer_token_file: Option<String>,
    /// User and password.
    pub basic: Option<BasicConfig>,
    /// Further headers, for example `X-Scope-OrgID` for a tenant. Their values are no secrets.
    pub headers: BTreeMap<String, String>,
    /// Further headers by the environment variable that holds the value.
    pub headers_env: BTreeMap<String, String>,
    /// Certificates.
    pub tls: TlsConfig,
    /// A proxy to go through: `http://proxy:3128`, or `none`. The environment's is not used.
    pub proxy: Option<String>,
}

/// User and password of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BasicConfig {
    /// The user.
    pub user: String,
    /// Environment variable that holds the password.
    pub password_env: Option<String>,
    /// File that holds the password.
    pub password_file: Option<String>,
}

/// Certificates, PEM files relative to the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Authorities to trust besides those of the system.
    pub ca: Option<String>,
    /// Our certificate, for a server that asks for one.
    pub certificate: Option<String>,
    /// Its key.
    pub key: Option<String>,
}

/// The word for a proxy that says that there is none.
const NO_PROXY: &str = "none";

impl AccessConfig {
    /// The proxy to go through, if any.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref().filter(|proxy| *proxy != NO_PROXY)
    }

    /// What makes no sense in it, one sentence; `key` is where it is written.
    pub(super) fn wrong(&self, key: &str) -> Option<String> {
        let ways = [
            self.bearer_token_env.is_some(),
            self.bearer_token_file.is_some(),
            self.basic.is_some(),
        ];
        if ways.iter().filter(|way| **way).count() > 1 {
            return Some(format!(
                "{key}: bearer_token_env, bearer_token_file and basic exclude each other"
            ));
        }
        let basic = self.basic.iter().flat_map(|basic| &basic.password_env);
        let variables = self.bearer_token_env.iter().chain(basic);
        let variables = variables.chain(self.headers_env.values());
        for variable in variables {
            let named = |one: char| one.is_ascii_alphanumeric() || one == '_';
            if variable.is_empty() || !variable.chars().all(named) {
                // It may be the secret itself: it is not repeated.
                return Some(format!(
                    "{key}: a key that ends in _env takes the name of an environment variable, such as FLINK_TOKEN; the secret \
                     itself does not belong in the configuration"
                ));
            }
        }
        wrong_tls(&self.tls, &format!("{key}.tls"))
            .or_else(|| wrong_proxy(self.proxy.as_deref(), &format!("{key}.proxy")))
    }

    /// The same, with certificates and proxy that it does not name taken from those that hold for all.
    pub(super) fn or(&self, tls: &TlsConfig, proxy: Option<&String>) -> AccessConfig {
        AccessConfig {
            tls: self.tls.or(tls),
            proxy: self.proxy.clone().or_else(|| proxy.cloned()),
            ..self.clone()
        }
    }
}

impl TlsConfig {
    /// The same, with what it does not name taken from another; a certificate and its key belong together.
    pub(super) fn or(&self, other: &TlsConfig) -> TlsConfig {
        let ours = if self.certificate.is_some() {
            self
        } else {
            other
        };
        TlsConfig {
            ca: self.ca.clone().or_else(|| other.ca.clone()),
            certificate: ours.certificate.clone(),
            key: ours.key.clone(),
        }
    }
}

/// What makes no sense about certificates.
pub(super) fn wrong_tls(tls: &TlsConfig, key: &str) -> Option<String> {
    (tls.certificate.is_some() != tls.key.is_some())
        .then(|| format!("{key}: certificate and key need each other"))
}

/// What makes no sense about a proxy.
pub(super) fn wrong_proxy(proxy: Option<&str>, key: &str) -> Option<String> {
    let proxy = proxy.filter(|proxy| *proxy != NO_PROXY)?;
    let known = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    (!url::Url::parse(proxy).is_ok_and(known)).then(|| {
        let shown = without_secrets(proxy);
        format!("{key}: `{shown}` is not the address of a proxy; write for example http://proxy:3128, or none")
    })
}
