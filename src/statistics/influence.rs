//! Which run bends the fit: leverage, studentised residuals, Cook's distance, PRESS.

use super::error::{Result, StatisticsError};
use super::linear::LinearFit;

/// Influence figures, one a run (Belsley, Kuh & Welsch 1980).
#[derive(Debug, Clone, PartialEq)]
pub struct Influence {
    /// Leverages h_i.
    pub hat: Vec<f64>,
    /// Internally studentised residuals e / (s sqrt(1 - h)).
    pub standardised: Vec<f64>,
    /// Externally studentised residuals, s without the run itself.
    pub studentised: Vec<f64>,
    /// Cook's distances.
    pub cooks_distance: Vec<f64>,
    /// Scaled change of a run's own fit when it is left out.
    pub dffits: Vec<f64>,
    /// Sum of squared leave-one-out residuals e / (1 - h).
    pub press: f64,
    /// 1 - PRESS / SST.
    pub r2_predicted: f64,
}

/// The influence figures of a fit.
///
/// # Errors
/// [`StatisticsError::FullLeverage`] when a run alone fixes a parameter;
/// [`StatisticsError::TooFewRuns`] without a degree of freedom to spare;
/// [`StatisticsError::ZeroVariance`] for a perfect fit.
pub fn influence(fit: &LinearFit) -> Result<Influence> {
    let p = fit.parameters() as f64;
    if fit.df_residual() < 2.0 {
        return Err(StatisticsError::TooFewRuns {
            runs: fit.runs(),
            parameters: fit.parameters() + 1,
        });
    }
    if fit.rss <= f64::EPSILON * f64::EPSILON * fit.sst {
        return Err(StatisticsError::ZeroVariance { what: "residuals" });
    }
    if let Some(run) = fit.leverages.iter().position(|h| *h > 1.0 - 1e-10) {
        return Err(StatisticsError::FullLeverage { run });
    }
    let s2 = fit.rss / fit.df_residual();
    let pairs = || fit.residuals.iter().zip(&fit.leverages);
    let standardised: Vec<f64> = pairs().map(|(e, h)| e / (s2 * (1.0 - h)).sqrt()).collect();
    let studentised: Vec<f64> = pairs()
        .map(|(e, h)| {
            let without = (fit.rss - e * e / (1.0 - h)).max(0.0) / (fit.df_residual() - 1.0);
            e / (without * (1.0 - h)).sqrt()
        })
        .collect();
    let ratio = |h: f64| h / (1.0 - h);
    let hats = || fit.leverages.iter().copied();
    let press: f64 = pairs().map(|(e, h)| (e / (1.0 - h)).powi(2)).sum();
    Ok(Influence {
        hat: fit.leverages.clone(),
        cooks_distance: standardised
            .iter()
            .zip(hats())
            .map(|(r, h)| r * r * ratio(h) / p)
            .collect(),
        dffits: studentised
            .iter()
            .zip(hats())
            .map(|(t, h)| t * ratio(h).sqrt())
            .collect(),
        standardised,
        studentised,
        press,
        r2_predicted: 1.0 - press / fit.sst,
    })
}
