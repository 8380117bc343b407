//! JobProfile + Demand → [`Recommendation`], or [`Advice::Undetermined`] with its reason.
//!
//! A size must hold four things at once: its subtasks the load, its cores the computing, its memory pools what is kept
//! in them, its TaskManagers' bandwidth the checkpoints. [`recommend`] takes the cheapest that does.

mod advice;
mod autoscaler;
mod autoscaler_limits;
mod checkpoint_fit;
mod differences;
mod explanation;
mod job;
mod killed;
mod measured;
mod memory_need;
mod present;
mod raised;
mod reason;
mod rescue;
mod search;
mod settings;
mod side_by_side;
mod sizing;
#[cfg(test)]
mod tests;

pub use crate::model::Size;
pub use advice::{
    Advice, Bounds, Direction, Keep, Kept, Margin, MemoryNeed, Money, Recommendation, RevertedSize,
    Risk, Saving, Shortage, Step, Towards, Undetermined,
};
pub use autoscaler::{AutoscalerAdvice, OptionAdvice, autoscaler_advice};
pub use present::{Present, Prices};
pub use reason::SizingReason;
pub use settings::Settings;
pub use side_by_side::{Opinion, Says, SideBySide, side_by_side};
pub use sizing::{no_size, recommend};
