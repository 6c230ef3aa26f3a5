//! Who belongs to the cluster, and who leads it: nodes join and are promoted once they have caught up, operators
//! change what they like within reason, and who was removed learns it.
//!
//! # Invariants
//! - Everything is done by the leader, one change at a time.
//! - No change is made after which the voters that answer would be no quorum.
//! - An id is given out once, and nobody has it again after its member has gone.
//! - A member takes itself for removed only on the word of a leader that a quorum has confirmed since it asked.

mod change;
mod departure;
mod join;
mod promoter;
mod reservation;
mod rules;
mod tenure;
mod tries;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use quorate_consensus::{
    Applicant, ChangeError, Connector, Consensus, JoinError, Joining, MemberList, MemberOutcome, MemberRequest,
    Members, Role,
};
use quorate_model::{Clock, MemberId};
use tokio::sync::{Mutex, watch};

use crate::{Error, Tasks, backoff::Backoff, deadline::Deadline, read::Reader, route::Route};
use tenure::Tenure;
use tries::{Next, Tries};

/// How long a node that wants to join is kept waiting before it is told to ask again.
const JOIN_TIME_MAX: Duration = Duration::from_secs(5);

/// Looks after the members. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    consensus: Consensus,
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    route: Route<Consensus>,
    /// One change at a time: what was checked for one must still hold when it is made.
    turn: Arc<Mutex<()>>,
    tenure: Arc<Tenure>,
    /// Whether this member was removed.
    removed: watch::Sender<bool>,
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
            tenure: Arc::default(),
            removed: watch::Sender::new(false),
        }
    }

    /// Starts the tasks: one that promotes learners while this member leads, and one that finds out whether this
    /// member was removed.
    pub(crate) fn start(&self, reader: Reader<Consensus>, tasks: &Tasks) {
        promoter::start(self.clone(), tasks);
        departure::start(self.clone(), reader, tasks);
    }

    /// Whether this member was removed, for whoever wants to know.
    pub(crate) fn removed(&self) -> watch::Receiver<bool> {
        self.removed.subscribe()
    }

    /// Has the leader do what an operator wants: here, if this member leads, and one hop away otherwise.
    pub(crate) async fn request(&self, request: MemberRequest, deadline: &Deadline) -> Result<MemberOutcome, Error> {
        let mut backoff = Backoff::of_request();
        let mut tries = Tries::new(&request);
        let mut hint = None;
        loop {
            let leader = self.route.leader(hint, deadline).await;
            let leader = leader.map_err(|error| tries.failed(error))?;
            let time_left = deadline.left().map_err(|_| tries.failed(Error::NoLeader))?;
            let answered = if leader == self.own_id() {
                self.change_here(&request, deadline).await
            } else {
                self.consensus.request_change(leader, &request, time_left).await
            };
            match tries.answered(answered) {
                Next::Again(next) => hint = next,
                Next::Answer(answer) => return answer,
            }
            backoff.pause().await;
        }
    }

    /// The members as the leader sees them.
    pub(crate) async fn list(&self, deadline: &Deadline) -> Result<MemberList, Error> {
        let mut backoff = Backoff::of_request();
        let mut hint = None;
        loop {
            let leader = self.route.leader(hint, deadline).await?;
            let time_left = deadline.left().map_err(|_| Error::NoLeader)?;
            let listed = if leader == self.own_id() {
                self.list_here()
            } else {
                self.consensus.request_list(leader, time_left).await
            };
            match listed {
                Ok(list) => return Ok(list),
                Err(next) => hint = next,
            }
            backoff.pause().await;
        }
    }

    fn list_here(&self) -> Result<MemberList, Option<MemberId>> {
        let status = self.consensus.status();
        if status.role != Role::Leader {
            return Err(status.leader);
        }
        Ok(MemberList {
            members: status.members,
            last_log: status.last_log,
            is_changing: self.consensus.is_joint(),
        })
    }

    fn own_id(&self) -> MemberId {
        self.consensus.identity().member_id
    }

    fn deadline(&self, time_left: Duration) -> Deadline {
        Deadline::after(Arc::clone(&self.clock), time_left)
    }
}

impl Joining for Membership {
    fn admit(&self, applicant: Applicant) -> BoxFuture<'static, Result<MemberId, JoinError>> {
        let membership = self.clone();
        Box::pin(async move {
            let deadline = membership.deadline(JOIN_TIME_MAX);
            membership.admit(applicant, &deadline).await
        })
    }
}

impl Members for Membership {
    fn change(
        &self,
        request: MemberRequest,
        time_left: Duration,
    ) -> BoxFuture<'static, Result<MemberOutcome, ChangeError>> {
        let membership = self.clone();
        Box::pin(async move {
            let deadline = membership.deadline(time_left);
            membership.change_here(&request, &deadline).await
        })
    }

    fn list(&self) -> Result<MemberList, Option<MemberId>> {
        self.list_here()
    }

    fn is_removed(&self, member_id: MemberId, quota: u32) -> BoxFuture<'static, bool> {
        let membership = self.clone();
        Box::pin(async move { membership.is_removed(member_id, quota).await })
    }
}

fn not_found(request: &MemberRequest) -> Error {
    let problem = match request {
        MemberRequest::Replace { old, new } => format!("there is no member {old}, or no member {new}"),
        MemberRequest::Remove(id)
        | MemberRequest::Promote(id)
        | MemberRequest::Demote(id)
        | MemberRequest::TransferLeader(Some(id)) => format!("there is no member {id}"),
        MemberRequest::Add(_) | MemberRequest::TransferLeader(None) => "there is no such member".to_owned(),
    };
    Error::MemberNotFound { problem }
}

#[cfg(test)]
mod tests;
