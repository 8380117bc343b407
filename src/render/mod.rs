//! Plan, assessment, fleet → [`Proposal`], summary, report. Pure: the same input gives the same bytes.

mod proposal;

pub use proposal::Proposal;
