//! The key that files between two jobs are signed with.

use super::WorldError;
use crate::config::SealConfig;
use crate::record::SealKey;
use std::env;

/// The key, if one is set.
///
/// # Errors
/// When it is too short, or has to be set and is not.
pub fn seal_key(settings: &SealConfig) -> Result<Option<SealKey>, WorldError> {
    let variable = &settings.key_env;
    match env::var(variable) {
        Ok(text) if !text.trim().is_empty() => SealKey::new(&text)
            .map(Some)
            .map_err(|error| WorldError::Configuration(format!("{variable}: {error}"))),
        _ if settings.required => Err(WorldError::Configuration(format!(
            "the configuration says `seal: {{required: true}}`, and the environment variable {variable} holds no key: set it in both jobs"
        ))),
        _ => Ok(None),
    }
}
