//! The rota: which members share the making of checks. Every member keeps one, and that of the leader counts.
//!
//! Whoever has not been heard of for a while makes no checks: the others take them over. Nobody is named in a cluster
//! where nothing is checked.

use std::{sync::Arc, time::Duration};

use quorate_consensus::{Consensus, Member, Role, Status};
use quorate_model::{Clock, LogIndex, MemberId, Term, limits};
use quorate_state::Command;
use tokio::time::sleep;

use crate::{Policy, Tasks};

/// Between two looks at the members.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who has been silent for longer makes no checks.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// Whoever lacks more entries than this is not named: it would not know yet what to look at.
const LAG_ENTRIES_MAX: u64 = 10_000;

/// How long one entry may take. The next look tries again.
const PROPOSE_MAX: Duration = Duration::from_secs(2);

/// Starts the rota of this member.
pub(super) fn start(own: MemberId, consensus: Consensus, clock: Arc<dyn Clock>, tasks: &Tasks) {
    tasks.spawn("check-rota", Policy::Essential, keep(own, consensus, clock));
}

async fn keep(own: MemberId, consensus: Consensus, clock: Arc<dyn Clock>) {
    let mut led: Option<(Term, Duration)> = None;
    loop {
        sleep(LOOK_EVERY).await;
        let view = consensus.view();
        if consensus.leader() != Some(own) || view.probed_instance_count() == 0 {
            continue;
        }
        let (status, now) = (consensus.status(), clock.now());
        if status.role != Role::Leader {
            continue;
        }
        let since = led
            .filter(|(term, _)| *term == status.term)
            .map_or(now, |(_, since)| since);
        led = Some((status.term, since));
        let named = view.probers().map_or(&[][..], |probers| probers.members());
        let members = able(&status, own, named, now.saturating_sub(since));
        if members != named {
            name(own, &consensus, members).await;
        }
    }
}

/// The members that can make checks, in order. Of those that a new leader has not heard of yet, the ones that are named
/// stay for a while.
fn able(status: &Status, own: MemberId, named: &[MemberId], led_for: Duration) -> Vec<MemberId> {
    let is_able = |member: &&Member| {
        let is_named = named.contains(&member.id);
        let is_there = match member.last_heard {
            Some(silence) => silence <= SILENCE_MAX,
            None => is_named && led_for <= SILENCE_MAX,
        };
        member.id == own || (is_there && (is_named || has_caught_up(member, status.last_log)))
    };
    let able = status.members.iter().filter(is_able).map(|member| member.id);
    let mut able: Vec<MemberId> = able.take(limits::MEMBERS_MAX).collect();
    able.sort_unstable();
    able
}

fn has_caught_up(member: &Member, last_log: LogIndex) -> bool {
    let matched = member.matched.map_or(0, LogIndex::get);
    matched.saturating_add(LAG_ENTRIES_MAX) >= last_log.get()
}

async fn name(own: MemberId, consensus: &Consensus, members: Vec<MemberId>) {
    let described: Vec<u64> = members.iter().map(|member| member.get()).collect();
    let command = Command::SetProbers { members }.encode();
    let command = command.expect("the ids of as many members as there may be are short enough");
    match consensus.propose(own, command, PROPOSE_MAX).await {
        Ok(applied) => {
            let revision = applied.revision;
            tracing::info!(%revision, members = ?described, "these members share the making of checks");
        }
        Err(error) => tracing::debug!(%error, "the members that make checks are not named yet"),
    }
}

#[cfg(test)]
mod tests {
    use quorate_consensus::{Calling, MemberInfo, MemberRole};

    use super::*;

    fn member(id: u64) -> MemberId {
        id.try_into().unwrap()
    }

    fn status(members: &[(u64, Option<u64>, u64)]) -> Status {
        let members = members.iter().map(|(id, heard_ms, matched)| Member {
            id: member(*id),
            info: MemberInfo {
                client_address: "127.0.0.1:7300".parse().unwrap(),
                peer_address: "127.0.0.1:7400".parse().unwrap(),
                calling: Calling::Voter,
            },
            role: MemberRole::Voter,
            matched: Some(LogIndex::new(*matched)),
            last_heard: heard_ms.map(Duration::from_millis),
        });
        Status {
            role: Role::Leader,
            term: Term::new(1),
            leader: Some(member(1)),
            last_log: LogIndex::new(50_000),
            applied: LogIndex::new(50_000),
            members: members.collect(),
        }
    }

    fn named(members: &[(u64, Option<u64>, u64)], before: &[u64], led_for_ms: u64) -> Vec<u64> {
        let before: Vec<MemberId> = before.iter().copied().map(member).collect();
        let able = able(&status(members), member(1), &before, Duration::from_millis(led_for_ms));
        able.into_iter().map(MemberId::get).collect()
    }

    #[test]
    fn whoever_is_heard_of_makes_checks() {
        let members = [(1, None, 0), (2, Some(3_000), 50_000), (3, Some(3_001), 50_000)];
        assert_eq!(named(&members, &[], 60_000), [1, 2]);
        assert_eq!(named(&members, &[1, 2, 3], 60_000), [1, 2]);
    }

    #[test]
    fn a_new_leader_takes_nobody_off_before_it_can_have_heard_of_them() {
        let members = [(1, None, 0), (2, None, 50_000), (3, None, 50_000)];
        assert_eq!(named(&members, &[1, 2], 3_000), [1, 2]);
        assert_eq!(named(&members, &[1, 2], 3_001), [1]);
    }

    #[test]
    fn whoever_lags_far_behind_is_not_named_and_not_taken_off() {
        let members = [(1, None, 0), (2, Some(0), 39_999), (3, Some(0), 40_000)];
        assert_eq!(named(&members, &[], 60_000), [1, 3]);
        assert_eq!(named(&members, &[2], 60_000), [1, 2, 3]);
    }
}
