//! Disks that fail and stall, for one member.

use quorate_tests::{Injection, Load, Tracer, ensure, eventually};
use rand::rngs::SmallRng;

use super::{FLOOR, FLOOR_WITHIN, SEEN_WITHIN, time};
use crate::faults::field::Field;

/// Syncs that have to have taken longer.
const SLOW_SYNCS: usize = 2;

/// The disk fails once: the member ends, and the others go on.
pub(super) async fn sync_fails(field: &Field, load: &Load, number: u64) -> String {
    let member = field.cluster.member(number);
    let tracer = Tracer::attach(member, Injection::SyncFails).await;
    let code = member.ended().await;
    assert_eq!(code, Some(1), "a member whose sync failed ends: {}", member.log());
    let spoiled = tracer.spoiled();
    assert!(spoiled > 0, "no sync failed");
    drop(tracer);
    load.acknowledges(FLOOR, FLOOR_WITHIN).await;
    member.start();
    format!("{spoiled} sync of member {number} failed, and it ended")
}

/// The disk stalls: writes go on, or somebody else leads.
pub(super) async fn sync_slow(field: &Field, load: &Load, number: u64, rng: &mut SmallRng) -> String {
    let member = field.cluster.member(number);
    let takes = time(rng, 300, 3_000);
    let tracer = Tracer::attach(member, Injection::SyncTakes(takes)).await;
    let slow = eventually(SEEN_WITHIN, "syncs take longer", async || {
        let slow = tracer.spoiled();
        ensure(slow >= SLOW_SYNCS, format!("{slow} of them did"))
    });
    tokio::join!(slow, load.acknowledges(FLOOR, FLOOR_WITHIN));
    let (slow, leader) = (tracer.spoiled(), field.cluster.leader().await.number());
    drop(tracer);
    format!("{slow} syncs of member {number} took {takes:?} longer, and member {leader} led at the end")
}
