//! Rounding and extremes as the Java virtual machine does them, because decisions hang on ties.

/// To which side a decimal is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// To the nearest, ties away from zero.
    HalfUp,
    /// Towards positive infinity.
    Ceiling,
}

/// Rounds the shortest decimal form of `x` to three places, ties away from zero. NaN and infinities
/// stay, and so does a number that would become 0: the autoscaler never rounds a rate away.
///
/// Source: `ScalingMetrics.roundMetric` of the Flink Kubernetes Operator, over `Precision.round` of
/// Commons Math.
pub fn round3(x: f64) -> f64 {
    let rounded = round_decimal(x, 3, Side::HalfUp);
    if rounded == 0.0 { x } else { rounded }
}

/// Rounds the shortest decimal form of `x` to `places` (at most 6).
pub(crate) fn round_decimal(x: f64, places: u32, side: Side) -> f64 {
    // Every double from here on is whole, an infinity or NaN. Below, casts are exact, and cheaper than `floor`.
    const WHOLE_FROM: f64 = (1_u64 << 52) as f64;
    const UNITS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    let size = x.abs();
    let has_fraction = size < WHOLE_FROM && size as u64 as f64 != size;
    if !has_fraction {
        return x;
    }
    let unit = UNITS[places.min(6) as usize];
    let scaled = size * unit;
    // Far from a tie, and where units are exact, the nearest double of n/unit is the answer.
    if side == Side::HalfUp && scaled < 1e12 {
        let whole = scaled as u64 as f64;
        let part = scaled - whole;
        if (part - 0.5).abs() > 1e-3 {
            let nearest = if part > 0.5 { whole + 1.0 } else { whole };
            return (nearest / unit).copysign(x);
        }
    }
    round_text(x, places.min(6) as usize, side)
}

/// The slow and exact way, over digits. `x` is finite and has a fraction.
fn round_text(x: f64, places: usize, side: Side) -> f64 {
    let text = format!("{}", x.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.len() <= places {
        return x;
    }
    let (kept, cut) = fraction.split_at(places);
    let up = match side {
        Side::HalfUp => cut.as_bytes().first().is_some_and(|digit| *digit >= b'5'),
        Side::Ceiling => x > 0.0 && cut.bytes().any(|digit| digit != b'0'),
    };
    let Ok(units) = format!("{whole}{kept}").parse::<u128>() else {
        return x;
    };
    let rounded: Result<f64, _> = format!("{}e-{places}", units + u128::from(up)).parse();
    rounded.map_or(x, |rounded| rounded.copysign(x))
}

/// `Math.round`: the nearest 64-bit integer, ties up, saturating; NaN becomes 0.
pub(crate) fn round_to_long(x: f64) -> f64 {
    let floor = x.floor();
    let nearest = if x - floor >= 0.5 { floor + 1.0 } else { floor };
    nearest as i64 as f64
}

/// `Math.max`: NaN if either is.
pub(crate) fn max_or_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// `Math.min`: NaN if either is.
pub(crate) fn min_or_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_places_half_away_from_zero() {
        let table = [
            (0.0005, 0.001),
            (-0.0005, -0.001),
            (1.0005, 1.001),
            (2.6745, 2.675),
            (0.0004, 0.0004),
            (-0.0004, -0.0004),
            (0.0, 0.0),
            (313912.9734, 313912.973),
            (0.9995, 1.0),
            (9_007_199_254_740_993.0, 9_007_199_254_740_992.0),
            (1234567890123.0625, 1234567890123.063),
            (1e300, 1e300),
            (f64::INFINITY, f64::INFINITY),
            (f64::NEG_INFINITY, f64::NEG_INFINITY),
        ];
        for (x, expected) in table {
            assert_eq!(round3(x), expected, "{x}");
        }
        assert!(round3(f64::NAN).is_nan());
    }

    #[test]
    fn ceilings_of_decimals() {
        let table = [
            (0.91, 2, 0.91),
            (0.911, 2, 0.92),
            (0.0002, 3, 0.001),
            (-0.919, 2, -0.91),
        ];
        for (x, places, expected) in table {
            assert_eq!(round_decimal(x, places, Side::Ceiling), expected, "{x}");
        }
    }

    #[test]
    fn longs_round_half_up() {
        let table = [
            (0.49999999999999994, 0.0),
            (0.5, 1.0),
            (-0.5, 0.0),
            (-1.5, -1.0),
            (f64::NAN, 0.0),
            (f64::INFINITY, i64::MAX as f64),
        ];
        for (x, expected) in table {
            assert_eq!(round_to_long(x), expected, "{x}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_is_the_exact_way(x in -1e9f64..1e9) {
            prop_assume!(x.fract() != 0.0);
            prop_assert_eq!(round_decimal(x, 3, Side::HalfUp), round_text(x, 3, Side::HalfUp));
        }
    }
}
