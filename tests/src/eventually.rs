//! Waiting for a condition, the only way in which a test waits.

use std::{env, fmt::Display, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

/// Time between two looks at a condition: short against everything that a cluster does.
const PAUSE: Duration = Duration::from_millis(10);

/// How many times as long every wait may take, for a machine that is busy with much else.
const PATIENCE: &str = "QUORATE_TEST_PATIENCE";

/// Waits until `condition` holds and returns what it yields. Until then it says why it does not hold.
pub async fn eventually<T, E: Display>(
    within: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let patience = env::var(PATIENCE).map_or(1, |times| times.parse().expect("QUORATE_TEST_PATIENCE is a number"));
    let within = within * patience;
    let until = Instant::now() + within;
    let mut seen = "nothing".to_owned();
    loop {
        match timeout_at(until, condition()).await {
            Ok(Ok(value)) => return value,
            Ok(Err(why)) => seen = why.to_string(),
            Err(_) => {}
        }
        assert!(
            Instant::now() < until,
            "{what}: not within {within:?}; last seen: {seen}"
        );
        sleep(PAUSE).await;
    }
}

/// A condition as [`eventually`] takes it, with what is seen while it does not hold.
pub fn ensure<E: Display>(holds: bool, seen: E) -> Result<(), E> {
    if holds { Ok(()) } else { Err(seen) }
}
