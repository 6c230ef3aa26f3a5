//! The task behind a registration: it watches over the lease, and sees to it that the instance is there.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::hold::{Failed, Shared};
use crate::Vitality;

/// How often it is looked whether the registration is still there, while nothing gives cause to.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The first pause after an attempt to register anew has failed; twice as long each time.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// The longest pause: somebody waits for the instance to be back.
const PAUSE_LONGEST: Duration = Duration::from_secs(2);

/// What there is to do.
enum Cause {
    /// This is how it is with the lease.
    Vitality(Vitality),
    /// The lease is another one by now.
    Replaced,
    /// Nothing has been looked at for a while.
    Time,
}

/// Ends when the registration is lost or closed.
pub(super) async fn supervise(shared: Arc<Shared>) {
    let mut look_at = Instant::now() + LOOK_EVERY;
    while let Some(mut vitality) = shared.vitality().await {
        // What was told before somebody listened is news as well.
        vitality.mark_changed();
        loop {
            match next(&mut vitality, look_at).await {
                Cause::Vitality(Vitality::Gone) => {
                    recover(&shared).await;
                    break;
                }
                Cause::Vitality(Vitality::Revived) => {
                    shared.tell_vitality(Vitality::Revived).await;
                    // It was out of answers, and free for anybody.
                    shared.verify().await;
                }
                Cause::Vitality(known @ (Vitality::Live | Vitality::Late)) => shared.tell_vitality(known).await,
                Cause::Replaced => {
                    // Or nobody keeps it any more, because the runtime has ended that did: there is no hurry then.
                    sleep(PAUSE_FIRST).await;
                    break;
                }
                Cause::Time => {
                    look_at = Instant::now() + LOOK_EVERY;
                    shared.verify().await;
                }
            }
            if shared.is_over() {
                return;
            }
        }
    }
}

async fn next(vitality: &mut watch::Receiver<Vitality>, look_at: Instant) -> Cause {
    tokio::select! {
        changed = vitality.changed() => match changed {
            Ok(()) => Cause::Vitality(*vitality.borrow_and_update()),
            Err(_) => Cause::Replaced,
        },
        () = sleep_until(look_at) => Cause::Time,
    }
}

/// Registers anew until it is registered, or lost.
async fn recover(shared: &Shared) {
    let mut pause = PAUSE_FIRST;
    while let Err(Failed::ForNow) = shared.recover().await {
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_LONGEST);
    }
}
