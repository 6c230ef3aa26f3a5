//! Who a node is: what its data says, or what it becomes by founding a cluster or by joining one.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use quorate_consensus::{Applicant, AskError, Calling, Connector, MemberInfo, identify, request_join};
use quorate_model::{Clock, ClusterId, DoorAddress, Identity, MemberId, limits};
use rand::{Rng, RngExt as _};
use tokio::time::sleep;

use super::{NodeError, Parts};
use crate::{Config, Start};

/// How long a peer may take to say who it is.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a member may take to let a node in: an election may come in between.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two rounds of asking all members.
const JOIN_RETRY: Duration = Duration::from_millis(500);

/// Between two lines that say that a node still waits to be let in.
const JOIN_REPORT: Duration = Duration::from_secs(5);

/// Answers who the node is. Waits for a member that lets it in, if it has to join.
pub(super) async fn settle(config: &Config, parts: &mut Parts) -> Result<Identity, NodeError> {
    let start = config.start();
    if let Some(identity) = parts.disk.identity() {
        note_ignored(start, identity);
        return Ok(identity);
    }
    match start {
        Start::Bootstrap { peers } => found(peers, &parts.connector, &mut *parts.random).await,
        Start::Join { members, calling } => {
            let applicant = Applicant {
                nonce: parts.disk.join_nonce(&mut *parts.random)?,
                info: member_info(config, *calling),
                quota: limits::FORWARD_QUOTA,
            };
            join(members, &applicant, &parts.connector, &*parts.clock).await
        }
        Start::Existing => Err(NodeError::NoIdentity),
    }
}

async fn found(
    peers: &[DoorAddress],
    connector: &Arc<dyn Connector>,
    random: &mut (dyn Rng + Send),
) -> Result<Identity, NodeError> {
    if peers.is_empty() {
        tracing::warn!(
            "founding a cluster without asking anybody: name the peer doors of the other nodes as `peers`, so that a \
             founder that lost its disk does not found a second cluster"
        );
    }
    let asked = peers.iter().map(|peer| identify(connector, peer, IDENTIFY_TIMEOUT));
    for (address, answer) in peers.iter().zip(join_all(asked).await) {
        match answer {
            Ok(identity) => {
                let address = address.clone();
                return Err(NodeError::AlreadyFounded { address, identity });
            }
            Err(error) => tracing::info!(%error, "a peer belongs to no cluster that it tells of"),
        }
    }
    let cluster_id = ClusterId::new(random.random());
    tracing::info!(%cluster_id, "founding a cluster");
    Ok(Identity {
        cluster_id,
        member_id: MemberId::FIRST,
    })
}

async fn join(
    members: &[DoorAddress],
    applicant: &Applicant,
    connector: &Arc<dyn Connector>,
    clock: &dyn Clock,
) -> Result<Identity, NodeError> {
    tracing::info!(members = members.len(), "asking to be let in");
    let mut reported = clock.now();
    loop {
        let mut problems = Vec::with_capacity(members.len());
        for address in members {
            match request_join(connector, address, applicant, JOIN_TIMEOUT).await {
                Ok(identity) => {
                    tracing::info!(%identity, by = %address, "let in");
                    return Ok(identity);
                }
                Err(refused @ AskError::Refused { .. }) => return Err(NodeError::NotAdmitted(refused)),
                Err(unreachable @ AskError::Unreachable { .. }) => problems.push(unreachable.to_string()),
            }
        }
        let now = clock.now();
        if now.saturating_sub(reported) >= JOIN_REPORT {
            reported = now;
            let problems = problems.join("; ");
            tracing::warn!(problems, "not let in yet, still asking: check --join if it stays so");
        }
        sleep(JOIN_RETRY).await;
    }
}

/// What a node tells the others of itself.
pub(super) fn member_info(config: &Config, calling: Calling) -> MemberInfo {
    MemberInfo {
        peer_address: config.doors().peer().advertise().clone(),
        client_address: config.doors().client().advertise().clone(),
        calling,
    }
}

fn note_ignored(start: &Start, identity: Identity) {
    let flag = match start {
        Start::Bootstrap { .. } => "--bootstrap",
        Start::Join { .. } => "--join",
        Start::Existing => return,
    };
    tracing::info!(%identity, "{flag} is ignored: there is data already");
}
