//! CPU quantities.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::QuantityError;
use super::decimal::Decimal;
use super::text::serde_as_text;

/// A CPU quantity in thousandths of a core, with the text it was written in.
///
/// Reads `0.5`, `1`, `1e1` (cores) and `1500m` (millicores); finer parts round up to a millicore, as
/// Kubernetes does. Prints as it was written. Equal when the millicores are.
#[derive(Debug, Clone)]
pub struct Cpu {
    millicores: u64,
    text: String,
}

impl Cpu {
    /// The largest quantity, in millicores: beyond any machine, and exact as a float.
    pub const MAX_MILLICORES: u64 = 1 << 50;

    /// A quantity nobody has written yet, printed in cores (`0.5`, `2`). Anything above
    /// [`Cpu::MAX_MILLICORES`] becomes that.
    pub fn from_millicores(millicores: u64) -> Cpu {
        let millicores = millicores.min(Self::MAX_MILLICORES);
        Cpu {
            millicores,
            text: cores_text(millicores),
        }
    }

    /// The quantity in thousandths of a core.
    pub fn millicores(&self) -> u64 {
        self.millicores
    }

    /// The quantity in cores.
    pub fn cores(&self) -> f64 {
        self.millicores as f64 / 1000.0
    }

    /// A new quantity in the form of this one: millicores stay millicores (`1500m` → `750m`), a number
    /// with a point keeps one (`1.0` → `2.0`), a whole number becomes as long as it must (`2` → `1.5`).
    pub fn with_millicores(&self, millicores: u64) -> Cpu {
        let millicores = millicores.min(Self::MAX_MILLICORES);
        let text = if self.text.ends_with('m') {
            format!("{millicores}m")
        } else {
            let cores = cores_text(millicores);
            let pointed = self.text.contains('.') && !cores.contains('.');
            if pointed { format!("{cores}.0") } else { cores }
        };
        Cpu { millicores, text }
    }
}

fn cores_text(millicores: u64) -> String {
    let text = format!("{}.{:03}", millicores / 1000, millicores % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl FromStr for Cpu {
    type Err = QuantityError;

    /// Errors for anything but a number of cores or millicores from 0 to [`Cpu::MAX_MILLICORES`].
    fn from_str(text: &str) -> Result<Cpu, QuantityError> {
        let text = text.trim();
        let millicores = match text.strip_suffix('m') {
            Some(number) if !number.contains(['e', 'E']) => {
                Decimal::parse(number).and_then(|number| number.times_ceil(1))
            }
            _ => Decimal::parse(text).and_then(|number| number.times_ceil(1000)),
        };
        match millicores.and_then(|millicores| u64::try_from(millicores).ok()) {
            Some(millicores) if millicores <= Self::MAX_MILLICORES => Ok(Cpu {
                millicores,
                text: text.to_owned(),
            }),
            _ => Err(QuantityError::Cpu {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl PartialEq for Cpu {
    fn eq(&self, other: &Cpu) -> bool {
        self.millicores == other.millicores
    }
}

impl Eq for Cpu {}

impl PartialOrd for Cpu {
    fn partial_cmp(&self, other: &Cpu) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cpu {
    fn cmp(&self, other: &Cpu) -> Ordering {
        self.millicores.cmp(&other.millicores)
    }
}

impl Hash for Cpu {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.millicores.hash(state);
    }
}

serde_as_text!(Cpu, "cores like `0.5` or `2`, or millicores like `1500m`");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_cores_and_millicores() {
        let table = [
            ("0.5", 500),
            ("1", 1000),
            ("1.0", 1000),
            ("1500m", 1500),
            ("0.0001", 1),
            ("0", 0),
        ];
        for (text, expected) in table {
            let cpu: Cpu = text.parse().unwrap();
            assert_eq!(
                (cpu.millicores(), cpu.to_string().as_str()),
                (expected, text)
            );
        }
        for text in ["", "m", "-1", "1 core", "NaN", "inf", "1e99", "1k"] {
            assert_eq!(
                text.parse::<Cpu>(),
                Err(QuantityError::Cpu {
                    text: text.to_owned()
                })
            );
        }
    }

    #[test]
    fn prints_in_the_form_written() {
        let table = [
            ("1500m", 750, "750m"),
            ("2", 1500, "1.5"),
            ("2", 4000, "4"),
            ("1.0", 2000, "2.0"),
            ("0.5", 250, "0.25"),
        ];
        for (old, new, expected) in table {
            let changed = old.parse::<Cpu>().unwrap().with_millicores(new);
            assert_eq!(changed.to_string(), expected);
        }
    }

    #[test]
    fn reads_numbers_and_strings() {
        let cpus: Vec<Cpu> = serde_json::from_str(r#"[0.5, 1, "1500m", 2.0]"#).unwrap();
        let millicores: Vec<u64> = cpus.iter().map(Cpu::millicores).collect();
        assert_eq!(millicores, [500, 1000, 1500, 2000]);
        assert!(serde_json::from_str::<Cpu>("-1").is_err());
    }

    proptest! {
        #[test]
        fn display_parses_back(millicores in 0u64..=Cpu::MAX_MILLICORES, form in "1|1\\.5|700m") {
            let old: Cpu = form.parse().unwrap();
            for cpu in [old.with_millicores(millicores), Cpu::from_millicores(millicores)] {
                let again: Cpu = cpu.to_string().parse().unwrap();
                prop_assert_eq!(again.millicores(), millicores);
                prop_assert_eq!(again.to_string(), cpu.to_string());
            }
        }
    }
}
