//! Packets between members that are lost.

use quorate_tests::{Load, ensure, eventually};
use rand::{RngExt as _, rngs::SmallRng};

use super::{FLOOR, FLOOR_WITHIN, SEEN_WITHIN, lasts, pick, time};
use crate::faults::{
    field::Field,
    kind::{Lost, Whom},
};

/// Of so many packets of a hundred none is heard of again.
const LOSS_PERCENT: u64 = 30;

/// Loses packets for a while. Unless it is any of them, a majority is left, which has to go on.
pub(super) async fn lose(field: &Field, load: &Load, lost: Lost, rng: &mut SmallRng) -> String {
    let network = field.network();
    let numbers = field.leader_first().await;
    let held = time(rng, 1_000, 4_000);
    let (leader, followers) = (numbers[0], &numbers[1..]);
    match lost {
        Lost::Some => {
            for number in &numbers {
                network.lose(*number, &others(&numbers, *number), LOSS_PERCENT);
            }
        }
        Lost::Partition(whom) => {
            let alone = match whom {
                Whom::Leader => leader,
                Whom::Follower => pick(Whom::Follower, field, rng).await,
            };
            network.deafen(alone, &others(&numbers, alone));
            network.mute(alone, &others(&numbers, alone));
        }
        Lost::ToLeader => network.deafen(leader, followers),
        Lost::FromLeader => network.mute(leader, followers),
        Lost::BetweenTwo => {
            let other = followers[rng.random_range(0..followers.len())];
            network.deafen(leader, &[other]);
            network.mute(leader, &[other]);
        }
    }
    let dropped = || numbers.iter().map(|number| network.dropped(*number)).sum::<u64>();
    let seen = eventually(SEEN_WITHIN, "packets are lost", async || {
        ensure(dropped() > 0, "none was")
    });
    match lost {
        Lost::Some => {
            tokio::join!(seen, lasts(held));
        }
        Lost::Partition(_) | Lost::ToLeader | Lost::FromLeader | Lost::BetweenTwo => {
            tokio::join!(seen, lasts(held), load.acknowledges(FLOOR, FLOOR_WITHIN));
        }
    }
    let dropped = dropped();
    network.heal();
    format!("{dropped} packets were lost, with member {leader} leading")
}

fn others(numbers: &[u64], number: u64) -> Vec<u64> {
    numbers.iter().copied().filter(|other| *other != number).collect()
}
