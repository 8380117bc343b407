//! The memory options of a configuration, read as Flink reads them: late, so that what is not needed is
//! not an error.

use super::error::MemoryError;
use crate::flink::options::{
    Configuration, FlinkOption, LEGACY_HEAP_MB, LEGACY_HEAP_SIZE, LEGACY_NETWORK_BUFFERS,
    NETWORK_FRACTION, NETWORK_MAX, NETWORK_MIN, PROCESS_SIZE, SEGMENT_SIZE,
};
use crate::flink::version::FlinkVersion;
use crate::quantity::Memory;
use crate::quantity::decimal::Decimal;

const MIB: u64 = 1 << 20;
const SMALLEST_SEGMENT: u64 = 4096;

pub(super) struct Configured<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) version: FlinkVersion,
    /// What the custom resource writes over the option.
    pub(super) process_size: Option<u64>,
}

/// A fraction with its bounds.
pub(super) struct Range {
    pub(super) min: u64,
    pub(super) max: u64,
    fraction: f64,
}

impl Configured<'_> {
    pub(super) fn has(&self, option: &FlinkOption) -> bool {
        option.written(self.configuration).is_some()
    }

    /// The size in force, if it is set or has a default.
    pub(super) fn size(&self, option: &'static FlinkOption) -> Result<Option<u64>, MemoryError> {
        let Some(text) = option.in_force(self.configuration, self.version) else {
            return Ok(None);
        };
        match Memory::from_flink(text) {
            Ok(memory) => Ok(Some(memory.bytes())),
            Err(_) => Err(MemoryError::UnreadableSize {
                option: self.key(option),
                value: text.to_owned(),
            }),
        }
    }

    /// The size in force of an option that has a default.
    pub(super) fn size_or_zero(&self, option: &'static FlinkOption) -> Result<u64, MemoryError> {
        Ok(self.size(option)?.unwrap_or_default())
    }

    /// Takes the process size from its names before 1.10 where nothing newer gives one. Flink does so
    /// before it looks at anything else, so what is unreadable there is what it complains about.
    pub(super) fn with_legacy_process_size(self) -> Result<Self, MemoryError> {
        if self.process_size.is_some() || self.has(&PROCESS_SIZE) {
            return Ok(self);
        }
        let process_size = match self.size(&LEGACY_HEAP_SIZE)? {
            Some(bytes) => Some(bytes),
            None => self
                .whole_number(&LEGACY_HEAP_MB)?
                .map(|number| u64::from(number) * MIB),
        };
        Ok(Configured {
            process_size,
            ..self
        })
    }

    pub(super) fn process_size(&self) -> Result<Option<u64>, MemoryError> {
        match self.process_size {
            Some(bytes) => Ok(Some(bytes)),
            None => self.size(&PROCESS_SIZE),
        }
    }

    /// A fraction with its bounds; errors where one is unreadable or they contradict each other.
    pub(super) fn range(
        &self,
        min_option: &'static FlinkOption,
        max_option: &'static FlinkOption,
        fraction_option: &'static FlinkOption,
    ) -> Result<Range, MemoryError> {
        let min = self.size_or_zero(min_option)?;
        let max = self.size_or_zero(max_option)?;
        let fraction = self.fraction(fraction_option)?;
        if min > max {
            let (min_option, max_option) = (min_option.key, max_option.key);
            return Err(MemoryError::MinAboveMax {
                min_option,
                min,
                max_option,
                max,
            });
        }
        Ok(Range { min, max, fraction })
    }

    /// A fraction without bounds.
    pub(super) fn unbounded(&self, option: &'static FlinkOption) -> Result<Range, MemoryError> {
        Ok(Range {
            min: 0,
            max: Memory::MAX_BYTES,
            fraction: self.fraction(option)?,
        })
    }

    /// Network memory as the number of buffers gives it, where that number counts: it is set, the version
    /// knows it, and none of minimum, maximum and fraction is set.
    pub(super) fn legacy_network(&self) -> Result<Option<u64>, MemoryError> {
        if [&NETWORK_MIN, &NETWORK_MAX, &NETWORK_FRACTION]
            .into_iter()
            .any(|option| self.has(option))
        {
            return Ok(None);
        }
        let Some(buffers) = self.java_int(&LEGACY_NETWORK_BUFFERS)? else {
            return Ok(None);
        };
        let segment = self.segment_size()?;
        let buffers =
            u32::try_from(buffers).map_err(|_| self.no_number(&LEGACY_NETWORK_BUFFERS))?;
        Ok(Some(u64::from(buffers) * segment))
    }

    /// Size of a network buffer; errors unless it is a power of two of at least 4 KiB.
    pub(super) fn segment_size(&self) -> Result<u64, MemoryError> {
        let bytes = self.size_or_zero(&SEGMENT_SIZE)?;
        if bytes < SMALLEST_SEGMENT || !bytes.is_power_of_two() || bytes > i32::MAX as u64 {
            return Err(MemoryError::SegmentSize { bytes });
        }
        Ok(bytes)
    }

    /// A whole number that is not negative and that a Java `int` holds, if the option is in force.
    pub(super) fn whole_number(
        &self,
        option: &'static FlinkOption,
    ) -> Result<Option<u32>, MemoryError> {
        let number = self.java_int(option)?.map(u32::try_from).transpose();
        number.map_err(|_| self.no_number(option))
    }

    fn java_int(&self, option: &'static FlinkOption) -> Result<Option<i32>, MemoryError> {
        let text = option.in_force(self.configuration, self.version);
        text.map(str::parse)
            .transpose()
            .map_err(|_| self.no_number(option))
    }

    fn no_number(&self, option: &'static FlinkOption) -> MemoryError {
        let text = option
            .in_force(self.configuration, self.version)
            .unwrap_or_default();
        let example = option.default.unwrap_or("2048");
        MemoryError::UnreadableNumber {
            option: self.key(option),
            value: text.to_owned(),
            example,
        }
    }

    /// Flink reads a 32-bit float and computes in 64 bits, so 0.4 is 0.4000000059604645.
    fn fraction(&self, option: &'static FlinkOption) -> Result<f64, MemoryError> {
        let text = option
            .in_force(self.configuration, self.version)
            .unwrap_or_default();
        let number = text.trim();
        let number = number.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(number);
        let value = number.parse::<f32>().map_err(|_| self.no_number(option))?;
        if !(0.0..1.0).contains(&value) {
            let value = f64::from(value);
            return Err(MemoryError::FractionOutOfRange {
                option: option.key,
                value,
            });
        }
        Ok(f64::from(value))
    }

    fn key(&self, option: &FlinkOption) -> String {
        let written = option.written(self.configuration);
        written.map_or(option.key, |(key, _)| key).to_owned()
    }
}

impl Range {
    /// The fraction of `base`, within the bounds.
    pub(super) fn of(&self, base: u64) -> Result<u64, MemoryError> {
        Ok(scaled(base, self.fraction)?.clamp(self.min, self.max))
    }

    /// What is the fraction of the sum of `base` and itself, within the bounds.
    pub(super) fn beside(&self, base: u64) -> Result<u64, MemoryError> {
        let ratio = self.fraction / (1.0 - self.fraction);
        Ok(scaled(base, ratio)?.clamp(self.min, self.max))
    }
}

/// `bytes * factor` without its fraction, computed as Flink does: exactly, on the shortest decimal that
/// means the same float.
fn scaled(bytes: u64, factor: f64) -> Result<u64, MemoryError> {
    Decimal::parse(&format!("{factor:e}"))
        .and_then(|factor| factor.times_floor(u128::from(bytes)))
        .and_then(|product| u64::try_from(product).ok())
        .filter(|product| *product <= Memory::MAX_BYTES)
        .ok_or(MemoryError::TooLarge)
}
