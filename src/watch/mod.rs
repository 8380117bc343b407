//! A merged change in a later history → `Assessment`: waiting, watching, settled, regressed, blind. A function of the change's
//! evidence, the job's history and the time: it uses the thresholds in the evidence, not today's settings.

mod assess;
mod assessment;
mod baseline;
mod breach;
mod direction;
mod growth;
mod live;
mod reconciled;
mod revert;
mod settings;
mod signals;
mod sustained;
mod thresholds;
mod words;

pub use assess::{Merge, assess};
pub use assessment::{Assessment, Breach, Shift, Signal, WaitingFor};
pub use baseline::baseline;
pub use direction::{Way, grew_in_every_dimension, is_shortage, part_that_hurts, way};
pub use revert::{Restoration, TakenOver, restoration, same_value};
pub use settings::Settings;
pub use thresholds::thresholds;
