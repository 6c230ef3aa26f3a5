//! The task that does what the members are called to: finishes changes that were interrupted, makes voters of
//! learners that have caught up, and puts successors in the places that are meant for them. It runs on every member
//! and acts on the leader.

use std::time::Duration;

use quorate_consensus::{Calling, MembershipChange, Role, Status};
use quorate_model::limits;
use tokio::time::sleep;

use super::{
    Membership,
    rules::{Roll, Verdict, votes},
};
use crate::{Policy, Tasks, backoff::Backoff};

/// Between two looks at the members.
const PERIOD: Duration = Duration::from_millis(100);

/// Between two tries of what has failed: for ever, but ever more rarely.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

/// How long one change may take before it is looked at again.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(5);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This change.
    Make(MembershipChange),
    /// Hand leadership over: somebody is to take the leader's place.
    HandOver,
    /// Nothing, for this reason.
    Blocked(String),
}

/// Starts the task.
pub(super) fn start(membership: Membership, tasks: &Tasks) {
    tasks.spawn("promoter", Policy::Essential, run(membership));
}

async fn run(membership: Membership) {
    let mut backoff = RETRY;
    let mut told = None;
    loop {
        sleep(PERIOD).await;
        match act(&membership).await {
            Ok(()) => {
                backoff.reset();
                told = None;
            }
            Err(problem) => {
                let pause = backoff.advance();
                if is_news(&mut told, &problem) {
                    let retry_ms = pause.as_millis();
                    tracing::warn!(problem, retry_ms, "the members could not be changed");
                }
                sleep(pause).await;
            }
        }
    }
}

/// Whether a problem is another than the one that was `told` last. What only an operator can solve is said once.
fn is_news(told: &mut Option<String>, problem: &str) -> bool {
    if told.as_deref() == Some(problem) {
        return false;
    }
    *told = Some(problem.to_owned());
    true
}

/// Takes the next step, if there is one.
async fn act(membership: &Membership) -> Result<(), String> {
    let consensus = &membership.consensus;
    if consensus.leader() != Some(membership.own_id()) {
        membership.tenure.end();
        return Ok(());
    }
    let _turn = membership.turn.lock().await;
    let status = consensus.status();
    if status.role != Role::Leader {
        return Ok(());
    }
    membership.tenure.length(status.term, membership.clock.now());
    match next_step(&membership.roll(&status), consensus.is_joint()) {
        None => Ok(()),
        Some(Step::Make(change)) => {
            let deadline = membership.deadline(CHANGE_TIME_MAX);
            membership.make_or_leave(change, &deadline).await
        }
        Some(Step::HandOver) => {
            let Some(successor) = consensus.successor() else {
                return Err("the leader is to be replaced, and no other voter answers that could take over".to_owned());
            };
            consensus.hand_over(successor, CHANGE_TIME_MAX).await;
            Ok(())
        }
        Some(Step::Blocked(reason)) => Err(reason),
    }
}

/// What the leader has to do next, one thing at a time. One that cannot be done does not stand in the way of others.
fn next_step(roll: &Roll<'_>, is_joint: bool) -> Option<Step> {
    if is_joint {
        return Some(Step::Make(MembershipChange::Finish));
    }
    let mut blocked = None;
    for verdict in wanted(roll) {
        match verdict {
            Verdict::Make(change) => return Some(Step::Make(change)),
            Verdict::StepDown => return Some(Step::HandOver),
            Verdict::NotYet(reason) | Verdict::Refuse(reason) | Verdict::NoQuorum(reason) => {
                blocked = blocked.or(Some(Step::Blocked(reason)));
            }
            Verdict::IsSo | Verdict::NotFound(_) => {}
        }
    }
    blocked
}

/// What becomes of the learners that have caught up and are called to something else, in the order of their ids.
fn wanted<'a>(roll: &'a Roll<'_>) -> impl Iterator<Item = Verdict> + 'a {
    let Status { members, .. } = roll.status;
    let has_room = roll.voters().len() < limits::VOTERS_MAX;
    let learners = members.iter().filter(|member| !votes(member));
    let ready = learners.filter(|member| roll.has_caught_up(member));
    ready.filter_map(move |member| match member.info.calling {
        Calling::Successor(old) if roll.find(old).is_some() => Some(roll.replace(old, member.id)),
        Calling::Voter | Calling::Successor(_) if has_room => Some(roll.promote(member.id)),
        Calling::Voter | Calling::Successor(_) | Calling::Learner => None,
    })
}

#[cfg(test)]
mod tests;
