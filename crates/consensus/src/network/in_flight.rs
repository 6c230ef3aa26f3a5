//! The requests of a replication stream that are not answered yet.
//!
//! Raft takes the answer to one request for an answer to every later one that ends at the same entry, and then for
//! a proof that the peer still followed when the *last* of them was sent. That is no proof: a request without
//! entries, sent by a leader that has hung and goes on, would be taken for answered by an answer from before it
//! hung, when the peer did follow. With it a deposed leader would confirm reads that miss what the new one has
//! acknowledged. So such an answer is withheld until the last of those requests is answered by itself; the peer
//! answers each of them, in their order.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use openraft::raft::{AppendEntriesRequest, StreamAppendResult};

use crate::type_config::{LogId, TypeConfig};

/// The requests that were sent, and are not answered: where each ends, in their order.
///
/// As many as raft and the flow control of the connection let be on their way. Raft notes a request in the moment
/// in which it is taken from it, and it has a runtime of one thread: no answer comes between that and the note here.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<VecDeque<Option<LogId>>>);

// === impl InFlight ===

impl InFlight {
    /// Notes a request that is about to be sent.
    pub(super) fn note(&self, request: &AppendEntriesRequest<TypeConfig>) {
        let last = request.entries.last().map(|entry| entry.log_id);
        self.ends().push_back(last.or(request.prev_log_id));
    }

    /// Whether every request is answered.
    pub(super) fn is_empty(&self) -> bool {
        self.ends().is_empty()
    }

    /// Takes note of the answer to the oldest request, and says whether raft must not see it: it would take it for
    /// the answer to the next one too.
    pub(super) fn is_withheld(&self, answer: &StreamAppendResult<TypeConfig>) -> bool {
        let mut ends = self.ends();
        ends.pop_front();
        match (answer, ends.front()) {
            (Ok(acknowledged), Some(next)) => next <= acknowledged,
            (Ok(_), None) | (Err(_), _) => false,
        }
    }

    fn ends(&self) -> MutexGuard<'_, VecDeque<Option<LogId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use openraft::{EntryPayload, raft::StreamAppendError};

    use super::*;
    use crate::type_config::{Entry, LeaderId, Vote};

    fn id(index: u64) -> LogId {
        LogId::new(leader(), index)
    }

    fn leader() -> LeaderId {
        LeaderId { term: 3, node_id: 1 }
    }

    /// A request with the entries behind `prev` up to `last`.
    fn request(prev: u64, last: u64) -> AppendEntriesRequest<TypeConfig> {
        AppendEntriesRequest {
            vote: Vote::new_committed(3, 1),
            prev_log_id: Some(id(prev)),
            entries: (prev + 1..=last).map(blank).collect(),
            leader_commit: None,
        }
    }

    fn blank(index: u64) -> Entry {
        Entry {
            log_id: id(index),
            payload: EntryPayload::Blank,
        }
    }

    fn sent(requests: &[(u64, u64)]) -> InFlight {
        let in_flight = InFlight::default();
        for (prev, last) in requests {
            in_flight.note(&request(*prev, *last));
        }
        in_flight
    }

    #[test]
    fn an_answer_counts_for_no_request_that_was_sent_after_its_own() {
        let in_flight = sent(&[(5, 8), (8, 8), (8, 8), (8, 9)]);
        assert!(
            in_flight.is_withheld(&Ok(Some(id(8)))),
            "it would answer the empty one behind it"
        );
        assert!(in_flight.is_withheld(&Ok(Some(id(8)))));
        assert!(
            !in_flight.is_withheld(&Ok(Some(id(8)))),
            "the last of them is answered by itself"
        );
        assert!(!in_flight.is_withheld(&Ok(Some(id(9)))));
        assert!(in_flight.is_empty());
    }

    #[test]
    fn answers_to_requests_that_end_at_different_entries_are_seen_at_once() {
        let in_flight = sent(&[(5, 8), (8, 10), (10, 11)]);
        for last in [8, 10, 11] {
            assert!(!in_flight.is_withheld(&Ok(Some(id(last)))));
        }
    }

    #[test]
    fn what_ends_a_stream_is_seen_at_once() {
        let in_flight = sent(&[(5, 8), (8, 8)]);
        assert!(!in_flight.is_withheld(&Err(StreamAppendError::Conflict(id(5)))));
    }
}
