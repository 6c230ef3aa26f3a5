//! Times as they are written on a command line.

use std::time::Duration;

/// Units, and how many milliseconds each has. `ms` comes before the units that it ends with.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Longest time that is taken: a day. Whoever asks for more has mistaken the unit.
const MAX_MS: u64 = 24 * 3_600_000;

/// Parses a whole number with a unit, such as `500ms` or `5s`, more than 0.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a time from 1ms to 24h; write it like 500ms, 5s, 1m or 2h");
    let (number, unit_ms) = UNITS
        .into_iter()
        .find_map(|(unit, unit_ms)| Some((text.strip_suffix(unit)?, unit_ms)))
        .ok_or_else(refused)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let number: u64 = number.parse().map_err(|_| refused())?;
    match number.checked_mul(unit_ms) {
        Some(ms @ 1..=MAX_MS) => Ok(Duration::from_millis(ms)),
        Some(_) | None => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        for (text, ms) in [
            ("1ms", 1),
            ("500ms", 500),
            ("5s", 5_000),
            ("2m", 120_000),
            ("24h", MAX_MS),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "+1s",
            "1.5s",
            "5 s",
            "25h",
            "18446744073709551615h",
            "5d",
        ] {
            assert!(parse(text).unwrap_err().contains("500ms"), "{text}");
        }
    }
}
