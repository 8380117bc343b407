//! Numbers as people read them.

/// A share in whole percent, or with one place below ten: `41 %`, `1.8 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        return "unknown".to_string();
    }
    if value != 0.0 && value.abs() < 9.95 {
        let text = format!("{value:.1}");
        return format!("{} %", text.trim_end_matches(".0"));
    }
    format!("{value:.0} %")
}

/// A probability: as [`percent`], and never `0 %` or `100 %`.
pub fn probability(value: f64) -> String {
    if value > 0.999 {
        "over 99.9 %".to_string()
    } else if value < 0.001 {
        "under 0.1 %".to_string()
    } else {
        percent(value)
    }
}

/// Bytes in the largest binary unit that keeps three digits: `1.9 GiB`, `420 MiB`.
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value.max(0.0);
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Records a second with thousands separated: `41,200`.
pub fn rate(per_second: f64) -> String {
    if per_second.abs() < 10.0 {
        let text = format!("{per_second:.1}");
        return text.trim_end_matches(".0").to_string();
    }
    let rounded = if per_second.abs() >= 10_000.0 {
        (per_second / 100.0).round() * 100.0
    } else {
        per_second.round()
    };
    thousands(rounded)
}

/// A whole number with thousands separated.
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0.0 && digits != "0" {
        format!("−{out}")
    } else {
        out
    }
}

/// Money: `$212`, `12 EUR`, with cents below ten.
pub fn money(amount: f64, currency: &str) -> String {
    let value = amount.abs();
    let text = if value < 10.0 && value != 0.0 {
        format!("{value:.2}")
    } else {
        thousands(value)
    };
    let sign = if amount < 0.0 { "−" } else { "" };
    match currency {
        "USD" | "$" => format!("{sign}${text}"),
        "EUR" | "€" => format!("{sign}€{text}"),
        "GBP" | "£" => format!("{sign}£{text}"),
        other => format!("{sign}{text} {other}"),
    }
}

/// A time span in its largest unit or two: `3 h`, `38 s`, `2 d 4 h`.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (days, hours, minutes) = (
        seconds / 86_400,
        seconds % 86_400 / 3600,
        seconds % 3600 / 60,
    );
    let two = |a: i64, a_unit: &str, b: i64, b_unit: &str| {
        if b == 0 {
            format!("{a} {a_unit}")
        } else {
            format!("{a} {a_unit} {b} {b_unit}")
        }
    };
    if days > 0 {
        two(days, "d", hours, "h")
    } else if hours > 0 {
        two(hours, "h", minutes, "min")
    } else if minutes > 0 {
        two(minutes, "min", seconds % 60, "s")
    } else if seconds > 0 {
        format!("{seconds} s")
    } else {
        format!("{} ms", ms.max(0))
    }
}

/// Cores: `1.5`, `0.9`, `2`.
pub fn cores(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A moment as `2026-11-21 04:00 UTC`.
pub fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| format!("{ms} ms"),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(0.41), "41 %");
        assert_eq!(percent(0.018), "1.8 %");
        assert_eq!(percent(0.05), "5 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(probability(0.00001), "under 0.1 %");
        assert_eq!(bytes(2.0 * 1024.0 * 1024.0 * 1024.0), "2.0 GiB");
        assert_eq!(bytes(440_401_920.0), "420 MiB");
        assert_eq!(rate(41_234.0), "41,200");
        assert_eq!(rate(2.0), "2");
        assert_eq!(money(212.4, "USD"), "$212");
        assert_eq!(money(-3.5, "CHF"), "−3.50 CHF");
        assert_eq!(span(38_000), "38 s");
        assert_eq!(span(3 * 3_600_000), "3 h");
        assert_eq!(span(52 * 3_600_000), "2 d 4 h");
        assert_eq!(cores(1.5), "1.5");
        assert_eq!(cores(2.0), "2");
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
    }
}
