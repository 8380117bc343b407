//! What a list of a cluster found, and what of it could not be listed.

use super::object::Found;
use crate::ports::ObserveError;
use crate::snapshot::{JobKey, JobKind};
use std::collections::BTreeMap;

/// A part of a cluster that could not be listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The kind; absent when it concerns all.
    pub kind: Option<JobKind>,
    /// The namespace; absent when it concerns all.
    pub namespace: Option<String>,
    /// What went wrong.
    pub error: ObserveError,
}

impl Problem {
    /// Whether a job lies in what could not be listed: then nothing is known of it.
    pub fn covers(&self, job: &JobKey) -> bool {
        self.kind.is_none_or(|kind| kind == job.kind)
            && self
                .namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == job.namespace)
    }
}

/// What a list of everything found.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub found: BTreeMap<JobKey, Found>,
    pub problems: Vec<Problem>,
}
