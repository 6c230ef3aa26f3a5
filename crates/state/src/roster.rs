//! The roster: which member ids were given out, and to which joins.

use imbl::OrdMap;
use quorate_model::{JoinNonce, MemberId, limits};

/// The counter of member ids and the nonces of the last joins.
///
/// Only the [`limits::JOIN_NONCES_MAX`] most recent nonces are kept; the one of the lowest id makes room. A join
/// that retries after that many others is given a second id, and the first one stays unused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roster {
    /// The highest id given out so far.
    last: MemberId,
    /// Ids ascend with time, so that the first entry is the oldest.
    nonces: OrdMap<MemberId, JoinNonce>,
}

impl Roster {
    /// A roster on which the highest id given out is `last`.
    pub(crate) fn new(last: MemberId) -> Self {
        Self {
            last,
            nonces: OrdMap::new(),
        }
    }

    pub(crate) fn last(&self) -> MemberId {
        self.last
    }

    pub(crate) fn nonces(&self) -> &OrdMap<MemberId, JoinNonce> {
        &self.nonces
    }

    /// The id that was given to `nonce`. Looks at each: joins are rare and the nonces few.
    pub(crate) fn find(&self, nonce: JoinNonce) -> Option<MemberId> {
        self.nonces
            .iter()
            .find(|(_, known)| **known == nonce)
            .map(|(id, _)| *id)
    }

    /// Notes that `id`, the highest so far, went to `nonce`; gives back what had to make room.
    pub(crate) fn add(&mut self, id: MemberId, nonce: JoinNonce) -> Option<(MemberId, JoinNonce)> {
        self.last = id;
        self.nonces.insert(id, nonce);
        if self.nonces.len() <= limits::JOIN_NONCES_MAX {
            return None;
        }
        let (oldest, _) = *self.nonces.get_min()?;
        self.nonces.remove_with_key(&oldest)
    }

    /// Changes whose `id` is from `reserved` to `nonce`; false if it is not whose that is, or `nonce` has an id.
    pub(crate) fn hand_over(&mut self, id: MemberId, reserved: JoinNonce, nonce: JoinNonce) -> bool {
        let fits = self.nonces.get(&id) == Some(&reserved) && self.find(nonce).is_none();
        if fits {
            self.nonces.insert(id, nonce);
        }
        fits
    }

    /// Puts back a nonce from a snapshot; false if its id or the nonce is there already, the id was never given,
    /// or there are too many.
    pub(crate) fn restore(&mut self, id: MemberId, nonce: JoinNonce) -> bool {
        let fits = id <= self.last && self.find(nonce).is_none() && self.nonces.len() < limits::JOIN_NONCES_MAX;
        fits && self.nonces.insert(id, nonce).is_none()
    }
}
