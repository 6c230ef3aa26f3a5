//! How much the gRPC front end takes and gives at a time, each limit with its reason.

use std::time::Duration;

use quorate_model::limits;

/// How much the gRPC front end takes and gives at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request.
    pub request_len_max: usize,
    /// Bytes of one page of a listing: far below the 4 MiB that gRPC clients accept unless told otherwise.
    pub page_len_max: usize,
    /// Bytes of one answer to a resolve, which has no pages: a full service of instances of common size.
    pub answer_len_max: usize,
    /// Requests that are being answered at a time; one more is turned away at once. More than the registry takes
    /// writes, so that reads go on while writes are turned away.
    pub requests_in_flight_max: usize,
    /// Streams of renewals that are open at a time: one for each process that speaks to this member, and each costs
    /// some KiB.
    pub keep_alive_streams_max: usize,
    /// How many of them one connection may have: a process needs one, and a proxy brings those of many.
    pub keep_alive_streams_per_connection_max: usize,
    /// How long one of them may be without a frame: twelve renewals of the default TTL. Whoever renews less often opens
    /// another one each time, which costs little at that pace.
    pub keep_alive_idle_max: Duration,
    /// Time for a request that does not say how much it has.
    pub time_default: Duration,
    /// Most time for a request, whatever it says: nobody waits for an answer longer.
    pub time_max: Duration,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_len_max: limits::REQUEST_LEN_MAX,
            page_len_max: 1 << 20,
            answer_len_max: 16 << 20,
            requests_in_flight_max: 16_384,
            keep_alive_streams_max: 50_000,
            keep_alive_streams_per_connection_max: 256,
            keep_alive_idle_max: Duration::from_secs(60),
            time_default: Duration::from_secs(10),
            time_max: Duration::from_secs(30),
        }
    }
}
