//! Processes that die and hang.

use std::fs;

use quorate_tests::{Load, Member, ensure, eventually};
use rand::{RngExt as _, rngs::SmallRng};

use super::{FLOOR, FLOOR_WITHIN, SEEN_WITHIN, any, lasts, pick, time};
use crate::faults::{
    field::{Field, WRITERS},
    kind::Whom,
};

/// The line of a member's log that says that it serves.
const STARTED: &str = "started identity=";

/// The file that a process holds open while it uses a data directory.
const LOCK: &str = "LOCK";

/// One member dies, and the others go on without it.
pub(super) async fn kill(field: &Field, load: &Load, number: u64) -> String {
    let member = field.cluster.member(number);
    member.kill();
    assert!(!member.is_started());
    load.acknowledges(FLOOR, FLOOR_WITHIN).await;
    let leader = field.cluster.leader().await.number();
    assert_ne!(leader, number, "a member that is down does not lead");
    member.start();
    format!("member {number} was killed, and member {leader} led meanwhile")
}

/// All members die at once.
pub(super) fn kill_all(field: &Field) -> String {
    let members: Vec<&Member> = up(field);
    field.cluster.kill_all();
    assert!(members.iter().all(|member| !member.is_started()));
    for member in &members {
        member.start();
    }
    format!("{} members were killed", members.len())
}

/// A member dies while it opens its data, and again.
pub(super) async fn kill_opening(field: &Field, rng: &mut SmallRng) -> String {
    let number = any(field, rng).await;
    let member = field.cluster.member(number);
    let times = rng.random_range(2..=4);
    member.kill();
    let mut while_opening = 0;
    for _ in 0..times {
        let starts = member.log().matches(STARTED).count();
        member.start();
        eventually(SEEN_WITHIN, "the member has taken its data directory", async || {
            ensure(holds_open(member, LOCK), "it has not")
        })
        .await;
        member.kill();
        if member.log().matches(STARTED).count() == starts {
            while_opening += 1;
        }
    }
    assert!(while_opening > 0, "member {number} was never killed while it opened");
    member.start();
    format!("member {number} was killed {while_opening} of {times} times before it had started")
}

fn holds_open(member: &Member, name: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{}/fd", member.process_id()));
    let mut files = files.into_iter().flatten().flatten();
    files.any(|file| fs::read_link(file.path()).is_ok_and(|target| target.ends_with(name)))
}

/// One member hangs for a while.
pub(super) async fn pause(field: &Field, load: &Load, whom: Whom, rng: &mut SmallRng) -> String {
    let number = pick(whom, field, rng).await;
    let hangs = time(rng, 1_000, 5_000);
    let member = field.cluster.member(number);
    member.pause_now().await;
    match whom {
        // Others may take longer to notice than it hangs.
        Whom::Leader => lasts(hangs).await,
        Whom::Follower => {
            tokio::join!(lasts(hangs), load.acknowledges(FLOOR, FLOOR_WITHIN));
        }
    }
    member.resume();
    format!("member {number} was stopped for {hangs:?}")
}

/// Two of three members hang for a while: meanwhile nothing is acknowledged.
pub(super) async fn pause_majority(field: &Field, load: &Load, rng: &mut SmallRng) -> String {
    let mut numbers = field.leader_first().await;
    numbers.remove(rng.random_range(0..numbers.len()));
    let hangs = time(rng, 1_000, 5_000);
    for number in &numbers {
        field.cluster.member(*number).pause_now().await;
    }
    let before = load.acknowledged();
    lasts(hangs).await;
    let meanwhile = load.acknowledged() - before;
    // The last one may still have answers that it owes.
    assert!(meanwhile <= WRITERS, "{meanwhile} writes acknowledged by a minority");
    for number in &numbers {
        field.cluster.member(*number).resume();
    }
    format!("members {numbers:?} were stopped for {hangs:?}, {meanwhile} writes acknowledged meanwhile")
}

fn up(field: &Field) -> Vec<&Member> {
    let members = field.cluster.members().iter();
    members.filter(|member| member.is_started()).collect()
}
