//! One fault under load, and what is left when it is over.

use std::time::Duration;

use quorate_tests::History;
use rand::{RngExt as _, rngs::SmallRng};
use tokio::time::Instant;

use super::{
    field::Field,
    kind::Kind,
    strike::{FLOOR, FLOOR_WITHIN, strike},
    witnesses::Witnesses,
};

/// A fault that has happened.
pub(super) struct Fired {
    pub(super) kind: Kind,
    /// What was seen of it.
    pub(super) effect: String,
    /// Writes that were asked for, and those that were acknowledged.
    pub(super) operations: usize,
    pub(super) acknowledged: usize,
    /// From the strike until everything was checked.
    pub(super) took: Duration,
}

/// What has been written, and what was told, in all rounds so far.
pub(super) struct Past {
    pub(super) history: History,
    pub(super) witnesses: Witnesses,
}

/// Strikes with one fault under load, waits until all is as before, and checks that nothing of `past` is lost, to
/// which all writes are added. The load is named after `number`.
pub(super) async fn round(kind: Kind, number: usize, field: &mut Field, past: &mut Past, rng: &mut SmallRng) -> Fired {
    let shift = past.witnesses.start(field);
    let load = field.load(&format!("{number}-"), rng.random());
    load.acknowledges(FLOOR, FLOOR_WITHIN).await;
    let struck = Instant::now();
    let effect = strike(kind, field, &load, rng).await;
    load.acknowledges(FLOOR, FLOOR_WITHIN).await;
    field.wait_ready().await;
    let (written, ()) = tokio::join!(load.stop(), shift.end());
    let (acknowledged, _, _) = written.counts();
    let operations = written.operations().len();
    past.history.append(written);
    field.cluster.assert_kept(&past.history).await;
    Fired {
        kind,
        effect,
        operations,
        acknowledged,
        took: struck.elapsed(),
    }
}
