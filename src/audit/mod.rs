//! Git history + ledger → every change of a resource, its evidence, its outcome. Nothing else is needed: evidence files identify
//! changes, so that squash and rebase lose none, and what changed without evidence was done by hand.

mod appended;
mod believed;
mod by_hand;
mod change;
mod follow;
mod found;
mod merged;
mod opinion;
mod outcome;

pub use appended::KnownChanges;
pub use by_hand::{JobResources, Resources};
pub use change::{Audit, ChangeRecord, Outcome};
pub use follow::missing_entries;
pub use found::Sources;
pub use opinion::by_hand as opinion_by_hand;

use found::Found;

/// Finds every change and what became of it, oldest first. `resources` reads the resource fields of the jobs in a manifest; a
/// manifest that it can't read has none.
pub fn audit(sources: Sources<'_>, resources: &Resources<'_>) -> Audit {
    let merged::Merged {
        mut changes,
        replaced,
        problems,
    } = merged::changes(sources, resources);
    let ours: Vec<&Found> = changes.iter().chain(&replaced).collect();
    let by_hand = by_hand::changes(sources, &ours, resources);
    changes.extend(by_hand);
    changes.sort_by_key(|change| change.position);
    outcome::decide(&mut changes, sources.ledger);
    Audit {
        changes: changes.into_iter().map(|found| found.record).collect(),
        problems,
    }
}
