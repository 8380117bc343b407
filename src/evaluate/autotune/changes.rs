//! Changes to a Flink configuration that express tuned pools.

use std::collections::{BTreeMap, BTreeSet};

use crate::flink::memory::Pools;

use super::super::true_rate::rounding::{Side, round_decimal};
use super::{TuneError, Tuned, signed};

/// Entries to set and entries to remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigChanges {
    /// Key to new value.
    pub overrides: BTreeMap<String, String>,
    /// Keys to remove.
    pub removals: BTreeSet<String>,
    /// The new process memory, bytes, if there are changes.
    pub process_memory_bytes: Option<u64>,
}

impl ConfigChanges {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.overrides.is_empty() && self.removals.is_empty()
    }
}

const MANAGED_FRACTION: &str = "taskmanager.memory.managed.fraction";
const OVERHEAD_FRACTION: &str = "taskmanager.memory.jvm-overhead.fraction";

/// The changes for tuned pools. Heap has no key of its own: it is what the others leave.
pub(super) fn of(tuned: &Tuned, spec: &Pools) -> Result<ConfigChanges, TuneError> {
    let flink = signed(spec.total_flink())
        .saturating_add(tuned.heap - signed(spec.heap()))
        .saturating_add(tuned.managed - signed(spec.managed))
        .saturating_add(tuned.network - signed(spec.network));
    if flink < 0 {
        return Err(TuneError::NegativeTotal { bytes: flink });
    }
    let network = format_size(tuned.network);
    let overhead = signed(spec.overhead);
    let overrides = [
        ("taskmanager.memory.process.size", format_size(tuned.total)),
        ("taskmanager.memory.framework.heap.size", format_size(0)),
        (
            MANAGED_FRACTION,
            fraction(MANAGED_FRACTION, tuned.managed, flink)?,
        ),
        ("taskmanager.memory.network.min", network.clone()),
        ("taskmanager.memory.network.max", network),
        (
            OVERHEAD_FRACTION,
            fraction(OVERHEAD_FRACTION, overhead, tuned.total)?,
        ),
        (
            "taskmanager.memory.jvm-metaspace.size",
            format_size(tuned.metaspace),
        ),
    ];
    let removals = [
        "taskmanager.memory.flink.size",
        "taskmanager.memory.size",
        "taskmanager.memory.task.heap.size",
        "taskmanager.memory.managed.size",
    ];
    Ok(ConfigChanges {
        overrides: overrides.map(|(key, value)| (key.to_owned(), value)).into(),
        removals: removals.map(str::to_owned).into(),
        process_memory_bytes: u64::try_from(tuned.total).ok(),
    })
}

/// Rounded up to three decimals and through a 32-bit float, as Flink stores fractions.
fn fraction(key: &'static str, part: i64, whole: i64) -> Result<String, TuneError> {
    let fraction = part as f64 / whole as f64;
    if !fraction.is_finite() {
        return Err(TuneError::UndefinedFraction { key });
    }
    let rounded = round_decimal(fraction, 3, Side::Ceiling) as f32;
    Ok(format!("{rounded:?}"))
}

/// A size as Flink prints it: in the largest binary unit that divides it. What even tebibytes divide,
/// 0 among them, is printed in bytes.
pub fn format_size(bytes: i64) -> String {
    let units = [
        (1 << 10, "bytes"),
        (1 << 20, "kb"),
        (1 << 30, "mb"),
        (1i64 << 40, "gb"),
    ];
    let mut unit_bytes = 1;
    for (next, name) in units {
        if bytes % next != 0 {
            return format!("{} {name}", bytes / unit_bytes);
        }
        unit_bytes = next;
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_as_flink_prints_them() {
        let table = [
            (0, "0 bytes"),
            (1, "1 bytes"),
            (7_218_481_460, "7218481460 bytes"),
            (4480 << 10, "4480 kb"),
            (1665 << 20, "1665 mb"),
            (3 << 30, "3 gb"),
            (1 << 40, "1099511627776 bytes"),
        ];
        for (bytes, expected) in table {
            assert_eq!(format_size(bytes), expected);
        }
    }

    #[test]
    fn fractions_round_up_and_need_a_whole() {
        assert_eq!(fraction("k", 1, 10_000).unwrap(), "0.001");
        assert_eq!(fraction("k", 1, 1).unwrap(), "1.0");
        assert!(fraction("k", 1, 0).is_err());
    }
}
