//! Money per time.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::QuantityError;
use super::text::serde_as_text;

/// Hours in a month of a bill: 365 days of 24 hours, over 12.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// The time a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Billing {
    /// An hour.
    Hour,
    /// A month of [`HOURS_PER_MONTH`].
    Month,
}

/// An amount of money per hour or month: finite, at least 0, in a currency written as free text.
///
/// Prints as `0.04 USD/hour`. Ordered by currency, then by what an hour costs, then by billing.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    amount: f64,
    currency: String,
    billing: Billing,
}

impl Price {
    /// Errors for negative, infinite and NaN amounts, and for a currency that is empty or holds blanks,
    /// digits or a `/`.
    pub fn new(amount: f64, currency: &str, billing: Billing) -> Result<Price, QuantityError> {
        let foreign = |c: char| c.is_whitespace() || c.is_numeric() || c.is_control() || c == '/';
        if !amount.is_finite() || amount < 0.0 || currency.is_empty() || currency.contains(foreign)
        {
            let text = format!("{amount} {currency}/{}", billing_text(billing));
            return Err(QuantityError::Price { text });
        }
        Ok(Price {
            amount: amount + 0.0,
            currency: currency.to_owned(),
            billing,
        })
    }

    /// The amount per [`Price::billing`].
    pub fn amount(&self) -> f64 {
        self.amount
    }

    /// The currency, as written.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// The time the amount is for.
    pub fn billing(&self) -> Billing {
        self.billing
    }

    /// What an hour costs.
    pub fn per_hour(&self) -> f64 {
        match self.billing {
            Billing::Hour => self.amount,
            Billing::Month => self.amount / HOURS_PER_MONTH,
        }
    }

    /// What a month costs.
    pub fn per_month(&self) -> f64 {
        match self.billing {
            Billing::Hour => self.amount * HOURS_PER_MONTH,
            Billing::Month => self.amount,
        }
    }
}

fn billing_text(billing: Billing) -> &'static str {
    match billing {
        Billing::Hour => "hour",
        Billing::Month => "month",
    }
}

impl FromStr for Price {
    type Err = QuantityError;

    /// Reads `0.04 USD/hour`, `0.04USD/h`, `30 €/month`, `30 EUR/mo`.
    fn from_str(text: &str) -> Result<Price, QuantityError> {
        let refuse = || QuantityError::Price {
            text: text.to_owned(),
        };
        let (money, billing) = text.trim().rsplit_once('/').ok_or_else(refuse)?;
        let billing = match billing.trim() {
            "h" | "hour" => Billing::Hour,
            "mo" | "month" => Billing::Month,
            _ => return Err(refuse()),
        };
        let money = money.trim();
        let number = |c: char| c.is_ascii_digit() || c == '.';
        let at = money.find(|c| !number(c)).ok_or_else(refuse)?;
        let amount: f64 = money[..at].parse().map_err(|_| refuse())?;
        Price::new(amount, money[at..].trim(), billing).map_err(|_| refuse())
    }
}

impl fmt::Display for Price {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.amount.fmt(formatter)?;
        write!(
            formatter,
            " {}/{}",
            self.currency,
            billing_text(self.billing)
        )
    }
}

impl Eq for Price {}

impl PartialOrd for Price {
    fn partial_cmp(&self, other: &Price) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Price {
    fn cmp(&self, other: &Price) -> Ordering {
        (self.currency.cmp(&other.currency))
            .then(self.per_hour().total_cmp(&other.per_hour()))
            .then(self.billing.cmp(&other.billing))
            .then(self.amount.total_cmp(&other.amount))
    }
}

serde_as_text!(
    Price,
    "money per time, like `0.04 USD/hour` or `30 EUR/month`"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_hours_and_months() {
        let price: Price = "0.04 USD/h".parse().unwrap();
        assert_eq!((price.per_hour(), price.currency()), (0.04, "USD"));
        assert_eq!(price.to_string(), "0.04 USD/hour");
        assert_eq!("730€/month".parse::<Price>().unwrap().per_hour(), 1.0);
        assert_eq!(
            format!("{:.2}", "1.005 EUR/mo".parse::<Price>().unwrap()),
            "1.00 EUR/month"
        );
        for text in [
            "",
            "1",
            "1 USD",
            "1 USD/day",
            "-1 USD/hour",
            "1 /hour",
            "USD/hour",
            "1 U S/h",
        ] {
            assert_eq!(
                text.parse::<Price>(),
                Err(QuantityError::Price {
                    text: text.to_owned()
                })
            );
        }
    }

    proptest! {
        #[test]
        fn display_parses_back(amount in 0.0f64..1e12, currency in "[A-Z]{3}|€|\\$", month: bool) {
            let billing = if month { Billing::Month } else { Billing::Hour };
            let price = Price::new(amount, &currency, billing).unwrap();
            prop_assert_eq!(price.to_string().parse::<Price>().unwrap(), price);
        }
    }
}
