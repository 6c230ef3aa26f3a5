//! The engine: begins what is due, judges what has ended, and takes new lists.

use std::{sync::Arc, time::Duration};

use futures::{
    StreamExt as _,
    future::BoxFuture,
    stream::{AbortHandle, Abortable, FuturesUnordered},
};
use quorate_model::{Clock, Health, Revision, Verdict};
use tokio::{sync::watch, time::sleep};

use super::{
    Assigned, Edge, Host,
    places::{Kind, Last, Places},
    probe::{Found, Prober},
    schedule::{Due, Schedule, TargetId},
    targets::{Look, Slot, Stage, Targets},
};
use crate::chance::Chance;

/// Probes under way at a time: a file each, and the room of an answer.
const PLACES_MAX: usize = 256;

/// How often something is looked at of which nothing is known: whoever has just come waits for it to be found well.
const UNKNOWN_INTERVAL: Duration = Duration::from_secs(1);

/// How long a change that was told is waited for before it is told again.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A probe that has ended: its target, the kind of place that it had, and what it has come to, if it was not broken off.
type Ended = (TargetId, Kind, Option<Found>);

/// See [`super::start`].
pub(super) struct Engine<H> {
    assigned: watch::Receiver<Arc<Assigned>>,
    host: H,
    prober: Prober,
    clock: Arc<dyn Clock>,
    chance: Chance,
    revision: Revision,
    targets: Targets,
    schedule: Schedule,
    running: FuturesUnordered<BoxFuture<'static, Ended>>,
}

// === impl Engine ===

impl<H: Host> Engine<H> {
    /// An engine that makes what it is `assigned` with `prober`, and tells `host` of changes; its random numbers begin
    /// with `seed`.
    pub(super) fn new(
        assigned: watch::Receiver<Arc<Assigned>>,
        host: H,
        prober: Prober,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Self {
        Self {
            assigned,
            host,
            prober,
            clock,
            chance: Chance::new(seed),
            revision: Revision::ZERO,
            targets: Targets::default(),
            schedule: Schedule::new(Places::new(PLACES_MAX)),
            running: FuturesUnordered::new(),
        }
    }

    /// Goes on for as long as there is somebody who gives it lists.
    pub(super) async fn run(mut self) {
        self.take_list();
        loop {
            self.begin_what_is_due();
            let wait = self.schedule.wakes_at().map(|at| at.saturating_sub(self.clock.now()));
            tokio::select! {
                biased;
                changed = self.assigned.changed() => match changed {
                    Ok(()) => self.take_list(),
                    Err(_nobody_gives_lists) => return,
                },
                Some(ended) = self.running.next() => self.judge(ended),
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    fn take_list(&mut self) {
        let assigned = Arc::clone(&self.assigned.borrow_and_update());
        self.revision = assigned.revision;
        let swapped = self.targets.swap(&assigned);
        for (id, slot) in swapped.gone {
            match slot.stage {
                Stage::Aside => {}
                Stage::Waiting(due) => self.schedule.strike(due, id),
                // Its place is given back when it ends, which is now.
                Stage::Running(look) => look.abort.abort(),
            }
        }
        let now = self.clock.now();
        for id in swapped.come {
            if let Some(slot) = self.targets.get_mut(id) {
                // Those that came together are looked at one after the other.
                let at = now + self.chance.within(step(slot));
                slot.is_spread = slot.target().known() != Health::Unknown;
                put(&mut self.schedule, id, slot, at);
            }
        }
    }

    fn begin_what_is_due(&mut self) {
        let now = self.clock.now();
        while let Some((due, id)) = self.schedule.begin(now) {
            let Some(slot) = self.targets.get_mut(id) else {
                // Never: what goes is struck out. Its place is not lost for all that.
                self.schedule.ended(due.kind);
                continue;
            };
            let (abort, registration) = AbortHandle::new_pair();
            slot.stage = Stage::Running(Look {
                due,
                began: now,
                confirmed: self.host.confirmed(),
                abort,
            });
            let (prober, (group, place)) = (self.prober.clone(), slot.shared());
            let look = async move { prober.look(&group[place]).await };
            let look = Abortable::new(look, registration);
            let ended = async move { (id, due.kind, look.await.ok()) };
            self.running.push(Box::pin(ended));
        }
    }

    fn judge(&mut self, (id, kind, found): Ended) {
        self.schedule.ended(kind);
        // What was taken off the list meanwhile has no slot any more.
        let (Some(slot), Some(found)) = (self.targets.get_mut(id), found) else {
            return;
        };
        let Stage::Running(look) = std::mem::replace(&mut slot.stage, Stage::Aside) else {
            return;
        };
        let now = self.clock.now();
        slot.last = Some(Last {
            took: now.saturating_sub(look.began),
            timed_out: found.timed_out,
        });
        if look.confirmed && self.host.confirmed() {
            if let Some(edge) = edge(slot, found, self.revision, now) {
                tracing::debug!(instance = %edge.key, check = %edge.check, verdict = ?edge.verdict, "a check has changed");
                self.host.report(edge);
            }
        } else {
            slot.streak.restart();
        }
        let at = if slot.is_spread || slot.target().known() == Health::Unknown {
            // In step with when it was due and not with when it ended, but never twice at once.
            (look.due.at + step(slot)).max(now)
        } else {
            slot.is_spread = true;
            now + self.chance.within(step(slot))
        };
        put(&mut self.schedule, id, slot, at);
    }
}

/// Between two looks.
fn step(slot: &Slot) -> Duration {
    let target = slot.target();
    let interval = target.check().pace.interval();
    match target.known() {
        Health::Unknown => interval.min(UNKNOWN_INTERVAL),
        Health::Passing | Health::Warning | Health::Critical => interval,
    }
}

fn put(schedule: &mut Schedule, id: TargetId, slot: &mut Slot, at: Duration) {
    let kind = Kind::of(slot.last, slot.target().check().pace.timeout());
    let due = Due { at, kind };
    slot.stage = Stage::Waiting(due);
    schedule.put(due, id);
}

/// The change that is to be told after a result, if there is one.
fn edge(slot: &mut Slot, found: Found, assignment: Revision, now: Duration) -> Option<Edge> {
    let verdict = slot.streak.add(found.is_good, slot.target().check().pace)?;
    let target = slot.target();
    if target.known() == verdict.into() || is_under_way(slot.told, verdict, now) {
        return None;
    }
    let edge = Edge {
        key: target.instance.key().clone(),
        generation: target.instance.generation(),
        check: target.check().name.clone(),
        assignment,
        verdict,
        output: found.output,
    };
    slot.told = Some((verdict, now));
    Some(edge)
}

/// Whether the same was told not long ago, so that it may be on its way.
fn is_under_way(told: Option<(Verdict, Duration)>, verdict: Verdict, now: Duration) -> bool {
    told.is_some_and(|(told, at)| told == verdict && now.saturating_sub(at) < TELL_AGAIN_AFTER)
}
