//! Connections that are spoiled by the proxies that they go through.

use std::time::Duration;

use quorate_tests::{Cut, Direction, Effects, Flow, Load, Proxy, ensure, eventually};
use rand::{RngExt as _, rngs::SmallRng};

use super::{FLOOR, FLOOR_WITHIN, SEEN_WITHIN, any, lasts, time};
use crate::faults::{
    field::Field,
    kind::{Between, Spoiled},
};

/// Spoils connections for a while.
pub(super) async fn spoil(
    field: &Field,
    load: &Load,
    between: Between,
    spoiled: Spoiled,
    rng: &mut SmallRng,
) -> String {
    let number = any(field, rng).await;
    let (all, one) = (field.proxies(between), [field.proxy(between, number)]);
    let held = time(rng, 1_000, 4_000);
    match spoiled {
        Spoiled::Delayed => {
            let delay = time(rng, 50, 500);
            let seen = flow(&all, Flow::Delayed(delay), held, |effects| effects.delayed).await;
            format!("{seen} pieces came {delay:?} late")
        }
        Spoiled::Throttled => {
            let bytes_per_s = rng.random_range(20_000..=100_000);
            let paced = Flow::Throttled { bytes_per_s };
            let seen = flow(&all, paced, held, |effects| effects.throttled).await;
            format!("{seen} pieces passed at {bytes_per_s} bytes/s")
        }
        Spoiled::BlackHole => {
            let seen = flow(&one, Flow::Held, held, |effects| effects.held).await;
            format!("{seen} pieces were held back from and to member {number}")
        }
        Spoiled::Reset => {
            let bytes = rng.random_range(1..=2_000);
            let before = sum(&all, |effects| effects.resets);
            for proxy in &all {
                proxy.set(Direction::ToCaller, Flow::ResetAfter { bytes });
            }
            let seen = more(&all, before, |effects| effects.resets).await;
            heal(&all);
            format!("{seen} connections were reset after {bytes} bytes of answers")
        }
        Spoiled::HalfOpen => {
            let before = sum(&one, |effects| effects.half_open);
            one[0].cut(Cut::HalfOpen);
            let seen = more(&one, before, |effects| effects.half_open).await;
            load.acknowledges(FLOOR, FLOOR_WITHIN).await;
            format!("{seen} connections to member {number} were left half-open")
        }
        Spoiled::NotAccepted => {
            let before = sum(&one, |effects| effects.resets);
            one[0].stop_accepting();
            one[0].cut(Cut::Reset);
            let seen = more(&one, before, |effects| effects.resets).await;
            lasts(held).await;
            let taken = one[0].effects().connections;
            heal(&one);
            format!("{seen} connections to member {number} were reset, and none taken after {taken}")
        }
    }
}

/// Lets bytes pass so for a time, until it was seen to have had an effect, and returns how often.
async fn flow(proxies: &[&Proxy], flow: Flow, held: Duration, count: impl Fn(&Effects) -> u64) -> u64 {
    let before = sum(proxies, &count);
    for proxy in proxies {
        proxy.set_both(flow);
    }
    tokio::join!(lasts(held), more(proxies, before, &count));
    heal(proxies);
    sum(proxies, &count) - before
}

/// Waits until there is more of it than there was, and returns how much.
async fn more(proxies: &[&Proxy], before: u64, count: impl Fn(&Effects) -> u64) -> u64 {
    eventually(SEEN_WITHIN, "the proxy has spoiled something", async || {
        let seen = sum(proxies, &count) - before;
        ensure(seen > 0, "nothing has passed").map(|()| seen)
    })
    .await
}

fn sum(proxies: &[&Proxy], count: impl Fn(&Effects) -> u64) -> u64 {
    proxies.iter().map(|proxy| count(&proxy.effects())).sum()
}

fn heal(proxies: &[&Proxy]) {
    for proxy in proxies {
        proxy.heal();
    }
}
