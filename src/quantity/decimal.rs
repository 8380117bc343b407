//! Exact decimals: what a text says before a float could round it.

/// A decimal `digits * 10^exponent`, never negative.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads `12`, `1.5`, `.5`, `5.` and, with `exponent` allowed, `1e9` and `1.5E-3`; no sign on the
    /// number itself except `+`, no blanks. `None` for anything else, and beyond 38 digits.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut digits = 0u128;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            digits = digits
                .checked_mul(10)?
                .checked_add(u128::from(byte - b'0'))?;
        }
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Decimal { digits, exponent })
    }

    /// The decimal moved by powers of ten: `scaled(-3)` is a thousandth.
    pub(crate) fn scaled(self, powers_of_ten: i32) -> Decimal {
        Decimal {
            digits: self.digits,
            exponent: self.exponent.saturating_add(powers_of_ten),
        }
    }

    /// `self * factor` without its fraction; `None` beyond 128 bits.
    pub(crate) fn times_floor(self, factor: u128) -> Option<u128> {
        let product = self.digits.checked_mul(factor)?;
        if product == 0 {
            return Some(0);
        }
        let power = self.exponent.unsigned_abs();
        match 10u128.checked_pow(power) {
            Some(ten) if self.exponent >= 0 => product.checked_mul(ten),
            Some(ten) => Some(product / ten),
            None if self.exponent >= 0 => None,
            None => Some(0),
        }
    }

    /// `self * factor`, rounded up to a whole number; `None` beyond 128 bits.
    pub(crate) fn times_ceil(self, factor: u128) -> Option<u128> {
        let product = self.digits.checked_mul(factor)?;
        let power = self.exponent.unsigned_abs();
        match 10u128.checked_pow(power) {
            Some(ten) if self.exponent < 0 => Some(product.div_ceil(ten)),
            None if self.exponent < 0 => Some(u128::from(product > 0)),
            _ => self.times_floor(factor),
        }
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
