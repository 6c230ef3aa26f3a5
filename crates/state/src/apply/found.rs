//! Found: the cluster gets its identity.

use quorate_model::{ClusterId, Epoch, MemberId, Revision};

use super::Applied;
use crate::{Cluster, Outcome, Rejection, State};

/// Founding again with the same values is done already; with others it is refused.
pub(super) fn apply(state: &mut State, cluster_id: ClusterId, epoch: Epoch) -> Applied {
    let wanted = Cluster {
        id: cluster_id,
        epoch,
        base: Revision::ZERO,
    };
    match state.cluster() {
        None => state.found(wanted, MemberId::FIRST),
        Some(cluster) if cluster == wanted => {}
        Some(cluster) => {
            return Err(Rejection::AlreadyFounded { cluster_id: cluster.id });
        }
    }
    Ok((Outcome::Founded, Vec::new()))
}
