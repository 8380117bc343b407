//! JobProfile + Demand → [`Recommendation`], or [`Advice::Undetermined`] with its reason.
//!
//! A size must hold four things at once: its subtasks the load, its cores the computing, its memory pools what is kept
//! in them, its TaskManagers' bandwidth the checkpoints. [`recommend`] takes the cheapest that does.

mod advice;
mod autoscaler;
mod autoscaler_limits;
mod carrying;
mod checkpoint_fit;
mod differences;
mod explanation;
mod job;
mod measured;
mod memory_need;
mod opinion;
mod past;
mod present;
mod reason;
mod scalability;
mod search;
mod settings;
mod side_by_side;
mod sizing;
mod spread;
#[cfg(test)]
mod tests;

pub use advice::{
    Advice, Bounds, Direction, Keep, Margin, MemoryNeed, Money, Recommendation, RevertedSize, Risk,
    Saving, Size, Step, Undetermined,
};
pub use autoscaler::{AutoscalerAdvice, OptionAdvice, autoscaler_advice};
pub use present::{Present, Prices};
pub use reason::SizingReason;
pub use settings::Settings;
pub use side_by_side::{Opinion, Says, SideBySide, side_by_side};
pub use sizing::recommend;
