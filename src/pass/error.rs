//! Why a pass could not be made at all. What concerns one job is that job's.

use crate::ports::{ForgeError, HistoryError, RepositoryError};
use crate::record::LedgerError;

/// A port that a pass can't do without failed.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The history.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The forge.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// An entry of the ledger could not be written down.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file from another job asks for what may not be written. Nothing of it was.
    #[error("{0}")]
    Refused(String),
}
