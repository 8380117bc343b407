//! Plan, assessment, fleet → [`Proposal`], summary, report. Pure: the same input gives the same bytes.

mod assemble;
mod chart;
mod cost_chart;
pub mod escape;
pub mod evaluators;
pub mod experiment;
pub mod number;
mod proposal;
pub mod report;
pub mod revert;
pub mod rightsize;
mod template;
pub mod words;

pub use assemble::{
    ProposalError, fingerprint, revert as propose_revert, rightsize as propose_rightsize,
};
pub use proposal::Proposal;
pub use template::TemplateError;
