//! Times as they are written on a command line.

use std::time::Duration;

/// Units, and how many milliseconds each has. `ms` comes before the units that it ends with.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", DAY_MS)];

const DAY_MS: u64 = 24 * 3_600_000;

/// Longest time that is taken where something is waited for: a day. Whoever asks for more has mistaken the unit.
const MAX_MS: u64 = DAY_MS;

/// Longest time that is taken where something is to last: a year.
const LONG_MAX_MS: u64 = 365 * DAY_MS;

/// Parses a whole number with a unit, such as `500ms` or `5s`, more than 0.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a time from 1ms to 24h; write it like 500ms, 5s, 1m or 2h");
    parse_up_to(MAX_MS, text).ok_or_else(refused)
}

/// The same for what is to last: up to a year, such as `30m` or `7d`.
pub(super) fn parse_long(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a time from 1ms to 365d; write it like 30s, 10m, 24h or 7d");
    parse_up_to(LONG_MAX_MS, text).ok_or_else(refused)
}

fn parse_up_to(max_ms: u64, text: &str) -> Option<Duration> {
    let (number, unit_ms) = UNITS
        .into_iter()
        .find_map(|(unit, unit_ms)| Some((text.strip_suffix(unit)?, unit_ms)))?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    (1..=max_ms).contains(&ms).then(|| Duration::from_millis(ms))
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
            ("1d", MAX_MS),
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
            "2d",
        ] {
            assert!(parse(text).unwrap_err().contains("500ms"), "{text}");
        }
    }
    #[test]
    fn what_is_to_last_may_last_a_year() {
        assert_eq!(parse_long("365d"), Ok(Duration::from_millis(LONG_MAX_MS)));
        for text in ["366d", "0d", "d", "8761h"] {
            assert!(parse_long(text).unwrap_err().contains("7d"), "{text}");
        }
    }
}
