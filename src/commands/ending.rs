//! How a command ended, as an exit code.

use crate::pass::PassError;
use crate::world::WorldError;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was typed or configured can't be meant. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The world did not play along. Exit code 1.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code that says so.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Failed(_) => 1,
        }
    }
}

/// How a command that was carried out ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All of it.
    Done,
    /// Some jobs, files or clusters could not be read or written; each was named. Exit code 3.
    Partly,
    /// Changes wait, and `--exit-code` asked. Exit code 10.
    ChangesWait,
}

impl Ended {
    /// The exit code that says so.
    pub fn exit_code(self) -> u8 {
        match self {
            Ended::Done => 0,
            Ended::Partly => 3,
            Ended::ChangesWait => 10,
        }
    }

    /// Partly done when anything is named.
    pub(super) fn with<T>(problems: &[T]) -> Ended {
        if problems.is_empty() {
            Ended::Done
        } else {
            Ended::Partly
        }
    }
}

impl From<WorldError> for Failure {
    fn from(error: WorldError) -> Failure {
        match error {
            WorldError::Configuration(sentence) => Failure::Usage(sentence),
            WorldError::Outside(error) => Failure::Failed(error),
        }
    }
}

impl From<PassError> for Failure {
    fn from(error: PassError) -> Failure {
        Failure::Failed(error.into())
    }
}
