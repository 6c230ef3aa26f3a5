//! Ids that are kept for nodes which have not started yet, and ids that nobody is to be given again.
//!
//! The roster knows every id by the nonce of the join that it was given to. An id that an operator keeps for a node
//! has a nonce that follows from the node's peer address, until the node comes and claims it with its own; the id of
//! a member that goes gets one under which nobody comes.

use quorate_model::{DoorAddress, JoinNonce, MemberId};
use xxhash_rust::xxh3::xxh3_128;

/// The nonce of an id that is kept for the node at `peer_address`. The same on every version: it is in the state.
pub(super) fn reserved_for(peer_address: &DoorAddress) -> JoinNonce {
    JoinNonce::new(xxh3_128(format!("reserved for {peer_address}").as_bytes()))
}

/// The nonce of the id of a member that has gone.
pub(super) fn retired(id: MemberId) -> JoinNonce {
    JoinNonce::new(xxh3_128(format!("retired {id}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_what_they_were() {
        let address = "127.0.0.1:7401".parse().unwrap();
        let nonces = [reserved_for(&address), retired(MemberId::FIRST)].map(|nonce| nonce.to_string());
        let golden = ["6e8d0b8eeea7f45a0cdc8f5e71075b7a", "9e229e96baffe5f7ab2078cf102820fd"];
        assert_eq!(nonces, golden);
    }
}
