//! How every HTTP client of ours is set up: credentials, certificates, proxy. Secrets come from the environment or a file and are
//! never shown.

mod error;
mod headers;
mod page;

pub use error::AccessError;
pub(super) use page::page;

use crate::config::AccessConfig;
use crate::quantity::without_secrets;
use std::path::Path;

/// A client that enters a server as the configuration says, for limits to be added. Files are relative to `folder`, environment
/// variables are read now.
///
/// # Errors
/// When a secret, certificate, header or proxy is missing or unreadable.
pub(super) fn client(
    access: &AccessConfig,
    folder: &Path,
) -> Result<reqwest::ClientBuilder, AccessError> {
    // Another part of the program may have installed one already; then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .default_headers(headers::headers(access, folder)?)
        .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")));
    builder = match access.proxy() {
        Some(proxy) => builder.proxy(
            reqwest::Proxy::all(proxy)
                .map_err(|error| AccessError(format!("proxy: {}", innermost(&error))))?
                // Which addresses are near is a property of where this runs, and is written there.
                .no_proxy(reqwest::NoProxy::from_env()),
        ),
        None => builder.no_proxy(),
    };
    let pem = |name: &str, file: &str| {
        std::fs::read(folder.join(file))
            .map_err(|error| AccessError(format!("tls.{name}: {file}: {error}")))
    };
    if let Some(file) = &access.tls.ca {
        let authorities = reqwest::Certificate::from_pem_bundle(&pem("ca", file)?)
            .map_err(|error| AccessError(format!("tls.ca: {file}: {}", innermost(&error))))?;
        if authorities.is_empty() {
            return Err(AccessError(format!("tls.ca: {file} holds no certificate")));
        }
        for authority in authorities {
            builder = builder.add_root_certificate(authority);
        }
    }
    if let (Some(certificate), Some(key)) = (&access.tls.certificate, &access.tls.key) {
        let mut both = pem("key", key)?;
        both.push(b'\n');
        both.extend(pem("certificate", certificate)?);
        let identity = reqwest::Identity::from_pem(&both).map_err(|error| {
            AccessError(format!(
                "tls: {certificate} and {key} are not a pair: {}",
                innermost(&error)
            ))
        })?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// Finishes a client.
///
/// # Errors
/// When the TLS library refuses the certificates.
pub(super) fn built(
    builder: reqwest::ClientBuilder,
    access: &AccessConfig,
) -> Result<reqwest::Client, AccessError> {
    builder.build().map_err(|error| {
        let why = innermost(&error);
        AccessError(match (&access.tls.certificate, &access.tls.key) {
            (Some(certificate), Some(key)) => format!("tls: {certificate} with {key}: {why}"),
            _ => why,
        })
    })
}

/// The proxy of a client as it may be shown.
pub(super) fn shown_proxy(access: &AccessConfig) -> Option<String> {
    access.proxy().map(without_secrets)
}

/// The innermost cause says most: `connection refused`, not `error sending request`.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
