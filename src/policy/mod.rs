//! Recommendation → [`Decision`]: may we, now? Typed limits, each a [`Rule`] with its id and reason, and conditions in CEL that say when a
//! rule applies; every decision names the rules that passed, amended or held.

mod case;
mod condition;
mod decide;
mod rule;
mod typing;

pub use crate::owner::Mode;
pub use case::{
    Case, ChangeFacts, CheckpointFacts, JobFacts, LastChangeFacts, LoadFacts, NowFacts, SizeFacts,
};
pub use condition::{Condition, Misfit};
pub use decide::{Decision, RuleOutcome, Ruling, Standing, bounds, decide};
pub use rule::{Limit, Rule, RuleError, RuleTest, Selector, shipped, with_overrides};
