//! Who has a place for a stream of renewals.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quorate_model::Clock;

use crate::grpc::Limits;

/// What is known of the connection that a request came over. The server has one for each and gives it to all of its
/// requests; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ClientConnection {
    keep_alive_streams: Arc<AtomicUsize>,
}

/// The places for streams of renewals.
#[derive(Debug)]
pub(super) struct Room {
    clock: Arc<dyn Clock>,
    limits: Limits,
    taken: Mutex<Taken>,
}

/// Who has places, and when each was last heard, by the clock of the member.
#[derive(Debug, Default)]
struct Taken {
    heard: BTreeMap<u64, Duration>,
    by_time: BTreeSet<(Duration, u64)>,
    next: u64,
}

/// A place, until it is dropped or, if nothing is heard for a while, somebody else needs it.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    id: u64,
    _share: Option<Share>,
}

/// The part of a stream in what its connection may have.
#[derive(Debug)]
struct Share(ClientConnection);

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// All streams of the member are in use.
    Member,
    /// All of those that one connection may have.
    Connection,
}

// === impl ClientConnection ===

impl ClientConnection {
    fn share(&self, most: usize) -> Option<Share> {
        let one_more = |open: usize| (open < most).then_some(open + 1);
        let streams = &self.keep_alive_streams;
        let taken = streams.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Share(self.clone()))
    }
}

// === impl Share ===

impl Drop for Share {
    fn drop(&mut self) {
        self.0.keep_alive_streams.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Room ===

impl Room {
    pub(super) fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            limits,
            taken: Mutex::default(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A place for a stream of this connection, if it is known. Where there is none, a stream that has been silent for too
    /// long loses its own: it ends by itself only if its client reads on.
    pub(super) fn enter(self: &Arc<Self>, connection: Option<&ClientConnection>) -> Result<Place, NoPlace> {
        let per_connection = self.limits.keep_alive_streams_per_connection_max;
        let share = connection.map(|connection| connection.share(per_connection).ok_or(NoPlace::Connection));
        let share = share.transpose()?;
        let now = self.clock.now();
        let silent_since = now.checked_sub(self.limits.keep_alive_idle_max);
        let mut taken = self.taken();
        if taken.heard.len() >= self.limits.keep_alive_streams_max {
            let cleared = silent_since.is_some_and(|since| taken.clear_one(since));
            if !cleared {
                return Err(NoPlace::Member);
            }
        }
        let id = taken.next;
        taken.next += 1;
        taken.put(id, now);
        drop(taken);
        Ok(Place {
            room: Arc::clone(self),
            id,
            _share: share,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Taken ===

impl Taken {
    fn put(&mut self, id: u64, now: Duration) {
        if let Some(before) = self.heard.insert(id, now) {
            self.by_time.remove(&(before, id));
        }
        self.by_time.insert((now, id));
    }

    fn remove(&mut self, id: u64) {
        if let Some(heard) = self.heard.remove(&id) {
            self.by_time.remove(&(heard, id));
        }
    }

    /// Takes the place of the stream that has been silent for the longest, if that is since then; false if it is not.
    fn clear_one(&mut self, since: Duration) -> bool {
        match self.by_time.first() {
            Some(&(heard, id)) if heard <= since => {
                self.remove(id);
                true
            }
            Some(_) | None => false,
        }
    }
}

// === impl Place ===

impl Place {
    /// Takes note that something has come. False if the place has gone to somebody else.
    pub(super) fn heard(&self) -> bool {
        let now = self.room.clock.now();
        let mut taken = self.room.taken();
        let is_there = taken.heard.contains_key(&self.id);
        if is_there {
            taken.put(self.id, now);
        }
        is_there
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken().remove(self.id);
    }
}
