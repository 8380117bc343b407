//! Why a client can't be set up.

/// Why a client can't be set up: one sentence that names the key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AccessError(pub(in crate::clients) String);
