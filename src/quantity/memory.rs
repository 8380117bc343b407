//! Memory sizes, read as the Flink Kubernetes operator reads them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::QuantityError;
use super::decimal::Decimal;
use super::text::serde_as_text;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A memory size in bytes, with the text it was written in.
///
/// Read in the operator's order: first as Flink's `MemorySize` (`2048m`, `2G`, `2 gb`, all powers of
/// 1024; a bare number is bytes; units in any letter case), and only if Flink refuses, as a Kubernetes
/// quantity (`2Gi`, `1.5G` = 1.5 * 10^9, `2e9`), whose fraction of a byte is cut off. So `2048m` is
/// 2048 MiB, and `1G` is GiB while `1.5G` is decimal.
///
/// Prints as it was written. Two sizes are equal when their bytes are, however they are written.
#[derive(Debug, Clone)]
pub struct Memory {
    bytes: u64,
    text: String,
}

impl Memory {
    /// The largest size: a Java `long` of bytes.
    pub const MAX_BYTES: u64 = i64::MAX as u64;

    /// A size nobody has written yet: printed in `m` (MiB) if that is exact, else in `k`, else as bare
    /// bytes. Anything above [`Memory::MAX_BYTES`] becomes that.
    pub fn from_bytes(bytes: u64) -> Memory {
        let bytes = bytes.min(Self::MAX_BYTES);
        let text = if bytes.is_multiple_of(MIB) {
            format!("{}m", bytes / MIB)
        } else if bytes.is_multiple_of(KIB) {
            format!("{}k", bytes / KIB)
        } else {
            bytes.to_string()
        };
        Memory { bytes, text }
    }

    /// A size of whole mebibytes, printed in `m`.
    pub fn from_mib(mib: u64) -> Memory {
        Memory::from_bytes(mib.saturating_mul(MIB))
    }

    /// Reads a size as Flink alone reads it in its own configuration, where `2Gi` and `1.5g` are refused.
    pub fn from_flink(text: &str) -> Result<Memory, QuantityError> {
        let text = text.trim();
        let bytes = parse_flink(text).ok_or_else(|| QuantityError::Memory {
            text: text.to_owned(),
        })?;
        Memory::checked(Some(bytes), text)
    }

    fn checked(bytes: Option<u128>, text: &str) -> Result<Memory, QuantityError> {
        let text = text.to_owned();
        match bytes.and_then(|bytes| u64::try_from(bytes).ok()) {
            Some(bytes) if bytes <= Self::MAX_BYTES => Ok(Memory { bytes, text }),
            _ => Err(QuantityError::MemoryTooLarge { text }),
        }
    }

    /// The size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The size in mebibytes, with its fraction.
    pub fn mib(&self) -> f64 {
        self.bytes as f64 / MIB as f64
    }

    /// A new size in the same unit, spelling, letter case and spacing, never below `bytes`.
    ///
    /// Rounds up to a whole unit up to and including mebibytes. In larger units a whole step is too
    /// coarse, so a size that is not a whole number of them goes to the family's mebibytes, in the same
    /// letter case (`2g` → `1536m`, `2 Gb` → `1536 Mb`, `2Gi` → `1536Mi`). Decimal Kubernetes sizes whose
    /// suffix Flink would read as binary keep a decimal point (`1.5G` → `2.0G`), rounded up to
    /// thousandths. A bare number stays bare bytes, and so do sizes written with an exponent.
    pub fn with_bytes(&self, bytes: u64) -> Memory {
        let bytes = bytes.min(Self::MAX_BYTES);
        let at = self
            .text
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '+');
        let rest = &self.text[at.unwrap_or(self.text.len())..];
        let unit = rest.trim_start();
        let gap = &rest[..rest.len() - unit.len()];
        let new = match written_unit(unit, self.text.contains('.')) {
            WrittenUnit::Bare => None,
            WrittenUnit::Whole { factor, mebi } => match mebi {
                Some(mebi) if !bytes.is_multiple_of(factor) => {
                    Some(format!("{}{gap}{mebi}", bytes.div_ceil(MIB)))
                }
                _ => Some(format!("{}{gap}{unit}", bytes.div_ceil(factor))),
            },
            WrittenUnit::Decimal { factor } => {
                let thousandths = bytes.div_ceil(factor / 1000);
                let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
                let shortest = text.trim_end_matches('0');
                let point = if shortest.ends_with('.') { "0" } else { "" };
                Some(format!("{shortest}{point}{gap}{unit}"))
            }
        };
        // Rounding up next to 2^63 may leave Java's range; bare bytes always say it.
        new.and_then(|text| text.parse().ok()).unwrap_or(Memory {
            bytes,
            text: bytes.to_string(),
        })
    }
}

/// How a new size is written in a unit.
enum WrittenUnit {
    /// As bare bytes.
    Bare,
    /// As a whole number; `mebi` names the mebibytes of the same family where `factor` is larger.
    Whole { factor: u64, mebi: Option<String> },
    /// With a decimal point, lest Flink take the suffix for a binary unit.
    Decimal { factor: u64 },
}

/// `unit` is of a text that parsed; `pointed` says whether its number had a decimal point.
fn written_unit(unit: &str, pointed: bool) -> WrittenUnit {
    if !pointed && let Some(factor) = flink_unit(unit) {
        return match unit {
            "" => WrittenUnit::Bare,
            _ => WrittenUnit::Whole {
                factor,
                mebi: (factor > MIB).then(|| flink_mebibytes(unit)),
            },
        };
    }
    match (unit, kubernetes_unit(unit)) {
        (_, Some((0, factor))) => WrittenUnit::Whole {
            factor,
            mebi: (factor > MIB).then(|| "Mi".to_owned()),
        },
        ("k" | "M" | "G" | "T", Some((powers, _))) => WrittenUnit::Decimal {
            factor: 10u64.pow(powers.unsigned_abs()),
        },
        ("P" | "E", Some((powers, _))) => {
            // Flink has no such units, but whole multiples would be far too coarse.
            WrittenUnit::Decimal {
                factor: 10u64.pow(powers.unsigned_abs()),
            }
        }
        _ => WrittenUnit::Bare,
    }
}

/// The multiplier of a unit of Flink's `MemorySize`, in any letter case; none means bytes.
fn flink_unit(unit: &str) -> Option<u64> {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => Some(1),
        "k" | "kb" | "kibibytes" => Some(KIB),
        "m" | "mb" | "mebibytes" => Some(MIB),
        "g" | "gb" | "gibibytes" => Some(GIB),
        "t" | "tb" | "tebibytes" => Some(TIB),
        _ => None,
    }
}

/// Flink's mebibytes, spelled like `unit` (`g`, `Tb`, `GIBIBYTES`, …).
fn flink_mebibytes(unit: &str) -> String {
    let spelling = match unit.len() {
        1 => "m",
        2 => "mb",
        _ => "mebibytes",
    };
    let upper = |index: usize| {
        let like = unit.as_bytes().get(index).or(unit.as_bytes().last());
        like.is_some_and(u8::is_ascii_uppercase)
    };
    let cased = spelling.chars().enumerate().map(|(index, letter)| {
        if upper(index) {
            letter.to_ascii_uppercase()
        } else {
            letter
        }
    });
    cased.collect()
}

/// Powers of ten and a binary factor of a Kubernetes suffix; letter case matters.
fn kubernetes_unit(unit: &str) -> Option<(i32, u64)> {
    Some(match unit {
        "" => (0, 1),
        "Ki" => (0, KIB),
        "Mi" => (0, MIB),
        "Gi" => (0, GIB),
        "Ti" => (0, TIB),
        "Pi" => (0, 1 << 50),
        "Ei" => (0, 1 << 60),
        "n" => (-9, 1),
        "u" => (-6, 1),
        "m" => (-3, 1),
        "k" => (3, 1),
        "M" => (6, 1),
        "G" => (9, 1),
        "T" => (12, 1),
        "P" => (15, 1),
        "E" => (18, 1),
        _ => return None,
    })
}

/// Flink's reading: digits, blanks, a unit. The number is exact, so `u128` holds every product.
fn parse_flink(text: &str) -> Option<u128> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..at].parse().ok()?;
    let factor = flink_unit(text[at..].trim())?;
    Some(u128::from(number) * u128::from(factor))
}

/// Kubernetes' reading: a decimal with a suffix or an exponent, without blanks.
fn parse_kubernetes(text: &str) -> Option<Option<u128>> {
    if let Some(exact) = Decimal::parse(text) {
        return Some(exact.times_floor(1));
    }
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (powers, factor) = kubernetes_unit(&text[at..])?;
    let number = Decimal::parse(&text[..at])?;
    Some(number.scaled(powers).times_floor(u128::from(factor)))
}

impl FromStr for Memory {
    type Err = QuantityError;

    /// Errors for what both readings refuse, and for sizes beyond [`Memory::MAX_BYTES`].
    fn from_str(text: &str) -> Result<Memory, QuantityError> {
        let trimmed = text.trim();
        let bytes = match parse_flink(trimmed) {
            Some(bytes) => Some(bytes),
            None => parse_kubernetes(text).ok_or_else(|| QuantityError::Memory {
                text: text.to_owned(),
            })?,
        };
        Memory::checked(bytes, trimmed)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl PartialEq for Memory {
    fn eq(&self, other: &Memory) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Memory {}

impl PartialOrd for Memory {
    fn partial_cmp(&self, other: &Memory) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Memory {
    fn cmp(&self, other: &Memory) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl Hash for Memory {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

serde_as_text!(
    Memory,
    "a memory size like `2048m`, `2g`, `2Gi` or bare bytes"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str) -> u64 {
        text.parse::<Memory>().unwrap().bytes()
    }

    #[test]
    fn flink_reads_first_then_kubernetes() {
        let table = [
            ("2048m", 2048 * MIB),
            ("2048M", 2048 * MIB),
            ("2g", 2 * GIB),
            ("2G", 2 * GIB),
            ("2gb", 2 * GIB),
            ("2 GB", 2 * GIB),
            ("2 gibibytes", 2 * GIB),
            ("1t", TIB),
            ("64kb", 64 * KIB),
            ("2048", 2048),
            ("2048 b", 2048),
            ("2Gi", 2 * GIB),
            ("512Mi", 512 * MIB),
            ("1.5Gi", 3 * GIB / 2),
            ("1.5G", 1_500_000_000),
            ("2e9", 2_000_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("1.5m", 0),
            ("0", 0),
            (" 7 m ", 7 * MIB),
        ];
        for (text, expected) in table {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_both_refuse() {
        for text in [
            "", "m", "-1g", "2 Gi", "1gib", "1.5", " 2Gi ", "12 x", "1e", "0x10", "NaN",
        ] {
            let refused = text.parse::<Memory>();
            // `1.5` is a Kubernetes quantity of one byte.
            assert_eq!(refused.is_ok(), text == "1.5", "{text}");
        }
        assert_eq!(
            "9999999999t".parse::<Memory>(),
            Err(QuantityError::MemoryTooLarge {
                text: "9999999999t".to_owned()
            })
        );
        let text = "99999999999999999999999999999999999999999";
        assert!(text.parse::<Memory>().is_err());
    }

    #[test]
    fn keeps_unit_spelling_and_case() {
        let table = [
            ("2048m", 1024 * MIB, "1024m"),
            ("2048M", 1024 * MIB + 1, "1025M"),
            ("2g", 4 * GIB, "4g"),
            ("2g", 3 * GIB / 2, "1536m"),
            ("2 Gb", 3 * GIB / 2, "1536 Mb"),
            ("2G", GIB + 1, "1025M"),
            ("1 TeBiBYTES", GIB, "1024 MeBiBYTES"),
            ("2Gi", 3 * GIB / 2, "1536Mi"),
            ("2.5Gi", 3 * GIB, "3Gi"),
            ("1.5G", 2_000_000_000, "2.0G"),
            ("1.5G", 1_250_000_001, "1.251G"),
            ("2147483648", GIB, "1073741824"),
            ("2e9", GIB, "1073741824"),
            ("4096kb", 10, "1kb"),
        ];
        for (old, new, expected) in table {
            let changed = old.parse::<Memory>().unwrap().with_bytes(new);
            assert_eq!(changed.to_string(), expected, "{old} to {new}");
            assert_eq!(bytes(expected), changed.bytes());
            assert!(changed.bytes() >= new);
        }
    }

    proptest! {
        #[test]
        fn display_parses_back(
            number in 0u64..1 << 20,
            gap in "[ ]{0,2}",
            unit in "|[bB]|[Bb]ytes|[kK][bB]?|kibibytes|[mM][bB]?|Mebibytes|[gG][bB]?|GIBIBYTES|[tT][bB]?",
        ) {
            let memory: Memory = format!("{number}{gap}{unit}").parse().unwrap();
            let again: Memory = memory.to_string().parse().unwrap();
            prop_assert_eq!(&again, &memory);
            prop_assert_eq!(again.to_string(), memory.to_string());
        }

        #[test]
        fn new_sizes_are_never_below_and_parse_back(
            unit in prop::sample::select(vec![
                "", "b", "k", "m", "M", "g", "Gb", "tb", "Ki", "Mi", "Gi", "Ti", ".5k", ".5M", ".5G",
                ".5T", "P", "e3",
            ]),
            target in 0u64..1 << 50,
        ) {
            let old: Memory = format!("3{unit}").parse().unwrap();
            let new = old.with_bytes(target);
            prop_assert!(new.bytes() >= target);
            prop_assert_eq!(new.to_string().parse::<Memory>().unwrap().bytes(), new.bytes());
            prop_assert_eq!(old.with_bytes(old.bytes()).bytes(), old.bytes());
        }

        #[test]
        fn from_bytes_is_exact(target in 0u64..=Memory::MAX_BYTES) {
            let memory = Memory::from_bytes(target);
            prop_assert_eq!(memory.bytes(), target);
            prop_assert_eq!(memory.to_string().parse::<Memory>().unwrap().bytes(), target);
        }
    }
}
