//! What members tell each other of renewals, which never enter the log.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, future::BoxFuture, stream};
use quorate_model::{Leadership, LeaseId, MemberId, Renewal, Term};
use quorate_proto::peer as pb;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::{channel, forward, wire::Malformed};
use crate::handle::Consensus;

/// Most leases of one message: two numbers each, of a few bytes.
const LEASES_MAX: usize = 100_000;

/// Most parts of a table: all leases that there can be.
const PARTS_MAX: u32 = 4_096;

/// How long ago leases were renewed, in milliseconds that count, in the order of their ids.
pub type Table = Vec<(LeaseId, u64)>;

/// What members ask each other about renewals. Implemented by the application.
pub trait Renewals: Send + Sync + 'static {
    /// Renews leases, as the leader, and answers what came of each. `leases` ascend; the last of them came in `age` ago.
    fn renew(
        &self,
        leases: Vec<LeaseId>,
        age: Duration,
        time_left: Duration,
    ) -> BoxFuture<'static, Result<Vec<Renewal>, RenewalsFailed>>;

    /// Takes note of what a leader knows.
    fn replicate(&self, told: Replication) -> Replicated;

    /// Tells all that this member knows, and takes nothing more from leaders before `by`; the later leader that it
    /// follows already, if there is one.
    fn pull(&self, by: Leadership) -> BoxFuture<'static, Result<Known, Leadership>>;
}

/// Why it is not known whether leases are renewed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewalsFailed {
    /// Who was asked does not lead, and may know who does.
    #[error("it does not lead")]
    NotLeader(Option<MemberId>),
    /// Something else was in the way.
    #[error("{0}")]
    Unknown(String),
}

/// What a leader knows, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// Who tells it.
    pub leadership: Leadership,
    /// Counts what is told to one member, from 0 on. 0 begins anew.
    pub sequence: u64,
    /// The log index of the membership by which the leader counts majorities.
    pub membership_index: u64,
    /// How long ago leases were renewed.
    pub table: Table,
    /// Whether this is the last part of everything, of a leader that knows everything.
    pub completes: bool,
    /// Whether the ages are the truth, in place of what is known.
    pub replaces: bool,
}

/// What became of what a leader told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicated {
    /// It is kept.
    Kept,
    /// It does not follow what was told last: begin anew.
    OutOfOrder,
    /// There is a later leader.
    Fenced(Leadership),
}

/// All that a member knows of renewals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether that is everything that it has ever confirmed to a leader.
    pub complete: bool,
    /// The last membership of which a leader told it that it has everything from before.
    pub membership_index: u64,
    /// How long ago leases were renewed, in parts.
    pub parts: Vec<Table>,
}

// === impl Consensus ===

impl Consensus {
    /// Has `leader` renew leases, which ascend.
    pub async fn request_renewals(
        &self,
        leader: MemberId,
        leases: &[LeaseId],
        age: Duration,
        time_left: Duration,
    ) -> Result<Vec<Renewal>, RenewalsFailed> {
        let Some(member) = self.member(leader) else {
            return Err(RenewalsFailed::NotLeader(None));
        };
        let request = pb::RenewRequest {
            lease_id_deltas: deltas(leases.iter().copied()),
            age_ms: u32::try_from(age.as_millis()).unwrap_or(u32::MAX),
            timeout_ms: u32::try_from(time_left.as_millis()).unwrap_or(u32::MAX),
        };
        let mut client = self.links().renewals_client(leader.get(), &member.info);
        let unknown = |problem: String| RenewalsFailed::Unknown(format!("leader {leader}: {problem}"));
        let answered = timeout(time_left, client.renew(request)).await;
        let response = answered
            .map_err(|_| unknown("no answer in time".to_owned()))?
            .map_err(|status| unknown(channel::describe(&status)))?;
        match response.into_inner().result {
            Some(pb::renew_response::Result::Answered(answered)) => Ok(renewals(leases.len(), &answered)),
            Some(pb::renew_response::Result::NotLeader(hint)) => {
                Err(RenewalsFailed::NotLeader(forward::leader_hint(&hint)))
            }
            Some(pb::renew_response::Result::Failed(problem)) => Err(unknown(problem)),
            None => Err(unknown("an empty answer".to_owned())),
        }
    }

    /// Tells `member` what this one, its leader, knows. Nothing is known if it does not answer.
    pub async fn replicate_renewals(
        &self,
        member: MemberId,
        told: &Replication,
        time_left: Duration,
    ) -> Option<Replicated> {
        let info = self.member(member)?.info;
        let mut client = self.links().renewals_client(member.get(), &info);
        let answered = timeout(time_left, client.replicate(replication_to_wire(told))).await;
        match answered.ok()?.ok()?.into_inner().result? {
            pb::replicate_response::Result::Kept(_) => Some(Replicated::Kept),
            pb::replicate_response::Result::OutOfOrder(_) => Some(Replicated::OutOfOrder),
            pb::replicate_response::Result::Fenced(by) => {
                Some(Replicated::Fenced(leadership_from_wire(Some(by)).ok()?))
            }
        }
    }

    /// Has `member` tell all that it knows to this one, its leader. Nothing is known if it does not answer.
    pub async fn pull_renewals(
        &self,
        member: MemberId,
        by: Leadership,
        time_left: Duration,
    ) -> Option<Result<Known, Leadership>> {
        let info = self.member(member)?.info;
        let mut client = self.links().renewals_client(member.get(), &info);
        let request = pb::PullRequest {
            leadership: Some(leadership_to_wire(by)),
        };
        let pulled = timeout(time_left, async {
            let parts = client.pull(request).await.ok()?.into_inner();
            known(parts).await
        });
        pulled.await.ok()?
    }
}

// === The door ===

/// Answers what members ask about renewals.
#[derive(Clone)]
pub(super) struct RenewalsDoor {
    renewals: Arc<dyn Renewals>,
}

impl RenewalsDoor {
    pub(super) fn new(renewals: Arc<dyn Renewals>) -> Self {
        Self { renewals }
    }
}

impl fmt::Debug for RenewalsDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenewalsDoor").finish_non_exhaustive()
    }
}

#[tonic::async_trait]
impl pb::renewals_server::Renewals for RenewalsDoor {
    type PullStream = Pin<Box<dyn Stream<Item = Result<pb::PullResponse, Status>> + Send>>;

    async fn renew(&self, request: Request<pb::RenewRequest>) -> Result<Response<pb::RenewResponse>, Status> {
        use pb::renew_response::Result;
        let request = request.into_inner();
        let leases = leases_from_wire(&request.lease_id_deltas)?;
        let (age, time_left) = (ms(request.age_ms), ms(request.timeout_ms));
        let result = match self.renewals.renew(leases, age, time_left).await {
            Ok(renewals) => Result::Answered(answered(&renewals)),
            Err(RenewalsFailed::NotLeader(leader)) => Result::NotLeader(pb::NotLeader {
                leader_id: leader.map(MemberId::get),
            }),
            Err(RenewalsFailed::Unknown(problem)) => Result::Failed(problem),
        };
        Ok(Response::new(pb::RenewResponse { result: Some(result) }))
    }

    async fn replicate(
        &self,
        request: Request<pb::ReplicateRequest>,
    ) -> Result<Response<pb::ReplicateResponse>, Status> {
        use pb::replicate_response::{Kept, OutOfOrder, Result};
        let told = replication_from_wire(request.into_inner())?;
        let result = match self.renewals.replicate(told) {
            Replicated::Kept => Result::Kept(Kept {}),
            Replicated::OutOfOrder => Result::OutOfOrder(OutOfOrder {}),
            Replicated::Fenced(by) => Result::Fenced(leadership_to_wire(by)),
        };
        Ok(Response::new(pb::ReplicateResponse { result: Some(result) }))
    }

    async fn pull(&self, request: Request<pb::PullRequest>) -> Result<Response<Self::PullStream>, Status> {
        let by = leadership_from_wire(request.into_inner().leadership)?;
        let parts = match self.renewals.pull(by).await {
            Ok(known) => known_to_wire(&known),
            Err(later) => vec![pb::pull_response::Part::Fenced(leadership_to_wire(later))],
        };
        let parts = parts.into_iter().map(|part| Ok(pb::PullResponse { part: Some(part) }));
        Ok(Response::new(stream::iter(parts).boxed()))
    }
}

// === The wire ===

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

fn malformed(problem: &str) -> Malformed {
    Malformed::new(problem)
}

fn leadership_to_wire(leadership: Leadership) -> pb::Leadership {
    pb::Leadership {
        term: leadership.term.get(),
        member_id: leadership.leader.get(),
    }
}

fn leadership_from_wire(message: Option<pb::Leadership>) -> Result<Leadership, Malformed> {
    let message = message.ok_or_else(|| malformed("the leadership is missing"))?;
    Ok(Leadership {
        term: Term::new(message.term),
        leader: MemberId::try_from(message.member_id).map_err(|error| malformed(&error.to_string()))?,
    })
}

/// Ascending ids, each as the difference from the one before.
fn deltas(leases: impl Iterator<Item = LeaseId>) -> Vec<u64> {
    let mut last = 0;
    let delta = |lease: LeaseId| lease.get().saturating_sub(std::mem::replace(&mut last, lease.get()));
    leases.map(delta).collect()
}

fn leases_from_wire(deltas: &[u64]) -> Result<Vec<LeaseId>, Malformed> {
    if deltas.len() > LEASES_MAX {
        return Err(malformed("more leases than fit one message"));
    }
    let mut last: u64 = 0;
    let mut parse = |delta: &u64| {
        last = last.checked_add(*delta).filter(|_| *delta > 0)?;
        Some(LeaseId::new(last))
    };
    let parsed: Option<Vec<LeaseId>> = deltas.iter().map(&mut parse).collect();
    parsed.ok_or_else(|| malformed("leases that do not ascend"))
}

fn table_to_wire(table: &Table) -> pb::RenewalTable {
    pb::RenewalTable {
        lease_id_deltas: deltas(table.iter().map(|(lease, _)| *lease)),
        ages_ms: table.iter().map(|(_, age_ms)| *age_ms).collect(),
    }
}

fn table_from_wire(message: &pb::RenewalTable) -> Result<Table, Malformed> {
    let leases = leases_from_wire(&message.lease_id_deltas)?;
    if leases.len() != message.ages_ms.len() {
        return Err(malformed("a table with other ages than leases"));
    }
    Ok(leases.into_iter().zip(message.ages_ms.iter().copied()).collect())
}

fn replication_to_wire(told: &Replication) -> pb::ReplicateRequest {
    pb::ReplicateRequest {
        leadership: Some(leadership_to_wire(told.leadership)),
        sequence: told.sequence,
        membership_index: told.membership_index,
        table: Some(table_to_wire(&told.table)),
        completes: told.completes,
        replaces: told.replaces,
    }
}

fn replication_from_wire(message: pb::ReplicateRequest) -> Result<Replication, Malformed> {
    Ok(Replication {
        leadership: leadership_from_wire(message.leadership)?,
        sequence: message.sequence,
        membership_index: message.membership_index,
        table: table_from_wire(&message.table.unwrap_or_default())?,
        completes: message.completes,
        replaces: message.replaces,
    })
}

fn known_to_wire(known: &Known) -> Vec<pb::pull_response::Part> {
    use pb::pull_response::{Head, Part};
    let head = Part::Head(Head {
        complete: known.complete,
        membership_index: known.membership_index,
        parts: u32::try_from(known.parts.len()).unwrap_or(u32::MAX),
    });
    let parts = known.parts.iter().map(|part| Part::Table(table_to_wire(part)));
    std::iter::once(head).chain(parts).collect()
}

/// Reads what a member knows; nothing if it breaks off or is malformed.
async fn known(
    mut parts: impl Stream<Item = Result<pb::PullResponse, Status>> + Unpin,
) -> Option<Result<Known, Leadership>> {
    use pb::pull_response::Part;
    let head = match parts.next().await?.ok()?.part? {
        Part::Head(head) if head.parts <= PARTS_MAX => head,
        Part::Fenced(by) => return Some(Err(leadership_from_wire(Some(by)).ok()?)),
        Part::Head(_) | Part::Table(_) => return None,
    };
    let mut known = Known {
        complete: head.complete,
        membership_index: head.membership_index,
        parts: Vec::new(),
    };
    for _ in 0..head.parts {
        let Part::Table(part) = parts.next().await?.ok()?.part? else {
            return None;
        };
        known.parts.push(table_from_wire(&part).ok()?);
    }
    Some(Ok(known))
}

fn answered(renewals: &[Renewal]) -> pb::renew_response::Answered {
    let places = |wanted: Renewal| {
        let places = (0..).zip(renewals).filter(move |(_, renewal)| **renewal == wanted);
        places.map(|(place, _)| place).collect()
    };
    pb::renew_response::Answered {
        revived: places(Renewal::Revived),
        unknown: places(Renewal::Unknown),
    }
}

fn renewals(count: usize, answered: &pb::renew_response::Answered) -> Vec<Renewal> {
    let mut renewals = vec![Renewal::Live; count];
    for (places, renewal) in [
        (&answered.revived, Renewal::Revived),
        (&answered.unknown, Renewal::Unknown),
    ] {
        for place in places {
            if let Some(place) = renewals.get_mut(*place as usize) {
                *place = renewal;
            }
        }
    }
    renewals
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};
    use prost::Message as _;
    use quorate_fuzz::Fuzz;

    use super::*;

    fn tables() -> impl Strategy<Value = Table> {
        let leases = collection::btree_map(1..=u64::MAX, any::<u64>(), 0..40);
        leases.prop_map(|leases| leases.into_iter().map(|(id, age)| (LeaseId::new(id), age)).collect())
    }

    proptest! {
        #[test]
        fn what_came_of_renewals_arrives_as_it_was(
            renewals in collection::vec(prop_oneof![
                Just(Renewal::Live), Just(Renewal::Revived), Just(Renewal::Unknown)
            ], 0..50)
        ) {
            prop_assert_eq!(super::renewals(renewals.len(), &answered(&renewals)), renewals);
        }
    }

    #[test]
    fn hostile_replications_are_refused() {
        let told = (any::<(u64, u64, u64, bool, bool)>(), 1..=u64::MAX, tables());
        let told = told.prop_map(
            |((term, sequence, membership_index, completes, replaces), leader, table)| {
                let leadership = Leadership {
                    term: Term::new(term),
                    leader: leader.try_into().unwrap(),
                };
                Replication {
                    leadership,
                    sequence,
                    membership_index,
                    table,
                    completes,
                    replaces,
                }
            },
        );
        let encode = |told: Replication| replication_to_wire(&told).encode_to_vec();
        Fuzz::new("replication_from_wire", told.prop_map(encode)).round_trips(
            |bytes| replication_from_wire(pb::ReplicateRequest::decode(bytes).ok()?).ok(),
            encode,
        );
    }

    #[test]
    fn hostile_renewals_are_refused() {
        let encode = |leases: Vec<LeaseId>| {
            let lease_id_deltas = deltas(leases.into_iter());
            let request = pb::RenewRequest {
                lease_id_deltas,
                age_ms: 0,
                timeout_ms: 0,
            };
            request.encode_to_vec()
        };
        let ids = tables().prop_map(|table| table.into_iter().map(|(lease, _)| lease).collect());
        Fuzz::new("leases_from_wire", ids.prop_map(encode)).round_trips(
            |bytes| leases_from_wire(&pb::RenewRequest::decode(bytes).ok()?.lease_id_deltas).ok(),
            encode,
        );
    }

    #[tokio::test]
    async fn what_a_member_knows_arrives_as_it_was_or_not_at_all() {
        let known = Known {
            complete: true,
            membership_index: 9,
            parts: vec![
                vec![(LeaseId::new(3), 5)],
                vec![(LeaseId::new(4), 0), (LeaseId::new(9), 7)],
            ],
        };
        let parts = known_to_wire(&known);
        let send = |parts: Vec<pb::pull_response::Part>| {
            stream::iter(parts).map(|part| Ok(pb::PullResponse { part: Some(part) }))
        };
        assert_eq!(super::known(send(parts.clone())).await, Some(Ok(known)));
        assert_eq!(super::known(send(parts[..2].to_vec())).await, None);
        assert_eq!(super::known(send(parts[1..].to_vec())).await, None);
    }
}
