//! Who speaks to whom: every call between members says its cluster, sender and target. One of another cluster, for
//! another member, or in the receiver's own name is refused; any other sender is taken at its word.
//!
//! This keeps a node that was started with another cluster's data, or under an address that somebody else
//! had before, from ever taking part in a raft that it does not belong to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use quorate_model::{ClusterId, Identity, MemberId};
use quorate_proto::status::Reason;
use tonic::{
    Request, Status,
    metadata::MetadataMap,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

const CLUSTER: &str = "quorate-cluster";
const FROM: &str = "quorate-from";
const TO: &str = "quorate-to";

/// Most problems that are remembered as logged. Strangers can make up any number of clusters.
const TOLD_MAX: usize = 16;

/// Writes the caller's identity and the target into every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Introduce {
    identity: Identity,
    target: u64,
}

/// A channel on which every request introduces its sender.
pub(crate) type Introduced = InterceptedService<Channel, Introduce>;

/// Refuses requests that are not from this cluster, or not for this member.
#[derive(Debug, Clone)]
pub(crate) struct CheckIdentity {
    identity: Identity,
    /// What was logged already: a node at the wrong place calls ten times a second.
    told: Arc<Mutex<BTreeSet<String>>>,
}

/// Why a call is refused.
struct Refusal {
    reason: Reason,
    problem: String,
}

// === impl Introduce ===

impl Introduce {
    pub(crate) fn new(identity: Identity, target: u64) -> Self {
        Self { identity, target }
    }
}

impl Interceptor for Introduce {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let words = [
            (CLUSTER, self.identity.cluster_id.to_string()),
            (FROM, self.identity.member_id.to_string()),
            (TO, self.target.to_string()),
        ];
        for (key, word) in words {
            let word = word.parse().expect("digits are valid metadata");
            request.metadata_mut().insert(key, word);
        }
        Ok(request)
    }
}

// === impl CheckIdentity ===

impl CheckIdentity {
    pub(crate) fn new(identity: Identity) -> Self {
        let told = Arc::default();
        Self { identity, told }
    }

    /// Logs each problem once, as far as there is room to remember it.
    fn tell(&self, problem: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX && told.insert(problem.to_owned()) {
            tracing::warn!(
                problem,
                "refusing the calls of a node: check that each node has its own data directory and addresses"
            );
        }
    }

    fn check(&self, metadata: &MetadataMap) -> Result<(), Refusal> {
        let cluster_id: ClusterId = word(metadata, CLUSTER)?;
        let from: MemberId = word(metadata, FROM)?;
        let to: MemberId = word(metadata, TO)?;
        let own = self.identity;
        let refused = |reason, problem| Err(Refusal { reason, problem });
        if cluster_id != own.cluster_id {
            let problem = format!("this member belongs to cluster {}, not {cluster_id}", own.cluster_id);
            return refused(Reason::WrongCluster, problem);
        }
        if to != own.member_id {
            return refused(
                Reason::WrongMember,
                format!("this is member {}, not {to}", own.member_id),
            );
        }
        if from == own.member_id {
            let problem = format!("member {from} calls itself: two processes share an id or an address");
            return refused(Reason::WrongMember, problem);
        }
        Ok(())
    }
}

impl Interceptor for CheckIdentity {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        match self.check(request.metadata()) {
            Ok(()) => Ok(request),
            Err(Refusal { reason, problem }) => {
                self.tell(&problem);
                Err(reason.status(problem))
            }
        }
    }
}

/// Who sent a request that was checked.
pub(crate) fn sender(metadata: &MetadataMap) -> Option<MemberId> {
    metadata.get(FROM)?.to_str().ok()?.parse().ok()
}

fn word<T: std::str::FromStr>(metadata: &MetadataMap, key: &'static str) -> Result<T, Refusal> {
    let word = metadata.get(key).and_then(|value| value.to_str().ok()?.parse().ok());
    word.ok_or_else(|| Refusal {
        reason: Reason::InvalidArgument,
        problem: format!("the metadata {key} is missing or malformed"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quorate_fuzz::Fuzz;
    use tonic::metadata::MetadataValue;

    use super::*;

    fn identity(cluster: u128, member: u64) -> Identity {
        Identity {
            cluster_id: ClusterId::new(cluster),
            member_id: member.try_into().unwrap(),
        }
    }

    fn call(from: Identity, target: u64, receiver: Identity) -> Result<(), String> {
        let request = Introduce::new(from, target).call(Request::new(())).unwrap();
        match CheckIdentity::new(receiver).call(request) {
            Ok(_) => Ok(()),
            Err(status) => Err(status.message().to_owned()),
        }
    }

    #[test]
    fn a_call_to_the_right_member_of_the_right_cluster_passes() {
        assert_eq!(call(identity(7, 1), 2, identity(7, 2)), Ok(()));
    }

    #[test]
    fn a_wrong_cluster_target_or_sender_is_refused() {
        assert!(
            call(identity(8, 1), 2, identity(7, 2))
                .unwrap_err()
                .contains("belongs to cluster")
        );
        assert!(
            call(identity(7, 1), 3, identity(7, 2))
                .unwrap_err()
                .contains("this is member 2")
        );
        assert!(
            call(identity(7, 2), 2, identity(7, 2))
                .unwrap_err()
                .contains("calls itself")
        );
    }

    #[test]
    fn each_problem_is_logged_once_and_only_so_many_are() {
        let check = CheckIdentity::new(identity(7, 2));
        let told = || check.told.lock().unwrap().len();
        let call = |cluster| {
            let request = Introduce::new(identity(cluster, 1), 2).call(Request::new(())).unwrap();
            check.clone().call(request).unwrap_err();
        };
        call(8);
        call(8);
        assert_eq!(told(), 1);
        (9..200).for_each(call);
        assert_eq!(told(), TOLD_MAX);
    }

    #[test]
    fn a_call_without_an_introduction_is_refused() {
        let status = CheckIdentity::new(identity(7, 2)).call(Request::new(())).unwrap_err();
        assert_eq!(Reason::of(&status), Reason::InvalidArgument);
    }

    #[test]
    fn a_hostile_introduction_is_refused() {
        let (sender, receiver) = (identity(7, 1), identity(7, 2));
        let introduced = Introduce::new(sender, 2).call(Request::new(())).unwrap();
        for name in [CLUSTER, FROM, TO] {
            let word = introduced.metadata().get(name).unwrap().as_bytes().to_vec();
            Fuzz::new("CheckIdentity::check", Just(word)).one_way(|bytes| {
                let Ok(word) = MetadataValue::try_from(bytes) else {
                    return false;
                };
                let mut metadata = introduced.metadata().clone();
                metadata.insert(name, word);
                CheckIdentity::new(receiver).check(&metadata).is_ok()
            });
        }
    }
}
