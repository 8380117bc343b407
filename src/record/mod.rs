//! What we leave in git: the evidence of a change, the trailers of its commit, the state block of its pull request, the ledger.
//! Written and parsed here, so that the two sides can't drift apart.

mod artifact;
mod blocks;
mod body;
mod branch;
mod canonical;
mod commit;
mod evidence;
mod file;
mod heartbeat;
mod ledger;
mod stance;
mod state;
mod trailers;

pub use artifact::{ArtifactError, SealKey, seal, unseal};
pub use body::{BODY_BEGIN, HeldNote, Parts, held, held_code, parts, renewed};
pub use branch::{ChangeBranch, LEDGER_BRANCH, OwnBranch, branch};
pub use canonical::sha256_hex;
pub use commit::{AUTHOR_EMAIL, AUTHOR_NAME, Commit, FileChange};
pub use evidence::{Baseline, ChangeKind, Evidence, FieldChange, SavingRecord, Thresholds};
pub use file::{
    EVIDENCE_FOLDER, EVIDENCE_LIMIT, EVIDENCE_SCHEMA, EvidenceError, EvidenceFile, evidence_digest,
    evidence_path, evidence_schema,
};
pub use heartbeat::{blind_since, check_heartbeat, heartbeat, is_heartbeat};
pub use ledger::{Event, LEDGER_SCHEMA, LedgerEntry, LedgerError, read_ledger};
pub use stance::{Dimension, SAVING_POINTS, Stance};
pub use state::State;
pub use trailers::Trailers;
