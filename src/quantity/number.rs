//! Plain numbers with a range: parallelism, rates, shares.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::QuantityError;

/// How many subtasks run side by side: 1 to 2^31 - 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(with = "NonZeroU32")]
pub struct Parallelism(NonZeroU32);

impl Parallelism {
    /// One subtask.
    pub const ONE: Parallelism = Parallelism(NonZeroU32::MIN);

    /// Errors for 0 and for what a Java `int` cannot hold.
    pub fn new(subtasks: u32) -> Result<Parallelism, QuantityError> {
        match NonZeroU32::new(subtasks) {
            Some(number) if subtasks <= i32::MAX as u32 => Ok(Parallelism(number)),
            _ => Err(QuantityError::Parallelism {
                text: subtasks.to_string(),
            }),
        }
    }

    /// The number of subtasks.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for Parallelism {
    type Error = QuantityError;

    fn try_from(subtasks: u32) -> Result<Parallelism, QuantityError> {
        Parallelism::new(subtasks)
    }
}

impl From<Parallelism> for u32 {
    fn from(parallelism: Parallelism) -> u32 {
        parallelism.get()
    }
}

impl FromStr for Parallelism {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Parallelism, QuantityError> {
        let refuse = || QuantityError::Parallelism {
            text: text.to_owned(),
        };
        let subtasks: u32 = text.trim().parse().map_err(|_| refuse())?;
        Parallelism::new(subtasks).map_err(|_| refuse())
    }
}

impl fmt::Display for Parallelism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A number of at least 0 that is no NaN; the negative zero is made positive, so that equality of
/// numbers and their total order agree.
fn at_least_zero(number: f64) -> Option<f64> {
    (number.is_finite() && number >= 0.0).then_some(number + 0.0)
}

macro_rules! ordered_float {
    ($type:ident) => {
        impl Eq for $type {}

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &$type) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &$type) -> Ordering {
                self.0.total_cmp(&other.0)
            }
        }

        impl TryFrom<f64> for $type {
            type Error = QuantityError;

            fn try_from(number: f64) -> Result<$type, QuantityError> {
                $type::new(number)
            }
        }

        impl From<$type> for f64 {
            fn from(number: $type) -> f64 {
                number.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

/// Records per second: finite, at least 0. Prints as a bare number; a precision rounds (`{:.1}`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64")]
pub struct Rate(f64);

ordered_float!(Rate);

impl Rate {
    /// No record at all.
    pub const ZERO: Rate = Rate(0.0);

    /// Errors for negative numbers, NaN and infinities.
    pub fn new(per_second: f64) -> Result<Rate, QuantityError> {
        let refuse = || QuantityError::Rate {
            text: per_second.to_string(),
        };
        at_least_zero(per_second).map(Rate).ok_or_else(refuse)
    }

    /// Records per second.
    pub fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Rate, QuantityError> {
        let refuse = || QuantityError::Rate {
            text: text.to_owned(),
        };
        let number: f64 = text.trim().parse().map_err(|_| refuse())?;
        Rate::new(number).map_err(|_| refuse())
    }
}

/// A part of a whole, 0 to 1. Prints as a bare fraction; [`Share::percent`] is for people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64", extend("minimum" = 0, "maximum" = 1))]
pub struct Share(f64);

ordered_float!(Share);

impl Share {
    /// Nothing.
    pub const ZERO: Share = Share(0.0);
    /// All.
    pub const ONE: Share = Share(1.0);

    /// Errors for anything outside 0 to 1, and NaN.
    pub fn new(fraction: f64) -> Result<Share, QuantityError> {
        match at_least_zero(fraction) {
            Some(number) if number <= 1.0 => Ok(Share(number)),
            _ => Err(QuantityError::Share {
                text: fraction.to_string(),
            }),
        }
    }

    /// The nearest share: below 0 is 0, above 1 is 1, NaN has none.
    pub fn clamped(fraction: f64) -> Option<Share> {
        (!fraction.is_nan()).then(|| Share(fraction.clamp(0.0, 1.0) + 0.0))
    }

    /// As a fraction of 1.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// In hundredths.
    pub fn percent(self) -> f64 {
        self.0 * 100.0
    }
}

impl FromStr for Share {
    type Err = QuantityError;

    /// Reads a fraction (`0.75`) or a percentage (`75%`, `75 %`).
    fn from_str(text: &str) -> Result<Share, QuantityError> {
        let refuse = || QuantityError::Share {
            text: text.to_owned(),
        };
        let trimmed = text.trim();
        let (number, whole) = match trimmed.strip_suffix('%') {
            Some(number) => (number.trim_end(), 100.0),
            None => (trimmed, 1.0),
        };
        let number: f64 = number.parse().map_err(|_| refuse())?;
        Share::new(number / whole).map_err(|_| refuse())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_out_of_range() {
        for text in ["0", "-1", "1.5", "", "2147483648", "x"] {
            assert!(text.parse::<Parallelism>().is_err(), "{text}");
        }
        for text in ["-0.1", "NaN", "inf", "1e999", ""] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["-0.1", "1.01", "101%", "NaN", "%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Parallelism>("0").is_err());
        assert!(serde_json::from_str::<Rate>("-1").is_err());
        assert_eq!(
            serde_json::from_str::<Rate>("3").unwrap(),
            Rate::new(3.0).unwrap()
        );
    }

    #[test]
    fn zero_has_one_sign() {
        assert_eq!(Rate::new(-0.0).unwrap().cmp(&Rate::ZERO), Ordering::Equal);
        assert_eq!("75 %".parse::<Share>().unwrap(), Share::new(0.75).unwrap());
        assert_eq!(Share::clamped(7.0), Some(Share::ONE));
        assert_eq!(Share::clamped(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn display_parses_back(
            subtasks in 1u32..=i32::MAX as u32,
            rate in 0.0f64..1e15,
            share in 0.0f64..=1.0,
        ) {
            let parallelism = Parallelism::new(subtasks).unwrap();
            prop_assert_eq!(parallelism.to_string().parse::<Parallelism>().unwrap(), parallelism);
            let rate = Rate::new(rate).unwrap();
            prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
            let share = Share::new(share).unwrap();
            prop_assert_eq!(share.to_string().parse::<Share>().unwrap(), share);
        }
    }
}
