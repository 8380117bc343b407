//! What we leave in git: the evidence of a change, the trailers of its commit, the state block of its pull request, the ledger.
//! Written and parsed here, so that the two sides can't drift apart.

mod evidence;
mod ledger;

pub use evidence::{Baseline, ChangeKind, Evidence, FieldChange, SavingRecord, Thresholds};
pub use ledger::{Event, LedgerEntry};
