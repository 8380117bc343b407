//! The time.

/// A clock: the system's, or one that stands still at the time that a replay names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    fixed_ms: Option<i64>,
}

impl Clock {
    /// The clock that stands at this time, Unix milliseconds; without a time, the system's clock.
    pub fn at(fixed_ms: Option<i64>) -> Clock {
        Clock { fixed_ms }
    }

    /// The time, Unix milliseconds.
    pub fn now_ms(self) -> i64 {
        self.fixed_ms
            .unwrap_or_else(|| jiff::Timestamp::now().as_millisecond())
    }

    /// The time at which it stands, Unix milliseconds; absent for the system's clock.
    pub fn fixed_ms(self) -> Option<i64> {
        self.fixed_ms
    }
}
