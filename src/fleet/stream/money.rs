//! Money in millionths of a US dollar, from the digits in which it is written: no fraction ever passes through a float.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::Used;

/// What a million tokens cost, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// Tokens that went in.
    pub input: u64,
    /// Those of them that came from a cache.
    pub cached: u64,
    /// Tokens that came out.
    pub output: u64,
}

impl Prices {
    /// What was used, at these prices, in millionths of a US dollar.
    pub fn cost(&self, used: &Used) -> u64 {
        let cached = used.cached_tokens.min(used.input_tokens);
        let parts =
            [(used.input_tokens - cached, self.input), (cached, self.cached), (used.output_tokens, self.output)];
        let sum = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price));
        let total = sum.fold(0, u128::saturating_add).saturating_add(500_000) / 1_000_000;
        u64::try_from(total).unwrap_or(u64::MAX)
    }
}

/// Dollars as JSON writes a number (`0.0274`, `3`, `2.7e-05`), in millionths, rounded. None for what is negative, beyond
/// all money, or no number.
pub fn micros(dollars: &str) -> Option<u64> {
    let (mantissa, exponent) = match dollars.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (dollars, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || digits.len() > 400 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // How many of the digits stand before the point, once it has been moved behind the millionths.
    let before = i64::try_from(whole.len()).ok()? + i64::from(exponent) + 6;
    let Ok(before) = usize::try_from(before) else { return Some(0) };
    let digit = |place: usize| u64::from(digits.as_bytes().get(place).map_or(0, |byte| byte - b'0'));
    let mut total: u64 = 0;
    for place in 0..before.min(digits.len()) {
        total = total.checked_mul(10)?.checked_add(digit(place))?;
    }
    for _ in digits.len()..before {
        // Nothing stays nothing, however large its exponent.
        total = total.checked_mul(10)?;
    }
    total.checked_add(u64::from(digit(before) >= 5))
}

/// The number that stands under these names in a JSON text, in its own digits.
pub(super) fn written<'t>(text: &'t str, names: &[&str]) -> Option<&'t str> {
    let mut text = text;
    for name in names {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        text = fields.get(*name)?.get();
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_by_their_digits() {
        for (dollars, expected) in [
            ("0", 0),
            ("0.0", 0),
            ("3", 3_000_000),
            ("0.3", 300_000),
            ("0.027399999999999997", 27_400),
            ("1234567.0000005", 1_234_567_000_001),
            ("0.0000004", 0),
            ("0.0000005", 1),
            ("9.5e-7", 1),
            ("4e-7", 0),
            ("2.7e-05", 27),
            ("2.5E+1", 25_000_000),
            ("1e-300", 0),
            ("0e300", 0),
            ("18446744073709.551615", u64::MAX),
        ] {
            assert_eq!(micros(dollars), Some(expected), "{dollars}");
        }
    }

    #[test]
    fn what_is_no_sum_of_money_is_none() {
        for text in [
            "",
            ".",
            "-1",
            "-0.5",
            "+1",
            "NaN",
            "inf",
            "1e",
            "1e99999",
            "1e30",
            "18446744073709.551616",
            "1.2.3",
            "0x1",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn cached_tokens_have_a_price_of_their_own() {
        let prices = Prices { input: 3_000_000, cached: 300_000, output: 15_000_000 };
        let used = Used { input_tokens: 1_000_000, cached_tokens: 400_000, output_tokens: 10, cost_micros: None };
        assert_eq!(prices.cost(&used), 1_800_000 + 120_000 + 150);
        let odd = Used { input_tokens: 1, cached_tokens: 5, output_tokens: 0, cost_micros: None };
        assert_eq!(prices.cost(&odd), 0);
        let most = Used { input_tokens: u64::MAX, output_tokens: u64::MAX, ..Used::default() };
        assert_eq!(Prices { input: u64::MAX, cached: 0, output: u64::MAX }.cost(&most), u64::MAX);
    }
}
