//! Whether past growth brought what straight-line scaling promises.

use std::collections::BTreeMap;

use super::decision::DecisionError;
use super::input::PastScaling;
use super::options::Options;
use super::rounding::{Side, max_or_nan, min_or_nan, round_decimal};

/// The share of straight-line scaling seen in past scalings (by time), up to 1 and at least the
/// configured minimum, rounded up to two decimals; 1 when too little is known.
///
/// Least squares of rate = α · β · parallelism, β being the rate per subtask at the smallest
/// parallelism. Source: FLINK-30571. An undefined fit (an infinite rate, β = 0) is an error, because it
/// ends upstream's pass for the whole job.
pub fn coefficient(
    scalings: &BTreeMap<i64, PastScaling>,
    options: &Options,
) -> Result<f64, DecisionError> {
    let enough = i64::from(options.scalability_min_observations);
    if scalings.is_empty() || (scalings.len() as i64) < enough {
        return Ok(1.0);
    }
    let base = base_rate(scalings);
    let unknown = scalings
        .values()
        .any(|scaling| scaling.true_processing_rate.is_nan());
    if base.is_nan() || unknown {
        return Ok(1.0);
    }
    let mut products = 0.0;
    let mut squares = 0.0;
    for scaling in scalings.values() {
        let parallelism = f64::from(scaling.current_parallelism);
        products += parallelism * scaling.true_processing_rate;
        squares += parallelism * parallelism;
    }
    if squares == 0.0 {
        return Ok(1.0);
    }
    let fit = products / (squares * base);
    let bounded = max_or_nan(options.scalability_coefficient_min, min_or_nan(1.0, fit));
    if !bounded.is_finite() {
        return Err(DecisionError::UndefinedScalability);
    }
    Ok(round_decimal(bounded, 2, Side::Ceiling))
}

/// Rate per subtask at parallelism 1, or else at the smallest parallelism; the newest of equals.
fn base_rate(scalings: &BTreeMap<i64, PastScaling>) -> f64 {
    let mut smallest: Option<&PastScaling> = None;
    for scaling in scalings.values().rev() {
        let least = smallest.map(|scaling| scaling.current_parallelism);
        if least.is_none_or(|least| scaling.current_parallelism < least) {
            smallest = Some(scaling);
        }
        if scaling.current_parallelism == 1 {
            return scaling.true_processing_rate;
        }
    }
    smallest.map_or(f64::NAN, |scaling| {
        scaling.true_processing_rate / f64::from(scaling.current_parallelism)
    })
}

#[cfg(test)]
mod tests {
    use super::super::options::Profile;
    use super::*;

    fn scalings(points: &[(u32, f64)]) -> BTreeMap<i64, PastScaling> {
        let timed = (0..).zip(points);
        timed
            .map(|(at, (parallelism, rate))| (at, PastScaling::new(*parallelism, 9, *rate, 0.0)))
            .collect()
    }

    #[test]
    fn coefficients_of_known_curves() {
        let options = Options::read(&BTreeMap::new(), Profile::Next).unwrap();
        let table: [(&[(u32, f64)], f64); 6] = [
            (&[], 1.0),
            (&[(1, 100.0), (2, 180.0)], 1.0),
            (&[(1, 100.0), (2, 200.0), (4, 400.0)], 1.0),
            // (100 + 320 + 1120) / (21 * 100) = 0.7333…, rounded up.
            (&[(1, 100.0), (2, 160.0), (4, 280.0)], 0.74),
            (&[(1, 100.0), (2, 100.0), (4, 100.0)], 0.5),
            (&[(1, 100.0), (2, f64::NAN), (4, 100.0)], 1.0),
        ];
        for (points, expected) in table {
            assert_eq!(
                coefficient(&scalings(points), &options).unwrap(),
                expected,
                "{points:?}"
            );
        }
    }

    #[test]
    fn an_undefined_fit_is_an_error() {
        let options = Options::read(&BTreeMap::new(), Profile::Next).unwrap();
        for points in [
            [(2, f64::INFINITY), (3, 10.0), (4, 10.0)],
            [(2, 0.0), (3, 0.0), (4, 0.0)],
        ] {
            let fit = coefficient(&scalings(&points), &options);
            assert_eq!(fit, Err(DecisionError::UndefinedScalability));
        }
    }
}
