//! The sequential constrained experiment: from a prior and a few safe runs to a floor with a stated
//! probability. A pure function of what was asked, what was run and a seed.

pub mod posterior;
pub mod problem;
pub mod step;

pub use posterior::{Observation, Posterior, Reading};
pub use problem::{Candidate, Prices, Prior, Problem, Requirement, Spread};
pub use step::{Step, step};
