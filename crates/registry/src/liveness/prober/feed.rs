//! The feed: what this member is to look at, as the state has it.

use std::{sync::Arc, time::Duration};

use quorate_model::{LogIndex, MemberId, ServiceKey};
use quorate_state::{Probers, Service, State};
use tokio::{sync::watch, time::sleep};

use super::{Assigned, Target};
use crate::quorum::Quorum;

/// How long changes are gathered: a list is made anew for many of them, and a probe need not begin sooner.
const GATHER: Duration = Duration::from_millis(50);

/// Services that are gone through before others have their turn.
const STRIDE: usize = 64;

/// Gives a new list whenever the state has one, for ever.
pub(super) async fn run<Q: Quorum>(own: MemberId, quorum: Q, lists: watch::Sender<Arc<Assigned>>) {
    let mut before = Arc::new(State::new());
    loop {
        let view = quorum.view();
        let last = Arc::clone(&lists.borrow());
        if let Some(next) = next(own, &before, &view, &last).await {
            lists.send_replace(Arc::new(next));
        }
        before = view;
        if quorum
            .wait_applied(LogIndex::new(before.applied().get() + 1))
            .await
            .is_err()
        {
            // The member stops, and this task with it.
            return std::future::pending().await;
        }
        sleep(GATHER).await;
    }
}

/// The list of `view`, if it is another than the `last` one, which is that of `before`.
async fn next(own: MemberId, before: &State, view: &State, last: &Assigned) -> Option<Assigned> {
    let probers = view.probers()?;
    let is_same_assignment = before.probers() == Some(probers) && before.cluster() == view.cluster();
    if !is_same_assignment {
        return Some(anew(own, probers, view).await);
    }
    let mut next: Option<Assigned> = None;
    for (count, (key, service)) in view.service_changes(before).enumerate() {
        let targets = service.map_or_else(Vec::new, |service| targets(own, probers, service));
        let newest = next.as_ref().unwrap_or(last);
        let is_same = newest.services.get(key).map_or(&[][..], |known| known) == targets;
        if !is_same {
            put(next.get_or_insert_with(|| last.clone()), key, targets);
        }
        take_turns(count).await;
    }
    next
}

async fn anew(own: MemberId, probers: &Probers, view: &State) -> Assigned {
    let mut list = Assigned {
        revision: probers.revision(),
        ..Assigned::default()
    };
    for (count, service) in view.all_services().enumerate() {
        put(&mut list, service.key(), targets(own, probers, service));
        take_turns(count).await;
    }
    list
}

async fn take_turns(count: usize) {
    if count % STRIDE == STRIDE - 1 {
        tokio::task::yield_now().await;
    }
}

fn put(list: &mut Assigned, key: &ServiceKey, targets: Vec<Target>) {
    if targets.is_empty() {
        list.services.remove(key);
    } else {
        list.services.insert(key.clone(), targets.into());
    }
}

/// What of a service this member is to look at.
fn targets(own: MemberId, probers: &Probers, service: &Service) -> Vec<Target> {
    let mut targets = Vec::new();
    for instance in service.instances() {
        for (place, (check, state)) in instance.checks().enumerate() {
            let is_own = || probers.of(instance.key(), &check.name, check.vantage).contains(&own);
            if check.probe.is_active() && is_own() {
                targets.push(Target {
                    instance: Arc::clone(instance),
                    place,
                    vote: state.vote_of(own),
                });
            }
        }
    }
    targets
}

#[cfg(test)]
mod tests;
