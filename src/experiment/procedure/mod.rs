//! The sequential constrained experiment: from a prior and a few safe runs to a floor with a stated
//! probability. A pure function of what was asked, what was run and a seed.

pub mod conflict;
pub mod gate;
pub mod history;
pub mod learning;
pub mod measurement;
pub mod plan;
pub mod posterior;
pub mod problem;
pub mod recommendation;
pub mod step;

pub use history::{Origin, Outcome, Run};
pub use plan::{Action, Purpose, Rules, StopReason, judged, next_action, standing_recommendation};
pub use posterior::{Observation, Posterior, Reading};
pub use problem::{Candidate, Prices, Prior, Problem, Requirement, Spread};
pub use recommendation::{Recommendation, Standing};
pub use step::{Step, step};
