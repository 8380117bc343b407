//! Why an experiment cannot be designed or judged, with the remedy.

use thiserror::Error;

use crate::statistics::StatisticsError;

/// What can go wrong between a question and a recommendation.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ExperimentError {
    /// Numbers that a model refuses.
    #[error("cannot estimate: {0}")]
    Statistics(#[from] StatisticsError),
    /// No candidate is left.
    #[error(
        "no candidate is left after `{constraint}`; widen the ranges, raise the quota or relax that constraint"
    )]
    NoCandidates {
        /// The last constraint that removed some.
        constraint: String,
    },
    /// A factor without two levels.
    #[error("factor `{factor}` has {levels} level; give it at least two or leave it out")]
    OneLevel {
        /// The factor.
        factor: String,
        /// Levels given.
        levels: usize,
    },
    /// Generators that cannot be read.
    #[error(
        "generator `{generator}` is unusable: {reason}; write letters of base factors such as `a b c ab -ac`"
    )]
    BadGenerator {
        /// The generator.
        generator: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// No design of that kind for that number of factors or runs.
    #[error("there is no {design} for `{asked}`; use {instead}")]
    NoSuchDesign {
        /// The kind of design.
        design: &'static str,
        /// What was asked for.
        asked: String,
        /// What to use instead.
        instead: &'static str,
    },
    /// Not enough runs for the terms.
    #[error(
        "{runs} runs cannot estimate {parameters} terms; allow at least {parameters} runs or drop terms"
    )]
    TooFewRuns {
        /// Runs allowed.
        runs: usize,
        /// Terms asked for.
        parameters: usize,
    },
    /// No choice of candidates estimates the terms.
    #[error(
        "the candidates cannot separate the terms; drop a term or add candidates that vary its factors"
    )]
    SingularCandidates,
    /// Every run failed.
    #[error(
        "all {runs} runs failed; restore the baseline, check that it runs at all, and start from a larger configuration"
    )]
    AllRunsFailed {
        /// Runs made.
        runs: usize,
    },
    /// A larger configuration failed where a smaller one passed.
    #[error(
        "runs contradict: candidate {larger} failed with more memory per slot than candidate {smaller}, which passed; suspect interference, repeat both in one block"
    )]
    Contradiction {
        /// The candidate that failed.
        larger: usize,
        /// The candidate that passed.
        smaller: usize,
    },
    /// A run names a candidate that is not there.
    #[error("run names candidate {candidate}, but there are {candidates}; count candidates from 0")]
    UnknownCandidate {
        /// The position named.
        candidate: usize,
        /// How many there are.
        candidates: usize,
    },
    /// A setting outside its range.
    #[error("`{what}` is `{value}`; it must be {range}")]
    OutOfRange {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// The range in words.
        range: &'static str,
    },
}

/// Shorthand of this room.
pub type Result<T> = std::result::Result<T, ExperimentError>;
