//! Headers of every request: tenant, token or password.

use super::error::AccessError;
use crate::config::AccessConfig;
use base64::Engine;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;

/// The headers that the configuration asks for.
pub(super) fn headers(access: &AccessConfig, folder: &Path) -> Result<HeaderMap, AccessError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &access.headers {
        add(&mut headers, "headers", name, value)?;
    }
    for (name, variable) in &access.headers_env {
        let what = format!("headers_env: {name}");
        let value = std::env::var(variable)
            .map_err(|_| AccessError(format!("{what}: the variable {variable} is not set")))?;
        add(&mut headers, "headers_env", name, value.trim())?;
    }
    let authorization = if let Some(basic) = &access.basic {
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
            access.bearer_token_env.as_deref(),
            access.bearer_token_file.as_deref(),
            folder,
        )?
        .map(|token| format!("Bearer {}", token.expose_secret()))
    };
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::try_from(authorization).map_err(|_| {
            AccessError("the token or password can't be put into a header".to_string())
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn add(headers: &mut HeaderMap, key: &str, name: &str, value: &str) -> Result<(), AccessError> {
    let header = HeaderName::try_from(name)
        .map_err(|_| AccessError(format!("{key}: `{name}` is not the name of a header")))?;
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        AccessError(format!(
            "{key}: the value of {name} can't be put into a header"
        ))
    })?;
    value.set_sensitive(true);
    headers.insert(header, value);
    Ok(())
}

/// A secret from an environment variable or a file, without the line's end.
fn secret(
    what: &str,
    variable: Option<&str>,
    file: Option<&str>,
    folder: &Path,
) -> Result<Option<SecretString>, AccessError> {
    let text = match (variable, file) {
        (Some(variable), _) => std::env::var(variable)
            .map_err(|_| AccessError(format!("{what}_env: the variable {variable} is not set")))?,
        (None, Some(file)) => std::fs::read_to_string(folder.join(file))
            .map_err(|error| AccessError(format!("{what}_file: {file}: {error}")))?,
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(AccessError(format!("{what}_env or {what}_file is empty")));
    }
    Ok(Some(SecretString::from(text.to_string())))
}
