//! Numbers in, estimate ± interval out: samples, quantiles, regression, intervals, change
//! detection. Every function is pure; what cannot be estimated is a [`StatisticsError`] that says
//! what to do, never NaN. `docs/statistics.md` lists each formula with its source.

pub mod autocorrelation;
pub mod distribution;
pub mod error;
pub mod noncentral;
pub mod quantile;
mod root;
pub mod summary;
pub mod tolerance;

pub use autocorrelation::{effective_samples, lag1_autocorrelation, variance_inflation};
pub use error::StatisticsError;
pub use quantile::{QuantileType, quantile, quantile_upper_limit};
pub use summary::{mean, median, median_absolute_deviation, standard_deviation, variance};
pub use tolerance::{normal_upper_tolerance_factor, upper_tolerance_limit};
