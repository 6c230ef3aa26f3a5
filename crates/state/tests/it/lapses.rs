//! Leases that lapse, revive and expire, and what becomes of what they keep.

mod ageing;
mod drains;
mod keeping;
mod room;
mod standing;

use quorate_model::{Filter, Generation, LeaseId, Revision, Standing};
use quorate_state::{Change, Limit, Mutated, Outcome, Rejection};

use crate::samples::{Node, grant_staying, key, lapse, register_with, web};

pub(super) const LAPSED: Outcome = Outcome::LeasesLapsed { count: 1 };
pub(super) const REVIVED: Outcome = Outcome::LeasesRevived { count: 1 };

pub(super) fn passed(count: u32) -> Outcome {
    Outcome::TimePassed { count }
}

pub(super) fn standing(node: &Node, id: &str) -> Standing {
    let instance = node.state.instance(&key(id)).expect("it is there");
    node.state.standings(&web()).standing(&instance)
}

pub(super) fn is_answered(node: &Node, id: &str) -> bool {
    let instance = node.state.instance(&key(id));
    instance.is_some_and(|instance| Filter::default().matches(&instance, &standing(node, id)))
}

/// The lease that keeps an instance; 0 if none does.
pub(super) fn lease_of(node: &Node, id: &str) -> u64 {
    let instance = node.state.instance(&key(id)).expect("it is there");
    instance.lease().map_or(0, LeaseId::get)
}

pub(super) fn generation_of(node: &Node, id: &str) -> u64 {
    node.state.instance(&key(id)).expect("it is there").generation().get()
}

/// A node on which lease 2, of "pod" in its first run, keeps the instance "a": the next command is at revision 4. It
/// lives for 10 s and stays for 30 s.
pub(super) fn leased() -> Node {
    let mut node = Node::founded();
    node.apply_stamped(1_000, &grant_staying("pod", 30_000));
    let (outcome, _) = node.apply(&register_with("a", 2));
    assert_eq!(outcome, registered(3, 3, Change::Created, 2));
    node
}

/// What a registration came to that a lease keeps; none does, if that is 0.
pub(super) fn registered(generation: u64, revision: u64, change: Change, lease: u64) -> Outcome {
    Outcome::Mutated(Mutated::Registered {
        generation: Generation::new(generation),
        revision: Revision::new(revision),
        change,
        lease: (lease != 0).then(|| LeaseId::new(lease)),
    })
}

/// The same node where lease 2 has lapsed at revision 4, at 20 s.
pub(super) fn lapsed() -> Node {
    let mut node = leased();
    assert_eq!(node.apply_stamped(20_000, &lapse(&[(2, 2)])).0, LAPSED);
    node
}

pub(super) fn refused(rejection: Rejection) -> Outcome {
    Outcome::Rejected(rejection)
}

pub(super) fn over(limit: Limit) -> Outcome {
    refused(Rejection::LimitExceeded { limit })
}
