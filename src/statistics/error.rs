//! What can go wrong with numbers, each with its remedy.

use thiserror::Error;

/// Why a statistic cannot be given. Every message says what to do about it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StatisticsError {
    /// No observation at all.
    #[error("`{what}` holds no observation; collect at least {needed}")]
    Empty {
        /// The argument.
        what: &'static str,
        /// The least number of observations.
        needed: usize,
    },
    /// Fewer observations than the statistic needs.
    #[error(
        "`{what}` has {have} observations, {needed} are needed; collect more or use a simpler statistic"
    )]
    TooFew {
        /// The argument.
        what: &'static str,
        /// Observations given.
        have: usize,
        /// Observations needed.
        needed: usize,
    },
    /// NaN or an infinity among the observations.
    #[error(
        "`{what}` is not finite at position {index} (`{value}`); drop or repair that observation first"
    )]
    NotFinite {
        /// The argument.
        what: &'static str,
        /// Position from 0.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// A parameter outside its range.
    #[error("`{what}` is `{value}`; it must lie {range}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// The offending value.
        value: f64,
        /// The range in words.
        range: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error(
        "`{left}` has {left_len} entries and `{right}` has {right_len}; give one for each observation"
    )]
    LengthMismatch {
        /// The first argument.
        left: &'static str,
        /// Its length.
        left_len: usize,
        /// The second argument.
        right: &'static str,
        /// Its length.
        right_len: usize,
    },
    /// All observations are equal, so there is no spread to judge by.
    #[error(
        "all values of `{what}` are equal; without spread there is nothing to compare: add runs that differ or replicate"
    )]
    ZeroVariance {
        /// The argument.
        what: &'static str,
    },
    /// Not enough runs for the parameters of the model.
    #[error(
        "{runs} runs cannot estimate {parameters} parameters and the noise; drop terms, add runs, or judge an unreplicated factorial by Lenth's method"
    )]
    TooFewRuns {
        /// Runs given.
        runs: usize,
        /// Parameters asked for.
        parameters: usize,
    },
    /// The columns of the model matrix depend on each other.
    #[error(
        "the design is singular: term `{term}` is a combination of the others; drop it or add runs that separate them"
    )]
    Singular {
        /// The first term that adds nothing.
        term: String,
    },
    /// The columns nearly depend on each other.
    #[error(
        "the design is ill-conditioned (condition number `{condition:.2e}`, limit 1e10); code factors to [-1, 1] or drop terms"
    )]
    IllConditioned {
        /// Condition number after scaling the columns to length one.
        condition: f64,
    },
    /// A factor that was never varied.
    #[error("factor `{factor}` has only one level; vary it or leave it out of the model")]
    OneLevel {
        /// The factor.
        factor: String,
    },
    /// A term names a column that is not there.
    #[error(
        "term `{term}` names column `{column}`, which the data lack; add the column or correct the term"
    )]
    UnknownColumn {
        /// The term.
        term: String,
        /// The missing column.
        column: String,
    },
    /// A term that cannot be read.
    #[error("term `{term}` cannot be read; write `A`, `A:B` or `A^2`")]
    BadTerm {
        /// The text.
        term: String,
    },
    /// Outcomes are separated, so maximum likelihood has no maximum.
    #[error(
        "the outcomes are separated: the likelihood has no maximum; use Firth's estimate or add runs near the threshold"
    )]
    Separated,
    /// All outcomes are the same.
    #[error("all outcomes are `{outcome}`; a threshold needs runs on both sides")]
    OneOutcome {
        /// The outcome all runs share.
        outcome: f64,
    },
    /// An iteration did not come to rest.
    #[error(
        "`{what}` did not converge in {iterations} steps; start nearer or use more and better spread runs"
    )]
    NoConvergence {
        /// The procedure.
        what: &'static str,
        /// Steps done.
        iterations: usize,
    },
    /// No replicated point, hence no pure error.
    #[error(
        "no point was run twice, so there is no pure error to judge lack of fit by; replicate the baseline"
    )]
    NoReplicates,
    /// One run alone fixes a parameter, so it cannot be predicted from the others.
    #[error(
        "run {run} alone determines a parameter (leverage one); replicate it before asking how well it is predicted"
    )]
    FullLeverage {
        /// Position of the run from 0.
        run: usize,
    },
    /// A matrix that ought to be a covariance is not positive definite.
    #[error(
        "`{what}` is not positive definite; check variances are positive and points are not repeated without noise"
    )]
    NotPositiveDefinite {
        /// The matrix.
        what: &'static str,
    },
    /// The sample is too small to bound the quantile at this confidence.
    #[error(
        "{have} observations cannot bound the `{quantile}` quantile with confidence `{confidence}`; {needed} are needed, or bound a lower quantile"
    )]
    QuantileNotIdentifiable {
        /// The quantile, 0 to 1.
        quantile: f64,
        /// The confidence, 0 to 1.
        confidence: f64,
        /// Observations given.
        have: usize,
        /// Observations needed.
        needed: usize,
    },
}

/// Shorthand of this room.
pub type Result<T> = std::result::Result<T, StatisticsError>;

/// Checks that every value is finite and that at least `needed` are there.
///
/// # Errors
/// [`StatisticsError::Empty`], [`StatisticsError::TooFew`] or [`StatisticsError::NotFinite`].
pub fn require(what: &'static str, values: &[f64], needed: usize) -> Result<()> {
    if values.is_empty() {
        return Err(StatisticsError::Empty { what, needed });
    }
    if values.len() < needed {
        return Err(StatisticsError::TooFew {
            what,
            have: values.len(),
            needed,
        });
    }
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(StatisticsError::NotFinite {
            what,
            index,
            value: values[index],
        }),
        None => Ok(()),
    }
}

/// Checks that a probability lies strictly between 0 and 1.
///
/// # Errors
/// [`StatisticsError::OutOfRange`].
pub fn require_open_unit(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(StatisticsError::OutOfRange {
            what,
            value,
            range: "strictly between 0 and 1",
        })
    }
}

/// Checks that a quantity is finite and above zero.
///
/// # Errors
/// [`StatisticsError::OutOfRange`].
pub fn require_positive(what: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(StatisticsError::OutOfRange {
            what,
            value,
            range: "above zero and be finite",
        })
    }
}

/// Checks that two lists have one length.
///
/// # Errors
/// [`StatisticsError::LengthMismatch`].
pub fn require_same_length(
    left: &'static str,
    left_len: usize,
    right: &'static str,
    right_len: usize,
) -> Result<()> {
    if left_len == right_len {
        Ok(())
    } else {
        Err(StatisticsError::LengthMismatch {
            left,
            left_len,
            right,
            right_len,
        })
    }
}
