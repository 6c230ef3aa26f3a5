//! Who belongs to the cluster: joining nodes are let in as learners, and promoted once they have caught up.

mod promoter;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use quorate_consensus::{
    Applicant, AskError, Calling, Connector, Consensus, JoinError, Joining, Member, MemberInfo, MemberRole,
    MembershipError, request_join,
};
use quorate_model::{Clock, JoinNonce, MemberId, limits};
use quorate_state::{Command, Outcome, Rejection};
use tokio::sync::Mutex;

use crate::{Error, Tasks, backoff::Backoff, deadline::Deadline, route::Route};

/// How long a node that wants to join is kept waiting before it is told to ask again.
const JOIN_TIME_MAX: Duration = Duration::from_secs(5);

/// Lets nodes in, and promotes them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    consensus: Consensus,
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    route: Route<Consensus>,
    /// One change at a time: what was checked for one join must still hold when the member is added.
    turn: Arc<Mutex<()>>,
}

/// How a joining node stands to those that are members already.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// It is none of them.
    New,
    /// It is this member already: it asks again because it has not heard the answer.
    Member(MemberId),
    /// It cannot be let in like this, and why.
    InTheWay(String),
}

// === impl Membership ===

impl Membership {
    pub(crate) fn new(consensus: Consensus, connector: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Self {
        Self {
            route: Route::new(consensus.clone()),
            consensus,
            connector,
            clock,
            turn: Arc::default(),
        }
    }

    /// Starts the task that promotes learners while this member leads.
    pub(crate) fn start_promoter(&self, tasks: &Tasks) {
        promoter::start(self.clone(), tasks);
    }

    async fn admit(&self, applicant: Applicant) -> Result<MemberId, JoinError> {
        let deadline = Deadline::after(Arc::clone(&self.clock), JOIN_TIME_MAX);
        let member_id = self.consensus.identity().member_id;
        match self.consensus.leader() {
            Some(leader) if leader == member_id => self.admit_here(applicant, &deadline).await,
            Some(leader) if applicant.quota > 0 => self.pass_on(leader, applicant, &deadline).await,
            Some(leader) => Err(retry(format!("member {leader} leads, not member {member_id}"))),
            None => Err(retry("there is no leader at present")),
        }
    }

    /// Asks the leader to let the applicant in; the leader does not pass it on.
    async fn pass_on(
        &self,
        leader: MemberId,
        applicant: Applicant,
        deadline: &Deadline,
    ) -> Result<MemberId, JoinError> {
        let unknown = || retry(format!("the address of leader {leader} is not known here yet"));
        let address = self.consensus.member(leader).ok_or_else(unknown)?.info.peer_address;
        let applicant = Applicant { quota: 0, ..applicant };
        let time_left = deadline.left().map_err(|_| retry(OUT_OF_TIME))?;
        let answered = request_join(&self.connector, &address, &applicant, time_left).await;
        let admitted = answered.map_err(|error| match error {
            AskError::Unreachable { .. } => JoinError::Retry(error.to_string()),
            AskError::Refused { problem, .. } => JoinError::Refused(problem),
        })?;
        let own = self.consensus.identity();
        if admitted.cluster_id != own.cluster_id {
            return Err(retry(format!(
                "another cluster answers at {address}, the address of leader {leader}"
            )));
        }
        Ok(admitted.member_id)
    }

    async fn admit_here(&self, applicant: Applicant, deadline: &Deadline) -> Result<MemberId, JoinError> {
        let turn = deadline.wait_for(self.turn.lock()).await;
        let _turn = turn.map_err(|_| retry("other changes of the members are under way"))?;
        // What is asked is looked up before an id is given out: a node that is refused may ask for ever.
        let known = self.known(applicant.nonce, deadline).await?;
        let members = self.consensus.status().members;
        match standing(&members, known, &applicant.info) {
            Standing::New => {}
            Standing::Member(id) => return Ok(id),
            Standing::InTheWay(reason) => return Err(JoinError::Refused(reason)),
        }
        let id = self.allocate(&applicant, deadline).await?;
        tell_if_it_will_not_vote(&members, id, &applicant.info);
        self.add(id, applicant.info, deadline).await?;
        Ok(id)
    }

    /// The id that was given to a applicant that asks again. A new leader waits until it has applied what it has.
    async fn known(&self, nonce: JoinNonce, deadline: &Deadline) -> Result<Option<MemberId>, JoinError> {
        let caught_up = self.consensus.wait_applied(self.consensus.status().last_log);
        let caught_up = deadline.wait_for(caught_up).await.map_err(|_| retry(OUT_OF_TIME))?;
        caught_up.map_err(|stopping| retry(stopping.to_string()))?;
        Ok(self.consensus.view().member_of(nonce))
    }

    /// The id of the applicant: the same one however often it asks.
    async fn allocate(&self, applicant: &Applicant, deadline: &Deadline) -> Result<MemberId, JoinError> {
        let command = Command::AllocateMember { nonce: applicant.nonce };
        let encoded = command.encode().map_err(|error| retry(error.to_string()))?;
        let applied = self.route.propose(encoded, deadline).await;
        match applied.map_err(|error: Error| retry(error.to_string()))?.outcome {
            Outcome::MemberAllocated(id) => Ok(id),
            Outcome::Rejected(rejection @ Rejection::NotFounded) => Err(retry(rejection.to_string())),
            Outcome::Rejected(rejection) => Err(JoinError::Refused(rejection.to_string())),
            Outcome::Founded
            | Outcome::Registered { .. }
            | Outcome::Updated { .. }
            | Outcome::Deregistered { .. }
            | Outcome::AvailabilitySet { .. } => Err(retry("the outcome is not a member id")),
        }
    }

    async fn add(&self, id: MemberId, info: MemberInfo, deadline: &Deadline) -> Result<(), JoinError> {
        let peer_address = info.peer_address.clone();
        let mut backoff = Backoff::of_request();
        loop {
            let time_left = deadline.left().map_err(|_| retry(OUT_OF_TIME))?;
            match self.consensus.add_learner(id, info.clone(), time_left).await {
                Ok(()) => break,
                Err(MembershipError::InProgress) => backoff.pause().await,
                Err(MembershipError::Refused(reason)) => return Err(JoinError::Refused(reason)),
                Err(error @ (MembershipError::NotLeader(_) | MembershipError::OutcomeUnknown(_))) => {
                    return Err(retry(error.to_string()));
                }
            }
        }
        tracing::info!(member = %id, %peer_address, "a learner has joined");
        Ok(())
    }
}

impl Joining for Membership {
    fn admit(&self, applicant: Applicant) -> BoxFuture<'static, Result<MemberId, JoinError>> {
        let membership = self.clone();
        Box::pin(async move { membership.admit(applicant).await })
    }
}

const OUT_OF_TIME: &str = "it took too long";

fn retry(problem: impl Into<String>) -> JoinError {
    JoinError::Retry(problem.into())
}

/// A door belongs to one member: a node that comes back without its data comes under a new id, and the old one
/// must not be taken for it. `known` is the id that the node was given before, if it asks again.
fn standing(members: &[Member], known: Option<MemberId>, info: &MemberInfo) -> Standing {
    let address = &info.peer_address;
    let mut others = members.iter().filter(|member| Some(member.id) != known);
    if let Some(reason) = others.find_map(|other| shared_door(other, info)) {
        return Standing::InTheWay(reason);
    }
    match members.iter().find(|member| Some(member.id) == known) {
        None if members.len() >= limits::MEMBERS_MAX => {
            let reason = format!("the cluster has {} members, as many as there may be", members.len());
            Standing::InTheWay(reason)
        }
        None => Standing::New,
        Some(member) if member.info.peer_address == *address => Standing::Member(member.id),
        Some(Member { id, info, .. }) => Standing::InTheWay(format!(
            "this node has joined as member {id} at the peer address {}: give it that address again, or wipe its \
             data and let it join as a new member",
            info.peer_address
        )),
    }
}

/// Why a node with `info` cannot stand beside `other`, if it claims one of its doors.
fn shared_door(other: &Member, info: &MemberInfo) -> Option<String> {
    let doors = [
        ("peer", &other.info.peer_address, &info.peer_address),
        ("client", &other.info.client_address, &info.client_address),
    ];
    let (door, address, _) = doors.into_iter().find(|(_, others, own)| others == own)?;
    let id = other.id;
    Some(format!(
        "the {door} address {address} belongs to member {id}: join at an address that no member has"
    ))
}

fn tell_if_it_will_not_vote(members: &[Member], id: MemberId, info: &MemberInfo) {
    let voters = voters(members).count();
    if info.calling == Calling::Voter && voters >= limits::VOTERS_MAX {
        tracing::warn!(member = %id, voters, "no more voters are allowed: the new member stays a learner");
    }
}

fn voters(members: &[Member]) -> impl Iterator<Item = &Member> {
    members.iter().filter(|member| member.role == MemberRole::Voter)
}

#[cfg(test)]
mod tests;
