//! The task that makes voters of learners that have caught up. It runs on every member and acts on the leader.

use std::time::Duration;

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
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Finish the change that an earlier leader began.
    FinishChange,
    /// Make a voter of the first of these learners that is there: one that is gone must not stand in the way of
    /// the others.
    PromoteOneOf(Vec<MemberId>),
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
    let (change, changed) = match step {
        Step::FinishChange => (
            "finish what was begun".to_owned(),
            consensus.finish_change(CHANGE_TIME_MAX).await,
        ),
        Step::PromoteOneOf(candidates) => {
            let voters = voters(&status.members).map(|member| member.id).collect::<Vec<_>>();
            let present = present(membership, &status, &candidates).await;
            let candidate = choose(&voters, &candidates, &present)?;
            let promoted = consensus.promote(candidate, CHANGE_TIME_MAX).await;
            (format!("promote member {candidate}"), promoted)
        }
    };
    match changed {
        Ok(()) => tracing::info!(change, "the members have changed"),
        // Whoever leads now goes on.
        Err(MembershipError::NotLeader(_)) => {}
        Err(
            error @ (MembershipError::InProgress | MembershipError::Refused(_) | MembershipError::OutcomeUnknown(_)),
        ) => {
            return Err(format!("{change}: {error}"));
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
    if voters(&status.members).count() >= limits::VOTERS_MAX {
        return None;
    }
    let ready = status.members.iter().filter(|member| is_to_be_promoted(member, status));
    let mut candidates: Vec<MemberId> = ready.map(|member| member.id).collect();
    candidates.sort();
    (!candidates.is_empty()).then_some(Step::PromoteOneOf(candidates))
}

fn is_to_be_promoted(member: &Member, status: &Status) -> bool {
    let caught_up = member
        .matched
        .is_some_and(|matched| status.last_log.get().saturating_sub(matched.get()) <= LAG_ENTRIES_MAX);
    member.role == MemberRole::Learner && member.info.calling == Calling::Voter && caught_up
}

/// The candidate to promote, if the cluster would go on working with it as a voter.
fn choose(voters: &[MemberId], candidates: &[MemberId], present: &[MemberId]) -> Result<MemberId, String> {
    let Some(candidate) = candidates.iter().copied().find(|candidate| present.contains(candidate)) else {
        return Err(format!("{candidates:?} are to be promoted and do not answer"));
    };
    let answering = 1 + voters.iter().filter(|voter| present.contains(voter)).count();
    let of = 1 + voters.len();
    if answering * 2 <= of {
        return Err(format!(
            "with member {candidate} as a voter, only {answering} of {of} would answer: no quorum"
        ));
    }
    Ok(candidate)
}

/// Those of the voters and candidates that are there. What a leader knows of a member's log stays as it was when
/// the member dies, so each is asked.
async fn present(membership: &Membership, status: &Status, candidates: &[MemberId]) -> Vec<MemberId> {
    let asked = status
        .members
        .iter()
        .filter(|member| member.role == MemberRole::Voter || candidates.contains(&member.id));
    let answers = join_all(asked.map(async |member| is_present(membership, member).await.then_some(member.id))).await;
    answers.into_iter().flatten().collect()
}

async fn is_present(membership: &Membership, member: &Member) -> bool {
    let own = membership.consensus.identity();
    if member.id == own.member_id {
        return true;
    }
    let expected = Identity {
        member_id: member.id,
        ..own
    };
    let replicating = member.matched.is_some();
    let answered = identify(&membership.connector, &member.info.peer_address, ANSWER_TIME_MAX).await;
    replicating && answered.is_ok_and(|identity| identity == expected)
}

#[cfg(test)]
mod tests;
