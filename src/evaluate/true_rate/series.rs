//! Statistics over a window, as the autoscaler defines them.

/// Change per second of a cumulative value between the first and the last time it was known, over
/// `(ms, value)` in time order; NaN with fewer than two known values. A reset counter gives a negative
/// rate, which nothing repairs. At least `least_ms` counts as elapsed.
pub fn rate<Series>(series: Series, least_ms: i64) -> f64
where
    Series: IntoIterator<Item = (i64, f64), IntoIter: DoubleEndedIterator>,
{
    let mut known = series.into_iter().filter(|(_, value)| !value.is_nan());
    let Some((first_ms, first)) = known.next() else {
        return f64::NAN;
    };
    let Some((last_ms, last)) = known.next_back() else {
        return f64::NAN;
    };
    1000.0 * (last - first) / (last_ms - first_ms).max(least_ms) as f64
}

/// Arithmetic mean of the finite values. Without any: infinity if an infinite one was seen, else NaN.
/// Fewer than `least` finite values are NaN.
pub fn mean(values: impl IntoIterator<Item = f64>, least: i32) -> f64 {
    let mut sum = 0.0;
    let mut count = 0;
    let mut infinite = false;
    for value in values {
        if value.is_infinite() {
            infinite = true;
        } else if !value.is_nan() {
            sum += value;
            count += 1;
        }
    }
    match count {
        0 if infinite => f64::INFINITY,
        0 => f64::NAN,
        _ if count < least => f64::NAN,
        _ => sum / f64::from(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;
    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn rates_skip_unknown_values_but_keep_their_times() {
        assert_eq!(
            rate([(0, NAN), (1000, 10.0), (2000, NAN), (5000, 50.0)], 1),
            10.0
        );
        assert_eq!(rate([(0, 50.0), (1000, 10.0)], 1), -40.0);
        assert_eq!(rate([(0, 0.0), (0, 1.0)], 1), 1000.0);
        assert!(rate([(0, 1.0), (1000, NAN)], 1).is_nan());
        assert!(rate([], 1).is_nan());
    }

    #[test]
    fn means_skip_infinities_unless_there_is_nothing_else() {
        assert_eq!(mean([1.0, 3.0, INFINITY, NAN], 2), 2.0);
        assert_eq!(mean([INFINITY, NAN], 2), INFINITY);
        assert!(mean([1.0, INFINITY], 2).is_nan());
        assert!(mean([NAN], 1).is_nan());
    }
}
