//! Lenient reading of Flink's JSON: absent, null, `"NaN"`, negative and out of range are all absent.

use serde_json::Value;

/// A finite number, also when it is written as text (`/metrics` writes all values so).
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then(|| kept(number))
}

/// A number as snapshots keep it: whole ones exactly, fractions to seven digits. More is noise, and would not be read back from
/// JSON to the last bit.
pub(super) fn kept(number: f64) -> f64 {
    if number.fract() == 0.0 || !number.is_finite() {
        return number;
    }
    format!("{number:.6e}").parse().unwrap_or(number)
}

/// A finite number that is not negative.
pub(super) fn amount(value: &Value) -> Option<f64> {
    number(value).filter(|number| *number >= 0.0)
}

/// A whole number that is not negative and below 2^53; Flink says -1 where it knows none.
pub(super) fn count(value: &Value) -> Option<u64> {
    if let Some(whole) = value.as_u64() {
        return Some(whole);
    }
    let number = amount(value)?;
    // CPU time in nanoseconds stays below 2^63 for three centuries.
    (number <= 9.0e18).then_some(number as u64)
}

/// A count that fits 32 bits.
pub(super) fn small_count(value: &Value) -> Option<u32> {
    u32::try_from(count(value)?).ok()
}

/// A time in Unix milliseconds; Flink says 0 or -1 for never.
pub(super) fn time_ms(value: &Value) -> Option<i64> {
    let number = amount(value)?;
    (number > 0.0 && number < 9.0e15).then_some(number as i64)
}

/// A text that is not empty.
pub(super) fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_string)
}

/// The elements of a list; none when it is none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_number_is_absent() {
        for odd in [
            json!(null),
            json!("NaN"),
            json!("Infinity"),
            json!("x"),
            json!([]),
        ] {
            assert_eq!(number(&odd), None, "{odd}");
        }
        assert_eq!(number(&json!("1.5")), Some(1.5));
        assert_eq!(number(&json!(-2)), Some(-2.0));
    }

    #[test]
    fn negative_counts_are_absent() {
        assert_eq!(count(&json!(-1)), None);
        assert_eq!(count(&json!("-1")), None);
        assert_eq!(count(&json!(1e300)), None);
        assert_eq!(count(&json!("200010000000")), Some(200_010_000_000));
        assert_eq!(time_ms(&json!(0)), None);
        assert_eq!(small_count(&json!(5_000_000_000_u64)), None);
    }
}
