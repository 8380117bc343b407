//! Why something could not be put together.

/// Why a client could not be put together from the configuration.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// What is configured or was typed can't be used; the sentence tells what to do.
    #[error("{0}")]
    Configuration(String),
    /// Something outside failed: a file, a repository, a server.
    #[error("{0:#}")]
    Outside(#[from] anyhow::Error),
}

impl WorldError {
    /// Something outside failed.
    pub(super) fn outside(error: impl std::error::Error + Send + Sync + 'static) -> WorldError {
        WorldError::Outside(error.into())
    }
}
