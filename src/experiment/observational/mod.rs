//! What a job's past says before any experiment: sizes it ran at are runs of lower weight. Whatever
//! follows from them alone is "not tested".

pub mod chance;
pub mod past;
pub mod slope;

pub use chance::{Observed, Question, observe};
pub use past::{Basis, PastRun, past_runs};
pub use slope::{ObservedSlope, observational_slope};
