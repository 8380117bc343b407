//! One pass over a fleet through ports only: observe, judge, plan, propose, revert. A pass is given what it needs, returns what it
//! learnt, and prints nothing.

mod books;
mod answer;
mod collectors;
mod ended;
mod error;
mod evaluators;
mod fleet;
mod heartbeat;
mod history;
mod judge;
mod known;
mod locate;
mod observe;
mod opinions;
mod plan;
mod propose;
mod proposed;
mod realize;
mod revert;
mod sealed;
mod sessions;
mod settings;
mod standing;
mod tidy;
mod watch;
mod watching;

pub use books::{Books, books};
pub use error::PassError;
pub use fleet::Fleet;
pub use heartbeat::Blind;
pub use history::history;
pub use judge::{Judged, judge};
pub use known::{Known, know};
pub use locate::locate;
pub use observe::{Observed, Observing, observe};
pub use plan::{Made, Planning, plan};
pub use propose::propose;
pub use proposed::{Done, Proposed};
pub use realize::realize;
pub use revert::{Revert, revert};
pub use sealed::{Due, Sealed, SealedError};
pub use settings::Settings;
pub use watch::{Followed, Watched, follow, leave};
pub use watching::Watching;
