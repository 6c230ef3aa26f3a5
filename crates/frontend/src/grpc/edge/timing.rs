//! How much time a request has.

use std::time::Duration;

use http::HeaderMap;
use quorate_proto::status::Reason;
use tonic::{Request, Status};

use crate::grpc::Limits;

/// The header in which a caller says how long it waits: up to eight digits and a unit.
const TIMEOUT_HEADER: &str = "grpc-timeout";

/// The digits that a timeout may have.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// How much longer than its time the edge waits for an answer: the registry ends in time by itself and knows what
/// it has done; only what hangs before or behind it is cut off here.
const GRACE: Duration = Duration::from_millis(250);

/// How much time a request had when it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::grpc) struct TimeLeft(Duration);

// === impl TimeLeft ===

impl TimeLeft {
    /// What the caller gives, within what the limits allow. A malformed timeout counts as none.
    pub(super) fn of(headers: &HeaderMap, limits: &Limits) -> Self {
        let stated = headers.get(TIMEOUT_HEADER).and_then(|timeout| timeout.to_str().ok());
        let time = stated.and_then(parse).unwrap_or(limits.time_default);
        Self(time.min(limits.time_max))
    }

    /// Takes a request that has come through the edge apart.
    pub(in crate::grpc) fn split<T>(request: Request<T>) -> (T, Duration) {
        let time_left = request.extensions().get::<Self>().copied();
        let Self(time_left) = time_left.expect("the edge gives every request its time");
        (request.into_inner(), time_left)
    }

    /// Waits for an answer, a little longer than there is time.
    pub(super) async fn wait_for<T>(self, answer: impl Future<Output = T>) -> Result<T, Status> {
        let answered = tokio::time::timeout(self.0 + GRACE, answer).await;
        answered.map_err(|_| {
            let message = "the request was under way when its time was over: it may or may not take effect";
            Reason::OutcomeUnknown.status(message)
        })
    }
}

fn parse(timeout: &str) -> Option<Duration> {
    let unit_at = timeout.len().checked_sub(1)?;
    let (digits, unit) = timeout.split_at_checked(unit_at)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > TIMEOUT_DIGITS_MAX {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use quorate_fuzz::Fuzz;

    use super::*;

    fn time_of(timeout: Option<&str>) -> Duration {
        let mut headers = HeaderMap::new();
        if let Some(timeout) = timeout {
            headers.insert(TIMEOUT_HEADER, timeout.parse().unwrap());
        }
        TimeLeft::of(&headers, &Limits::default()).0
    }

    #[test]
    fn a_timeout_is_read_in_every_unit() {
        for (timeout, ms) in [("2S", 2_000), ("150m", 150), ("7000u", 7), ("3000000n", 3), ("0m", 0)] {
            assert_eq!(time_of(Some(timeout)), Duration::from_millis(ms), "{timeout}");
        }
    }

    #[test]
    fn time_is_capped_and_has_a_default() {
        let Limits {
            time_default, time_max, ..
        } = Limits::default();
        for timeout in ["1H", "1M", "31S", "99999999S"] {
            assert_eq!(time_of(Some(timeout)), time_max, "{timeout}");
        }
        for timeout in [
            None,
            Some(""),
            Some("S"),
            Some("1"),
            Some("1s"),
            Some("-1S"),
            Some("123456789m"),
            Some("1µ"),
        ] {
            assert_eq!(time_of(timeout), time_default, "{timeout:?}");
        }
    }

    #[test]
    fn a_hostile_timeout_is_no_more_than_malformed() {
        let limits = Limits::default();
        let valid = "[0-9]{1,8}[HMSmun]".prop_map(String::into_bytes);
        Fuzz::new("TimeLeft::of", valid).one_way(|bytes| {
            let Ok(value) = HeaderValue::from_bytes(bytes) else {
                return false;
            };
            let is_stated = value.to_str().is_ok_and(|text| parse(text).is_some());
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static(TIMEOUT_HEADER), value)]);
            TimeLeft::of(&headers, &limits).0 <= limits.time_max && is_stated
        });
    }
}
