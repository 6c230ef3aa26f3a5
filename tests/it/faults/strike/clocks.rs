//! Wall clocks that are wrong: nothing may come of it but what is shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quorate_client::{Session, SessionOptions};
use quorate_tests::{Load, Member, Surroundings, WallClock, ensure, eventually, id, parts, registration, service};
use rand::rngs::SmallRng;

use super::{FLOOR, FLOOR_WITHIN, SEEN_WITHIN, any};
use crate::faults::{field::Field, kind::Off};

/// Where what a member shows is seen.
const SERVICE: &str = "clocks";

const YEAR: &str = "+1y";
const YEAR_AGO: &str = "-1y";

/// A clock is off by more than this if it is off by a year, and by less if it is right.
const MOST_OF_A_YEAR: Duration = Duration::from_secs(300 * 24 * 60 * 60);

/// Lets the wall clock of a member be wrong for a while.
pub(super) async fn off(field: &Field, load: &Load, off: Off, rng: &mut SmallRng) -> String {
    let number = any(field, rng).await;
    let member = field.cluster.member(number);
    let clock = WallClock::new(field.cluster.files(), &format!("member-{number}"));
    let clock = clock.expect("faketime is here");
    let offsets: &[&str] = match off {
        Off::Ahead => &[YEAR],
        Off::Behind => &[YEAR_AGO],
        Off::Jumps => &["+0", YEAR, YEAR_AGO, YEAR, "+0"],
    };
    clock.set(offsets[0]);
    restart_in(member, clock.surroundings()).await;
    // What has a lease is not taken for dead, whatever the time is said to be.
    let opened = member.client().open_session(SessionOptions::default()).await;
    let session = opened.expect("a session is opened");
    for offset in offsets {
        clock.set(offset);
        shows(&session, offset).await;
        load.acknowledges(FLOOR, FLOOR_WITHIN).await;
    }
    session.close().await.expect("the session was there to the end");
    restart_in(member, Surroundings::default()).await;
    format!("member {number} showed the time with {}", offsets.join(", "))
}

async fn restart_in(member: &Member, surroundings: Surroundings) {
    member.surround(surroundings);
    member.restart();
    member.wait_ready().await;
}

/// Waits until an instance that is registered now is shown to be so at a time that is off by `offset`.
async fn shows(session: &Session, offset: &str) {
    let (service, id) = (service(SERVICE), id("shown"));
    eventually(SEEN_WITHIN, &format!("the time is off by {offset}"), async || {
        let failed = |error: quorate_client::Error| error.to_string();
        // What is there keeps its time.
        session.deregister(&service, &id, None).await.map_err(failed)?;
        let registered = session.register(&service, &id, registration(parts(80))).await;
        registered.map_err(failed)?;
        let found = session.client().get_instance(&service, &id).await.map_err(failed)?;
        let shown = UNIX_EPOCH + Duration::from_millis(found.value.registered_at_ms());
        let now = now();
        let ahead = shown.duration_since(now).is_ok_and(|off| off > MOST_OF_A_YEAR);
        let behind = now.duration_since(shown).is_ok_and(|off| off > MOST_OF_A_YEAR);
        let expected = (offset == YEAR, offset == YEAR_AGO);
        ensure((ahead, behind) == expected, format!("{shown:?} at {now:?}"))
    })
    .await;
}

#[expect(clippy::disallowed_methods, reason = "the wall clock is what is tested")]
fn now() -> SystemTime {
    SystemTime::now()
}
