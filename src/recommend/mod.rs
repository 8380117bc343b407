//! JobProfile + Demand → [`Recommendation`], or [`Advice::Undetermined`] with its reason.

mod advice;

pub use advice::{
    Advice, Bounds, Direction, Keep, Margin, MemoryNeed, Money, Recommendation, RevertedSize, Risk,
    Saving, Size, Step, Undetermined,
};
