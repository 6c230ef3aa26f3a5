//! What a member that starts asks of the others: how far its log once was.

use std::{sync::Arc, time::Duration};

use quorate_model::{DoorAddress, Identity};
use quorate_proto::peer as pb;

use super::{AskError, Connector, forward, wire};
use crate::memory::{Acknowledged, PeerMemory};

/// What the member at `address` remembers of `own`.
pub(crate) async fn recall(
    connector: &Arc<dyn Connector>,
    address: &DoorAddress,
    own: Identity,
    time_left: Duration,
) -> Result<Option<Acknowledged>, AskError> {
    let request = pb::RecallRequest {
        cluster_id: own.cluster_id.to_string(),
        member_id: own.member_id.get(),
        // Each is asked by itself.
        quota: 0,
    };
    let mut client = forward::joining_client(connector, address);
    let response = forward::ask(address, time_left, client.recall(request)).await?;
    acknowledged(&response).map_err(|error| AskError::Refused {
        address: address.clone(),
        problem: error.to_string(),
    })
}

fn acknowledged(response: &pb::RecallResponse) -> Result<Option<Acknowledged>, wire::Malformed> {
    let log_id = response.acknowledged.map(wire::log_id_from_wire).transpose()?;
    let term = response.acknowledged_in_term;
    Ok(log_id.map(|log_id| Acknowledged { log_id, term }))
}

/// Adds what this member remembers of `member` to an answer.
pub(super) fn add_acknowledged(response: &mut pb::RecallResponse, memory: &PeerMemory, member: u64) {
    if let Some(remembered) = memory.recall(member) {
        response.acknowledged = Some(wire::log_id_to_wire(&remembered.log_id));
        response.acknowledged_in_term = remembered.term;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};
    use prost::Message as _;
    use quorate_fuzz::Fuzz;

    use super::*;
    use crate::type_config::{LeaderId, LogId};

    #[test]
    fn what_is_remembered_arrives_as_it_was() {
        let leadership = LeaderId { term: 7, node_id: 1 };
        let log_id = LogId::new(LeaderId { term: 6, node_id: 2 }, 300);
        let memory = PeerMemory::default();
        memory.note(3, leadership, log_id);
        let mut response = pb::RecallResponse::default();
        add_acknowledged(&mut response, &memory, 4);
        assert_eq!(acknowledged(&response).unwrap(), None);
        add_acknowledged(&mut response, &memory, 3);
        assert_eq!(acknowledged(&response).unwrap(), Some(Acknowledged { log_id, term: 7 }));
    }

    #[test]
    fn hostile_memories_are_refused() {
        let log_id = any::<(u64, u64, u32)>().prop_map(|(term, member_id, index)| pb::LogId {
            term,
            member_id,
            index: index.into(),
        });
        let memories = (option::of(log_id), any::<u64>()).prop_map(|(acknowledged, acknowledged_in_term)| {
            let response = pb::RecallResponse {
                acknowledged,
                acknowledged_in_term,
                removed: false,
            };
            response.encode_to_vec()
        });
        Fuzz::new("acknowledged", memories).one_way(|bytes| {
            let response = pb::RecallResponse::decode(bytes);
            response.is_ok_and(|response| acknowledged(&response).is_ok())
        });
    }
}
