//! The one error table: every reason for which a request can fail, and what follows from it.
//!
//! A failed gRPC call carries its reason as the trailer `quorate-reason`, so that a client does not have to
//! guess it from the code; `retry-after-ms` says when asking again makes sense. The table is documented in
//! `docs/errors.md`, which a test compares with it.

use std::{fmt, time::Duration};

use tonic::{Code, Status, metadata::MetadataMap};

#[cfg(test)]
mod tests;

/// The trailer that holds the word of the [`Reason`].
pub const REASON_KEY: &str = "quorate-reason";

/// The trailer that holds how long to wait before asking again, in milliseconds.
pub const RETRY_AFTER_KEY: &str = "retry-after-ms";

/// Most bytes of a message: it travels as a header, percent-encoded, and headers are limited to some 16 KiB.
pub const MESSAGE_LEN_MAX: usize = 1 << 10;

/// Whether, and how, a failed request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It would fail again: something has to be changed first.
    Never,
    /// It has had no effect and may be sent again, to this member or another.
    AnyMember,
    /// It may have had an effect. Only a request that is known by a key of its own may be sent again.
    SameKeyOnly,
}

/// What the table says about a [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The word for it on the wire; never changes.
    pub word: &'static str,
    /// The gRPC code.
    pub code: Code,
    /// The HTTP status code.
    pub http: u16,
    /// Whether it may be sent again.
    pub retry: Retry,
    /// How long to wait before that, in milliseconds, unless the one who refuses knows better.
    pub retry_after_ms: Option<u32>,
    /// What has happened, for the documentation.
    pub meaning: &'static str,
}

/// Declares [`Reason`] and its table in one, so that no reason is without a row.
macro_rules! table {
    ($($reason:ident $word:literal $code:ident $http:literal $retry:ident $after:expr, $meaning:literal;)*) => {
        /// Why a request failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $reason,)*
        }

        impl Reason {
            /// All reasons, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$reason,)*];

            /// What the table says about it.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$reason => Row {
                        word: $word,
                        code: Code::$code,
                        http: $http,
                        retry: Retry::$retry,
                        retry_after_ms: $after,
                        meaning: $meaning,
                    },)*
                }
            }
        }
    };
}

table! {
    InvalidArgument "INVALID_ARGUMENT" InvalidArgument 400 Never None,
        "A part of the request is not what it has to be; the message names the field and the rule.";
    NotFound "NOT_FOUND" NotFound 404 Never None,
        "There is no such instance.";
    AlreadyExists "ALREADY_EXISTS" AlreadyExists 409 Never None,
        "Another owner holds the instance id; register with takeover if it is to be pushed aside.";
    StaleGeneration "STALE_GENERATION" FailedPrecondition 412 Never None,
        "The registration has begun a new generation since; the one that was given has no say any more.";
    LeaseNotFound "LEASE_NOT_FOUND" NotFound 404 Never None,
        "There is no such lease, or it has ended; nothing was done.";
    LeaseLapsed "LEASE_LAPSED" FailedPrecondition 412 Never None,
        "The lease that is to keep the registration has lapsed: renew it first.";
    SequenceTooOld "SEQUENCE_TOO_OLD" FailedPrecondition 412 Never None,
        "The outcome of a write with that sequence is not kept any more; read the instance to learn what came of it.";
    KeyReused "KEY_REUSED" FailedPrecondition 409 Never None,
        "The sequence of the request key belongs to another write; nothing was done.";
    EpochMismatch "EPOCH_MISMATCH" FailedPrecondition 412 Never None,
        "The cluster has begun another epoch than the one that was seen: its revisions tell nothing about this one's.";
    RevisionAhead "REVISION_AHEAD" FailedPrecondition 412 Never None,
        "The cluster has not come as far as the revision that was asked for.";
    LimitExceeded "LIMIT_EXCEEDED" ResourceExhausted 422 Never None,
        "The catalog would grow over one of its limits; the message names it.";
    RequestTooLarge "REQUEST_TOO_LARGE" ResourceExhausted 413 Never None,
        "The message is larger than allowed.";
    ReadOnly "READ_ONLY" ResourceExhausted 507 AnyMember Some(5_000),
        "A voter is short of disk: what makes the cluster grow is refused, what takes something out is still done.";
    Overloaded "OVERLOADED" ResourceExhausted 429 AnyMember Some(100),
        "The member has too much to do and did not begin with the request.";
    NoLeader "NO_LEADER" Unavailable 503 AnyMember Some(100),
        "The member knows no leader, or does not reach it; nothing was done.";
    NoQuorum "NO_QUORUM" Unavailable 503 AnyMember Some(250),
        "No majority of the voters confirmed the leader; nothing was done.";
    NotReady "NOT_READY" Unavailable 503 AnyMember Some(250),
        "The member does not serve yet, or takes no writes at present; the message says why.";
    Stopping "STOPPING" Unavailable 503 AnyMember None,
        "The member is about to stop and takes no more requests; ask another one.";
    Idle "IDLE" Unavailable 503 AnyMember None,
        "No frame has come for a while, and the stream has ended: open another one, here or elsewhere.";
    DeadlineExceeded "DEADLINE_EXCEEDED" DeadlineExceeded 504 AnyMember None,
        "The deadline passed before anything was done.";
    OutcomeUnknown "OUTCOME_UNKNOWN" Unknown 504 SameKeyOnly None,
        "The request was under way when the answer was lost: it may have taken effect, now or later.";
    MemberNotFound "MEMBER_NOT_FOUND" NotFound 404 Never None,
        "There is no such member, and never was.";
    MembershipRefused "MEMBERSHIP_REFUSED" FailedPrecondition 412 Never None,
        "The members cannot be changed like that as things are; the message says what is in the way.";
    MembershipBusy "MEMBERSHIP_BUSY" Unavailable 503 AnyMember Some(500),
        "Another change of the members is under way; nothing was done.";
    Removed "REMOVED" FailedPrecondition 503 AnyMember None,
        "The member was removed from the cluster and takes no more requests; ask another one.";
    Unimplemented "UNIMPLEMENTED" Unimplemented 501 Never None,
        "This version of the software does not do that.";
    WrongCluster "WRONG_CLUSTER" FailedPrecondition 421 Never None,
        "The request was meant for another cluster.";
    WrongMember "WRONG_MEMBER" FailedPrecondition 421 Never None,
        "The request was meant for another member of the cluster.";
    Internal "INTERNAL" Internal 500 Never None,
        "A fault of the software or its storage; its log says more.";
}

// === impl Reason ===

impl Reason {
    /// The word for it on the wire.
    pub const fn word(self) -> &'static str {
        self.row().word
    }

    /// Whether a request that failed for it may be sent again.
    pub const fn retry(self) -> Retry {
        self.row().retry
    }

    /// The reason that has this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.word() == word)
    }

    /// The failure of a call for this reason; `message` says what is wrong and what to do.
    pub fn status(self, message: impl Into<String>) -> Status {
        let after = self.row().retry_after_ms.map(u64::from);
        self.build(message.into(), after.map(Duration::from_millis))
    }

    /// The same, where it is known that asking again makes sense after `retry_after`, rounded up to milliseconds.
    pub fn status_retry_after(self, message: impl Into<String>, retry_after: Duration) -> Status {
        self.build(message.into(), Some(retry_after))
    }

    /// Why a call failed. Where nobody of ours has said so, the code tells, and what it leaves open counts as
    /// [`Reason::OutcomeUnknown`].
    pub fn of(status: &Status) -> Self {
        let stated = status.metadata().get(REASON_KEY).and_then(|word| word.to_str().ok());
        stated
            .and_then(Self::from_word)
            .unwrap_or_else(|| Self::of_foreign(status.code()))
    }

    fn of_foreign(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::InvalidArgument,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            // What tonic says of a message over the limit.
            Code::OutOfRange => Self::RequestTooLarge,
            Code::Unimplemented => Self::Unimplemented,
            Code::FailedPrecondition | Code::PermissionDenied | Code::Unauthenticated => Self::Internal,
            // Not even the first ones say that nothing was done: a proxy, a timer on the way, or a connection
            // that broke (whose HTTP/2 codes become gRPC codes) reports them too.
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Internal
            | Code::Cancelled
            | Code::Aborted
            | Code::DataLoss
            | Code::Unknown
            | Code::Ok => Self::OutcomeUnknown,
        }
    }

    fn build(self, message: String, retry_after: Option<Duration>) -> Status {
        let mut metadata = MetadataMap::new();
        let word = self.word().parse().expect("a word of the table is ASCII");
        metadata.insert(REASON_KEY, word);
        if let Some(wait) = retry_after {
            metadata.insert(RETRY_AFTER_KEY, milliseconds_up(wait).into());
        }
        Status::with_metadata(self.row().code, shortened(message), metadata)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How long `status` asks to wait before the call is made again, if it says so.
pub fn retry_after(status: &Status) -> Option<Duration> {
    let text = status.metadata().get(RETRY_AFTER_KEY)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_millis)
}

/// A message may quote what a client has sent, which may be long.
fn shortened(mut message: String) -> String {
    if message.len() > MESSAGE_LEN_MAX {
        let ellipsis = '…';
        let mut len = MESSAGE_LEN_MAX - ellipsis.len_utf8();
        while !message.is_char_boundary(len) {
            len -= 1;
        }
        message.truncate(len);
        message.push(ellipsis);
    }
    message
}

fn milliseconds_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
