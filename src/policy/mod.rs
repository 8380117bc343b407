//! Recommendation → [`Decision`]: may we, now? Typed limits, each a [`Rule`] with its id and reason; every decision names the
//! rules that passed, amended or held.

mod decide;
mod rule;

pub use decide::{Decision, RuleOutcome, Ruling, Standing, bounds, decide};
pub use rule::{Limit, Mode, Rule, RuleError, Selector, shipped, with_overrides};
