//! Numbers in, estimate ± interval out: samples, quantiles, regression, intervals, change
//! detection. Every function is pure; what cannot be estimated is a [`StatisticsError`] that says
//! what to do, never NaN. `docs/statistics.md` lists each formula with its source.

pub mod anova;
pub mod autocorrelation;
pub mod bayes;
pub mod change_effect;
pub mod changepoint;
pub mod control_chart;
pub mod desirability;
pub mod distribution;
pub mod error;
pub mod gaussian_process;
pub mod influence;
pub mod isotonic;
pub mod linear;
pub mod logistic;
pub mod multiple;
pub mod noncentral;
pub mod normality;
pub mod paired;
pub mod pooling;
pub mod power;
pub mod proportion;
mod quadrature;
pub mod quantile;
pub mod quantile_regression;
pub mod rank_sum;
pub mod robust;
mod root;
pub mod scalability;
pub mod sequential;
pub mod slope;
pub mod summary;
pub mod surface;
pub mod terms;
pub mod threshold;
pub mod tolerance;
pub mod two_sample;

pub use autocorrelation::{effective_samples, lag1_autocorrelation, variance_inflation};
pub use error::StatisticsError;
pub use quantile::{QuantileType, quantile, quantile_upper_limit};
pub use summary::{mean, median, median_absolute_deviation, standard_deviation, variance};
pub use tolerance::{normal_upper_tolerance_factor, upper_tolerance_limit};
