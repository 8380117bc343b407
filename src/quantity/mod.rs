//! Quantities: memory, CPU, parallelism, rates, shares, prices and durations.
//!
//! A quantity is parsed once, at the rim; the rest of the program sees numbers with a meaning. Those
//! that are written back into manifests ([`crate::quantity::Memory`],
//! [`crate::quantity::Cpu`]) remember how they were written, because
//! a reader's charts and scripts may do arithmetic on the text: the unit and its letter case survive.

mod codes;
mod cpu;
pub(crate) mod decimal;
mod duration;
mod memory;
mod number;
mod price;
mod text;

pub use codes::UnknownCode;
pub(crate) use codes::codes;
pub use cpu::Cpu;
pub use duration::FlinkDuration;
pub use memory::Memory;
pub use number::{Parallelism, Rate, Share};
pub use price::{Billing, HOURS_PER_MONTH, Price};

/// Why a text or a number is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Neither Flink's `MemorySize` nor a Kubernetes quantity.
    #[error("`{text}` is no memory size; write it like `2048m`, `2g` or `2Gi`")]
    Memory {
        /// What was written.
        text: String,
    },
    /// A memory size beyond 2^63 - 1 bytes.
    #[error("memory size `{text}` is larger than 2^63 - 1 bytes; write a smaller one")]
    MemoryTooLarge {
        /// What was written.
        text: String,
    },
    /// Not a count of cores.
    #[error("`{text}` is no CPU quantity; write it like `0.5`, `2` or `1500m`")]
    Cpu {
        /// What was written.
        text: String,
    },
    /// Not a whole number from 1 to 2^31 - 1.
    #[error("`{text}` is no parallelism; write a whole number from 1 to 2147483647")]
    Parallelism {
        /// What was written.
        text: String,
    },
    /// Not a finite number of at least 0.
    #[error("`{text}` is no rate; write a finite number of records per second, 0 or more")]
    Rate {
        /// What was written.
        text: String,
    },
    /// Not a number from 0 to 1.
    #[error("`{text}` is no share; write a number from 0 to 1, or a percentage like `75%`")]
    Share {
        /// What was written.
        text: String,
    },
    /// Not an amount of money per hour or month.
    #[error("`{text}` is no price; write it like `0.04 USD/hour` or `30 EUR/month`")]
    Price {
        /// What was written.
        text: String,
    },
    /// Not a duration in Flink's or ISO 8601's form.
    #[error("`{text}` is no duration; write it like `30s`, `5 min`, `1 h` or `PT5M`")]
    Duration {
        /// What was written.
        text: String,
    },
}
