//! Plan, assessment, fleet → [`Proposal`], summary, report. Pure: the same input gives the same bytes.

mod chart;
pub mod escape;
pub mod number;
mod proposal;
pub mod rightsize;
mod template;
pub mod words;

pub use proposal::Proposal;
pub use template::TemplateError;
