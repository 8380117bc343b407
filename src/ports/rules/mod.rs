//! The rules of a pull request's life: what is opened, updated, kept, held, closed, and what a person's word means. They are pure, and every
//! forge goes by the same.

mod labels;
mod memory;
mod rule;
mod sweep;

pub use labels::{LATER_LABEL, SUPERSEDED_LABEL, WONTFIX_LABEL, WRONG_DATA_LABEL};
pub use memory::{declined, missing_declined};
pub use rule::{EVIDENCE_MS, Ruling, Step, Why, rule};
pub use sweep::{Act, Says, goes, says, sweep};
