//! The embedded history: one SQLite file that can be copied, cached and carried.
//!
//! Snapshots of the last day are kept whole; older ones become ten-minute blocks of counts and quantiles, with one snapshot an hour for what
//! does not average. Written with a rollback journal, so that after a kill at any point the file is as it was before or after a
//! write, and nothing lies beside it.

mod codec;
mod compaction;
mod damage;
mod failure;
mod settings;
mod store;

pub use settings::Settings;
pub use store::SqliteHistory;
