//! What a job's owner says on the job, by annotation: mode, reason, tier, owner, hold-until, evaluator, collector, realizer. It is
//! parsed once, here; what is not understood is named, and never taken for a default: a word that nobody can read bars every change.

mod annotation;
mod date;
mod mode;
mod read;
#[cfg(test)]
mod tests;
mod unreadable;

pub use annotation::{Annotation, PREFIX, concerns_us};
pub use mode::Mode;
pub use read::{Offered, Owner};
pub use unreadable::Unreadable;
