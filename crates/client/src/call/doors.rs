//! The doors that a client knows: those that it was given, and those that it has learned of from the cluster.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quorate_model::{DoorAddress, Epoch, MemberId, Term, limits::MEMBERS_MAX};
use tokio::time::Instant;

use crate::{
    Header,
    call::door::{Door, Locksmith},
};

/// How often the members are asked for while the client is used.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// How long it takes from one time to the next at least, whatever answers say in between.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);

/// The doors that a client knows.
#[derive(Debug)]
pub(super) struct Doors {
    /// Never forgotten.
    given: Vec<Arc<Door>>,
    /// Whether it learns of others, and goes to the leader by itself.
    discovers: bool,
    locksmith: Locksmith,
    known: Mutex<Known>,
}

/// What the cluster has told.
#[derive(Debug, Default)]
struct Known {
    /// The doors of its members that were not given: at most [`MEMBERS_MAX`].
    learned: Vec<Arc<Door>>,
    /// Its members: at most [`MEMBERS_MAX`].
    members: BTreeMap<MemberId, DoorAddress>,
    /// Where writes need not be forwarded.
    leader: Option<LeaderHint>,
    /// Where the last answer came from.
    preferred: Option<DoorAddress>,
    /// When the members were last asked for.
    refreshed: Option<Instant>,
    /// Whether an answer has shown that the members are others by now.
    is_outdated: bool,
}

/// Who leads, as of a term.
#[derive(Debug)]
struct LeaderHint {
    epoch: Epoch,
    term: Term,
    door: DoorAddress,
}

// === impl Doors ===

impl Doors {
    pub(super) fn new(given: Vec<DoorAddress>, discovers: bool, locksmith: Locksmith) -> Self {
        let given = given
            .into_iter()
            .map(|address| Arc::new(Door::new(address, locksmith.clone())));
        Self {
            given: given.collect(),
            discovers,
            locksmith,
            known: Mutex::default(),
        }
    }

    /// All doors, in the order in which they are to be asked: for a change the leader's first, then the one that
    /// answered last and those behind it; those behind which nobody has answered come last.
    pub(super) fn in_order(&self, for_change: bool) -> Vec<Arc<Door>> {
        let known = self.known();
        let mut doors: Vec<Arc<Door>> = self.given.iter().chain(&known.learned).cloned().collect();
        let place = |address: Option<&DoorAddress>| {
            address.and_then(|address| doors.iter().position(|door| door.address() == address))
        };
        let leader = place(known.leader.as_ref().filter(|_| for_change).map(|hint| &hint.door));
        let preferred = place(known.preferred.as_ref()).unwrap_or(0);
        let leader = leader.map(|index| Arc::clone(&doors[index]));
        doors.rotate_left(preferred);
        if let Some(leader) = leader {
            doors.sort_by_key(|door| !Arc::ptr_eq(door, &leader));
        }
        doors.sort_by_cached_key(|door| door.is_resting());
        doors
    }

    /// Takes note of an answer that came through `door`.
    pub(super) fn answered(&self, door: &Door, for_change: bool, header: &Header) {
        let mut known = self.known();
        // The leader answers changes because it leads; reads go on to whoever answered them.
        if !for_change || known.leader.as_ref().is_none_or(|hint| hint.door != *door.address()) {
            known.preferred = Some(door.address().clone());
        }
        if self.discovers {
            known.note(header);
            self.learn_leader(&mut known);
        }
    }

    /// Takes note of what a member tells of the cluster, which says nothing about whom to ask next.
    pub(super) fn heard(&self, header: &Header) {
        let mut known = self.known();
        if self.discovers {
            known.note(header);
            self.learn_leader(&mut known);
        }
    }

    /// Takes note that the member behind `door` did not take a request.
    pub(super) fn failed(&self, door: &Door) {
        let mut known = self.known();
        if known.leader.as_ref().is_some_and(|hint| hint.door == *door.address()) {
            known.leader = None;
        }
    }

    /// Whether it is time to ask for the members.
    pub(super) fn is_refresh_due(&self) -> bool {
        self.discovers && self.known().is_refresh_due()
    }

    /// The same. Who is told so has to do it: nobody else is, for a while.
    pub(super) fn claim_refresh(&self) -> bool {
        let mut known = self.known();
        let is_claimed = self.discovers && known.is_refresh_due();
        if is_claimed {
            (known.refreshed, known.is_outdated) = (Some(Instant::now()), false);
        }
        is_claimed
    }

    /// Takes the list of members. One that is not `complete`, because whoever told it lags behind, adds to what is
    /// known and takes nothing from it.
    pub(super) fn learn(&self, members: impl IntoIterator<Item = (MemberId, DoorAddress)>, complete: bool) {
        let mut known = self.known();
        if complete {
            known.members.clear();
        }
        for (id, address) in members {
            if known.members.len() < MEMBERS_MAX {
                known.members.insert(id, address);
            }
        }
        let members: Vec<DoorAddress> = known.members.values().cloned().collect();
        known.learned.retain(|door| members.contains(door.address()));
        for address in members {
            self.add(&mut known, address);
        }
    }

    /// Forgets a door that was learned: it does not belong to the cluster any more. False if it was given.
    pub(super) fn forget(&self, door: &Door) -> bool {
        let mut known = self.known();
        let count = known.learned.len();
        known.learned.retain(|learned| learned.address() != door.address());
        known.members.retain(|_, address| address != door.address());
        known.is_outdated = true;
        known.learned.len() < count
    }

    /// The leader may be a member that has only just come.
    fn learn_leader(&self, known: &mut Known) {
        if let Some(address) = known.leader.as_ref().map(|hint| hint.door.clone()) {
            self.add(known, address);
        }
    }

    fn add(&self, known: &mut Known, address: DoorAddress) {
        let mut doors = self.given.iter().chain(&known.learned);
        if doors.all(|door| *door.address() != address) && known.learned.len() < MEMBERS_MAX {
            known.learned.push(Arc::new(Door::new(address, self.locksmith.clone())));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Known ===

impl Known {
    fn is_refresh_due(&self) -> bool {
        let interval = if self.is_outdated {
            REFRESH_PAUSE
        } else {
            REFRESH_INTERVAL
        };
        self.refreshed.is_none_or(|last| last.elapsed() >= interval)
    }

    fn note(&mut self, header: &Header) {
        let older = |hint: &LeaderHint| hint.epoch == header.epoch && hint.term > header.term;
        let leader = header.leader.as_ref();
        self.is_outdated |= !self.members.contains_key(&header.member_id)
            || leader.is_some_and(|leader| !self.members.contains_key(&leader.id));
        // A member that lags behind may still believe in a leader that was.
        if self.leader.as_ref().is_some_and(older) {
            return;
        }
        let door = leader.and_then(|leader| leader.address.clone());
        self.leader = door.map(|door| LeaderHint {
            epoch: header.epoch,
            term: header.term,
            door,
        });
    }
}

#[cfg(test)]
mod tests;
