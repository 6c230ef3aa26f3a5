//! The task that makes voters of learners that have caught up. It runs on every member and acts on the leader.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use quorate_consensus::{Calling, Member, MemberRole, MembershipError, Role, Status, identify};
use quorate_model::{Identity, MemberId, limits};
use tokio::time::sleep;

use crate::{Policy, Tasks, backoff::Backoff};

use super::{Membership, voters};

/// Between two looks at the members.
const PERIOD: Duration = Duration::from_millis(100);

/// Between two tries of what has failed: for ever, but ever more rarely.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

/// A learner that lacks at most so many entries has caught up: they are sent in one message.
const LAG_ENTRIES_MAX: u64 = 100;

/// How long one change may take before it is looked at again.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a member may take to say that it is there.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Finish the change that an earlier leader began.
    FinishChange,
    /// Make a voter of this learner.
    Promote(MemberId),
}

/// Starts the task.
pub(super) fn start(membership: Membership, tasks: &Tasks) {
    tasks.spawn("promoter", Policy::Essential, run(membership));
}

async fn run(membership: Membership) {
    let mut backoff = RETRY;
    loop {
        sleep(PERIOD).await;
        match act(&membership).await {
            Ok(()) => backoff.reset(),
            Err(problem) => {
                let pause = backoff.advance();
                tracing::warn!(
                    problem,
                    retry_ms = pause.as_millis(),
                    "the members could not be changed"
                );
                sleep(pause).await;
            }
        }
    }
}

/// Takes the next step, if there is one.
async fn act(membership: &Membership) -> Result<(), String> {
    let consensus = &membership.consensus;
    if consensus.leader() != Some(consensus.identity().member_id) {
        return Ok(());
    }
    let _turn = membership.turn.lock().await;
    let status = consensus.status();
    let Some(step) = next_step(&status, consensus.is_joint()) else {
        return Ok(());
    };
    let changed = match step {
        Step::FinishChange => consensus.finish_change(CHANGE_TIME_MAX).await,
        Step::Promote(id) => {
            check_quorum_with(membership, &status, id).await?;
            consensus.promote(id, CHANGE_TIME_MAX).await
        }
    };
    match changed {
        Ok(()) => tracing::info!(?step, "the members have changed"),
        // Whoever leads now goes on.
        Err(MembershipError::NotLeader(_)) => {}
        Err(
            error @ (MembershipError::InProgress | MembershipError::Refused(_) | MembershipError::OutcomeUnknown(_)),
        ) => {
            return Err(format!("{step:?}: {error}"));
        }
    }
    Ok(())
}

/// What the leader has to do next, one thing at a time.
fn next_step(status: &Status, is_joint: bool) -> Option<Step> {
    if status.role != Role::Leader {
        return None;
    }
    if is_joint {
        return Some(Step::FinishChange);
    }
    if voters(&status.members) >= limits::VOTERS_MAX {
        return None;
    }
    let ready = status.members.iter().filter(|member| is_to_be_promoted(member, status));
    ready.map(|member| member.id).min().map(Step::Promote)
}

fn is_to_be_promoted(member: &Member, status: &Status) -> bool {
    let caught_up = member
        .matched
        .is_some_and(|matched| status.last_log.get().saturating_sub(matched.get()) <= LAG_ENTRIES_MAX);
    member.role == MemberRole::Learner && member.info.calling == Calling::Voter && caught_up
}

/// Makes sure that the cluster would go on working with `candidate` as a voter. What a leader knows of a member's
/// log stays as it was when the member dies, so each is asked whether it is there.
async fn check_quorum_with(membership: &Membership, status: &Status, candidate: MemberId) -> Result<(), String> {
    let voters_then = status
        .members
        .iter()
        .filter(|member| member.role == MemberRole::Voter || member.id == candidate);
    let present: Vec<(MemberId, bool)> = join_all(voters_then.map(|member| is_present(membership, member))).await;
    judge(&present, candidate)
}

fn judge(present: &[(MemberId, bool)], candidate: MemberId) -> Result<(), String> {
    if !present.contains(&(candidate, true)) {
        return Err(format!("member {candidate} is to be promoted and does not answer"));
    }
    let answering = present.iter().filter(|(_, answers)| *answers).count();
    if answering * 2 <= present.len() {
        let of = present.len();
        return Err(format!(
            "with member {candidate} as a voter, only {answering} of {of} would answer: no quorum"
        ));
    }
    Ok(())
}

async fn is_present(membership: &Membership, member: &Member) -> (MemberId, bool) {
    let Membership {
        consensus, connector, ..
    } = membership;
    let own = consensus.identity();
    if member.id == own.member_id {
        return (member.id, true);
    }
    let expected = Identity {
        member_id: member.id,
        ..own
    };
    let answered = identify(&Arc::clone(connector), &member.info.peer_address, ANSWER_TIME_MAX).await;
    let replicating = member.matched.is_some();
    (
        member.id,
        replicating && answered.is_ok_and(|identity| identity == expected),
    )
}

#[cfg(test)]
mod tests;
