//! Headers of every request: tenant, token or password. Secrets come from the environment or a file and are never shown.

use super::error::PrometheusError;
use crate::config::PrometheusConfig;
use base64::Engine;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;

/// The headers that the configuration asks for.
pub(super) fn headers(
    config: &PrometheusConfig,
    folder: &Path,
) -> Result<HeaderMap, PrometheusError> {
    let setup = PrometheusError::Setup;
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let key = HeaderName::try_from(name.as_str())
            .map_err(|_| setup(format!("headers: `{name}` is no name of a header")))?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| {
            setup(format!(
                "headers: the value of {name} can't stand in a header"
            ))
        })?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    let authorization = if let Some(basic) = &config.basic {
        let password = secret(
            "basic.password",
            basic.password_env.as_deref(),
            basic.password_file.as_deref(),
            folder,
        )?;
        let password = password
            .as_ref()
            .map_or("", |password| password.expose_secret());
        let both =
            base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", basic.user));
        Some(format!("Basic {both}"))
    } else {
        secret(
            "bearer_token",
            config.bearer_token_env.as_deref(),
            config.bearer_token_file.as_deref(),
            folder,
        )?
        .map(|token| format!("Bearer {}", token.expose_secret()))
    };
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::try_from(authorization)
            .map_err(|_| setup("the token or password can't stand in a header".to_string()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// A proxy's address without user and password.
pub(super) fn shown(proxy: &str) -> String {
    match proxy.rsplit_once('@') {
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{host}"),
            None => host.to_string(),
        },
        None => proxy.to_string(),
    }
}

/// A secret from an environment variable or a file, without the line's end.
fn secret(
    what: &str,
    variable: Option<&str>,
    file: Option<&str>,
    folder: &Path,
) -> Result<Option<SecretString>, PrometheusError> {
    let text = match (variable, file) {
        (Some(variable), _) => std::env::var(variable).map_err(|_| {
            PrometheusError::Setup(format!("{what}_env: the variable {variable} is not set"))
        })?,
        (None, Some(file)) => std::fs::read_to_string(folder.join(file))
            .map_err(|error| PrometheusError::Setup(format!("{what}_file: {file}: {error}")))?,
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(PrometheusError::Setup(format!(
            "{what}_env or {what}_file is empty"
        )));
    }
    Ok(Some(SecretString::from(text.to_string())))
}
