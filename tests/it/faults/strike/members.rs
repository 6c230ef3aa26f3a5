//! Members that are gone for good.

use quorate_tests::{Load, SETTLED_WITHIN, ensure, eventually};
use rand::rngs::SmallRng;

use super::{FLOOR, FLOOR_WITHIN, any};
use crate::faults::field::Field;

/// A member dies for good, and a node takes its place.
pub(super) async fn replace(field: &mut Field, load: &Load, rng: &mut SmallRng) -> String {
    let dead = any(field, rng).await;
    field.cluster.member(dead).kill();
    load.acknowledges(FLOOR, FLOOR_WITHIN).await;
    let through = field.cluster.leader().await.doors().peer;
    let flags = [format!("--join={through}"), format!("--replace={dead}")];
    let joined = field.add(&flags).wait_ready().await;
    field.forget(dead);
    let new = joined.header.member_id.get();
    eventually(SETTLED_WITHIN, "the dead member is one no more", async || {
        let listed = field.cluster.client().list_members().await;
        let listed = listed.map_err(|error| error.to_string())?.value;
        let ids: Vec<u64> = listed.members.iter().map(|member| member.id.get()).collect();
        let done = !listed.changing && ids.contains(&new) && !ids.contains(&dead);
        ensure(done, format!("{listed:?}"))
    })
    .await;
    format!("member {new} took the place of member {dead}")
}
