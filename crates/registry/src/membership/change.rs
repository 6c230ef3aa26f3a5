//! What operators want of the members, carried out by the leader.

use std::time::Duration;

use quorate_consensus::{
    ChangeError, JoinError, MemberInfo, MemberOutcome, MemberRequest, MembershipChange, MembershipError, Role, Status,
};
use quorate_model::MemberId;
use quorate_state::Command;

use super::{
    Membership,
    departure::Confirmed,
    join::{Newcomer, Standing},
    reservation::{reserved_for, retired},
    rules::{Roll, Verdict},
};
use crate::{backoff::Backoff, deadline::Deadline};

/// How long a leader waits for what is in the way to pass, before it says so: until all who are there have answered
/// a leader that is new, and until a follower under load has what it lacks.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long another member has to take leadership over.
const HANDOVER_MAX: Duration = Duration::from_secs(3);

/// The end of one try, if it is not the end of the request.
enum Obstacle {
    /// It may pass: what to say if it does not.
    Passing(ChangeError),
    /// It does not.
    Final(ChangeError),
}

impl From<ChangeError> for Obstacle {
    fn from(error: ChangeError) -> Self {
        Self::Final(error)
    }
}

impl From<JoinError> for Obstacle {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Retry(problem) => Self::Passing(ChangeError::Busy(problem)),
            JoinError::Refused(reason) => Self::Final(ChangeError::Refused(reason)),
        }
    }
}

impl From<MembershipError> for Obstacle {
    fn from(error: MembershipError) -> Self {
        match error {
            MembershipError::NotLeader(leader) => Self::Final(ChangeError::NotLeader(leader)),
            MembershipError::InProgress => Self::Passing(ChangeError::Busy(error.to_string())),
            MembershipError::Refused(reason) => Self::Final(ChangeError::Refused(reason)),
            MembershipError::OutcomeUnknown(problem) => Self::Final(ChangeError::OutcomeUnknown(problem)),
        }
    }
}

// === impl Membership ===

impl Membership {
    /// Carries out `request` if this member leads, or says why not.
    pub(super) async fn change_here(
        &self,
        request: &MemberRequest,
        deadline: &Deadline,
    ) -> Result<MemberOutcome, ChangeError> {
        let patient_until = self.clock.now() + PATIENCE;
        let mut backoff = Backoff::of_request();
        loop {
            let error = match self.try_change(request, deadline).await {
                Ok(outcome) => return Ok(outcome),
                Err(Obstacle::Final(error)) => return Err(error),
                Err(Obstacle::Passing(error)) => error,
            };
            if self.clock.now() >= patient_until || deadline.wait_for(backoff.pause()).await.is_err() {
                return Err(error);
            }
        }
    }

    async fn try_change(&self, request: &MemberRequest, deadline: &Deadline) -> Result<MemberOutcome, Obstacle> {
        let busy = |problem: &str| Obstacle::Passing(ChangeError::Busy(problem.to_owned()));
        let turn = deadline.wait_for(self.turn.lock()).await;
        let _turn = turn.map_err(|_| busy("another change of the members is under way"))?;
        let status = self.consensus.status();
        if status.role != Role::Leader {
            return Err(ChangeError::NotLeader(status.leader).into());
        }
        if self.consensus.is_joint() {
            return Err(busy("another change of the members is half done"));
        }
        match request {
            MemberRequest::Add(info) => self.add_here(info, &status, deadline).await,
            MemberRequest::TransferLeader(to) => self.transfer(*to, &status, deadline).await,
            MemberRequest::Remove(id) => {
                let verdict = self.roll(&status).remove(*id);
                if let Verdict::NotFound(id) = verdict {
                    return self.gone(id, deadline).await;
                }
                self.carry_out(verdict, *id, deadline).await
            }
            MemberRequest::Replace { old, new } => {
                let verdict = self.roll(&status).replace(*old, *new);
                self.carry_out(verdict, *new, deadline).await
            }
            MemberRequest::Promote(id) => {
                let verdict = self.roll(&status).promote(*id);
                self.carry_out(verdict, *id, deadline).await
            }
            MemberRequest::Demote(id) => {
                let verdict = self.roll(&status).demote(*id);
                self.carry_out(verdict, *id, deadline).await
            }
        }
    }

    pub(super) fn roll<'a>(&self, status: &'a Status) -> Roll<'a> {
        Roll {
            status,
            leader: self.own_id(),
            silence_max: 2 * self.consensus.timing().election_max,
        }
    }

    /// Makes the change of `verdict`, which is about `member_id`, if there is one to make.
    async fn carry_out(
        &self,
        verdict: Verdict,
        member_id: MemberId,
        deadline: &Deadline,
    ) -> Result<MemberOutcome, Obstacle> {
        let outcome = |changed| MemberOutcome { member_id, changed };
        match verdict {
            Verdict::Make(change) => self.make(change, deadline).await.map(|()| outcome(true)),
            Verdict::IsSo => Ok(outcome(false)),
            Verdict::StepDown => Err(self.step_down(deadline).await),
            Verdict::NotYet(reason) => Err(Obstacle::Passing(ChangeError::Refused(reason))),
            Verdict::Refuse(reason) => Err(ChangeError::Refused(reason).into()),
            Verdict::NoQuorum(problem) => Err(Obstacle::Passing(ChangeError::Busy(problem))),
            Verdict::NotFound(_) => Err(ChangeError::NotFound.into()),
        }
    }

    /// Makes a change that was decided on.
    async fn make(&self, change: MembershipChange, deadline: &Deadline) -> Result<(), Obstacle> {
        match change {
            MembershipChange::Remove(id) | MembershipChange::Replace { old: id, .. } => {
                self.retire(id, deadline).await?;
            }
            MembershipChange::Promote(_) | MembershipChange::Demote(_) | MembershipChange::Finish => {}
        }
        let time_left = deadline.left().map_err(|_| out_of_time())?;
        self.consensus.change_membership(change, time_left).await?;
        tracing::info!(?change, "the members have changed");
        Ok(())
    }

    /// Makes a change that was called for, unless another member leads by now, which goes on.
    pub(super) async fn make_or_leave(&self, change: MembershipChange, deadline: &Deadline) -> Result<(), String> {
        match self.make(change, deadline).await {
            Ok(()) | Err(Obstacle::Final(ChangeError::NotLeader(_))) => Ok(()),
            Err(Obstacle::Final(error) | Obstacle::Passing(error)) => Err(format!("{change:?}: {error}")),
        }
    }

    /// Sees to it that nobody is given the id of a member that is about to go, not even whoever once asked for it
    /// and has not heard the answer.
    async fn retire(&self, id: MemberId, deadline: &Deadline) -> Result<(), Obstacle> {
        self.catch_up(deadline).await?;
        let Some(reserved) = self.consensus.view().nonce_of(id) else {
            return Ok(());
        };
        let nonce = retired(id);
        if nonce != reserved {
            self.propose_member(&Command::ClaimMember { id, reserved, nonce }, deadline)
                .await?;
        }
        Ok(())
    }

    /// Hands leadership over, so that another member can do what is wanted: whoever asked goes on there.
    async fn step_down(&self, deadline: &Deadline) -> Obstacle {
        let Some(successor) = self.consensus.successor() else {
            let problem = "the leader has to hand over first, and no other voter answers".to_owned();
            return Obstacle::Passing(ChangeError::Busy(problem));
        };
        let Ok(time_left) = deadline.left() else {
            return out_of_time();
        };
        let leader = self.consensus.hand_over(successor, time_left.min(HANDOVER_MAX)).await;
        ChangeError::NotLeader(leader).into()
    }

    /// A member that has gone is not removed again; of one that never was, there is nothing to say.
    ///
    /// Only for sure: who does not know the member may be a leader that was replaced since, and does not know that it
    /// has come.
    async fn gone(&self, member_id: MemberId, deadline: &Deadline) -> Result<MemberOutcome, Obstacle> {
        let changed = false;
        match deadline.wait_for(self.confirm(member_id)).await {
            Ok(Some(Confirmed::Removed)) => Ok(MemberOutcome { member_id, changed }),
            Ok(Some(Confirmed::NeverGiven)) => Err(ChangeError::NotFound.into()),
            Ok(Some(Confirmed::Member) | None) | Err(_) => {
                let problem = format!("no quorum confirms yet that member {member_id} is gone");
                Err(Obstacle::Passing(ChangeError::Busy(problem)))
            }
        }
    }

    /// Lets a node in that has not started yet, under an id that is kept for it.
    async fn add_here(
        &self,
        info: &MemberInfo,
        status: &Status,
        deadline: &Deadline,
    ) -> Result<MemberOutcome, Obstacle> {
        self.catch_up(deadline).await?;
        let nonce = reserved_for(&info.peer_address);
        let known = self.consensus.view().member_of(nonce);
        match self.standing(status, Newcomer { info, known }) {
            Standing::New => {}
            Standing::Member(member_id) => return added_before(status, member_id, info),
            Standing::Early(reason) | Standing::InTheWay(reason) => return Err(ChangeError::Refused(reason).into()),
        }
        if let Some(problem) = self.roll(status).cannot_commit() {
            return Err(Obstacle::Passing(ChangeError::Busy(problem)));
        }
        let member_id = self.allocate(nonce, deadline).await?;
        self.add(member_id, info.clone(), deadline).await?;
        Ok(MemberOutcome {
            member_id,
            changed: true,
        })
    }

    async fn transfer(
        &self,
        to: Option<MemberId>,
        status: &Status,
        deadline: &Deadline,
    ) -> Result<MemberOutcome, Obstacle> {
        let outcome = |member_id, changed| MemberOutcome { member_id, changed };
        let roll = self.roll(status);
        let to = match to {
            Some(own) if own == self.own_id() => return Ok(outcome(own, false)),
            Some(id) => id,
            None => self.consensus.successor().ok_or_else(|| nobody_to_lead(&roll))?,
        };
        match roll.cannot_lead(to) {
            None => {}
            Some(verdict) => return self.carry_out(verdict, to, deadline).await,
        }
        let present = roll.find(to).is_some_and(|member| self.consensus.is_present(member));
        if !present {
            let reason = format!("member {to} has not answered the last heartbeats: it would not take over at once");
            return Err(Obstacle::Passing(ChangeError::Refused(reason)));
        }
        let time_left = deadline.left().map_err(|_| out_of_time())?;
        match self.consensus.hand_over(to, time_left).await {
            Some(leader) if leader == to => Ok(outcome(to, true)),
            Some(other) => Err(unknown(format!("member {other} leads now, not member {to}")).into()),
            None => Err(unknown(format!("member {to} has not taken over in time, and may still")).into()),
        }
    }
}

fn out_of_time() -> Obstacle {
    Obstacle::Passing(ChangeError::Busy("it was not begun in time".to_owned()))
}

fn unknown(problem: String) -> ChangeError {
    ChangeError::OutcomeUnknown(problem)
}

fn nobody_to_lead(roll: &Roll<'_>) -> Obstacle {
    if roll.voters().len() == 1 {
        let reason = "there is no other voter that could lead".to_owned();
        return ChangeError::Refused(reason).into();
    }
    Obstacle::Passing(ChangeError::Refused("no other voter answers".to_owned()))
}

/// The answer to an operator who adds the same node again.
fn added_before(status: &Status, member_id: MemberId, info: &MemberInfo) -> Result<MemberOutcome, Obstacle> {
    let is_same = status
        .members
        .iter()
        .any(|member| member.id == member_id && member.info == *info);
    if is_same {
        let changed = false;
        return Ok(MemberOutcome { member_id, changed });
    }
    let reason = format!(
        "member {member_id} was added for the peer address {} in another way: remove it first",
        info.peer_address
    );
    Err(ChangeError::Refused(reason).into())
}
