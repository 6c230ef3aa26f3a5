//! Records of runs that never were: many clients at one real state machine, with answers that are late or lost.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quorate_model::{
    ClusterId, Epoch, Found, Generation, InstanceKey, Leadership, Lifetime, LogIndex, LogTime, NamespaceName,
    ServiceKey,
};
use quorate_state::{Command, Mutated, Mutation, Outcome as Applied, Position, Rejection, State, Takeover};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::{
    record::{
        About, Asked, Availability, Change, Deed, Done, Effect, Freshness, Header, Key, Outcome, Read, Record,
        Recorder, Refusal, Sent, Shown, Ticket, Write,
    },
    workload::{
        plan::{Deal, Order, Plan},
        translate,
    },
};

/// How a sample is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) clients: u32,
    pub(super) steps: usize,
    /// Answers that are lost, of a hundred; half of those writes never take effect.
    pub(super) lost: u32,
    /// Whether writes are in sessions, some of which are answered by a repetition.
    pub(super) sessions: bool,
}

/// Old states that are kept, to be shown as stale.
const STATES_MAX: usize = 8;

struct Sample {
    rng: SmallRng,
    terms: Terms,
    recorder: Recorder,
    now_ms: Arc<AtomicU64>,
    state: State,
    /// States of before, and since when each is over.
    old: VecDeque<(u64, State)>,
    clients: Vec<Client>,
}

struct Client {
    number: u32,
    plan: Plan,
    under_way: Option<(Ticket, Stage)>,
}

enum Stage {
    Called(Asked),
    Answered(Outcome, Option<Order>),
}

/// A record of a run without fault.
pub(super) fn sample(seed: u64, terms: Terms) -> Record {
    let now_ms = Arc::new(AtomicU64::new(10_000));
    let clock = Arc::clone(&now_ms);
    let mut sample = Sample {
        rng: SmallRng::seed_from_u64(seed),
        terms,
        recorder: Recorder::new(Arc::new(move || Duration::from_millis(clock.load(Ordering::Relaxed)))),
        now_ms,
        state: State::new(),
        old: VecDeque::new(),
        clients: (0..terms.clients)
            .map(|number| Client {
                number,
                plan: Plan::new(number, seed + u64::from(number)),
                under_way: None,
            })
            .collect(),
    };
    sample.apply(&Command::Found {
        cluster_id: ClusterId::new(1),
        epoch: Epoch::new(1),
    });
    for _ in 0..terms.steps {
        sample.step();
    }
    sample.finish();
    sample.recorder.record()
}

// === impl Sample ===

impl Sample {
    fn step(&mut self) {
        self.now_ms.fetch_add(self.rng.random_range(0..3), Ordering::Relaxed);
        let index = self.rng.random_range(0..self.clients.len());
        match self.clients[index].under_way.take() {
            None => self.call(index),
            Some((ticket, Stage::Called(asked))) => {
                let is_lost = self.rng.random_range(0..100) < self.terms.lost;
                if is_lost && self.rng.random_range(0..2) == 0 {
                    return;
                }
                let (outcome, order) = self.answer(asked);
                if !is_lost {
                    self.clients[index].under_way = Some((ticket, Stage::Answered(outcome, order)));
                }
            }
            Some((ticket, Stage::Answered(outcome, order))) => {
                let client = &mut self.clients[index];
                match (&outcome, order) {
                    (Outcome::Shown(shown), _) => client.plan.learn(shown),
                    (_, Some(order)) => client.plan.note(order, &outcome),
                    (_, None) => {}
                }
                self.recorder.end(ticket, outcome);
            }
        }
    }

    fn call(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let asked = match client.plan.draw() {
            Deal::Write(Order { key, deed }) => {
                let session = self.terms.sessions.then_some(1);
                let sent = Sent { session, batch: None };
                Asked::Write(Write { key, deed, sent })
            }
            Deal::Read(about) => {
                let freshness = client.plan.draw_freshness().unwrap_or(Freshness::Stale);
                Asked::Read(Read::new(about, freshness, false))
            }
            Deal::Batch(_) | Deal::Renew => return,
        };
        let ticket = self.recorder.begin(client.number, asked);
        client.under_way = Some((ticket, Stage::Called(asked)));
    }

    /// All that is left is answered, and everything is read.
    fn finish(&mut self) {
        let services: std::collections::BTreeSet<u32> = self
            .recorder
            .record()
            .writes()
            .map(|(write, _)| write.key.service)
            .collect();
        for service in services {
            let asked = Asked::Read(Read::new(About::Instances(service), Freshness::Linearizable, true));
            let ticket = self.recorder.begin(u32::MAX, asked);
            let (outcome, _) = self.answer(asked);
            self.recorder.end(ticket, outcome);
        }
    }

    fn answer(&mut self, asked: Asked) -> (Outcome, Option<Order>) {
        match asked {
            Asked::Read(read) => (self.look(read), None),
            Asked::Write(Write { key, deed, .. }) => (self.write(key, deed), Some(Order { key, deed })),
        }
    }

    fn apply(&mut self, command: &Command) -> Applied {
        if self.old.len() == STATES_MAX {
            self.old.pop_front();
        }
        let now = self.now_ms.load(Ordering::Relaxed);
        self.old.push_back((now, self.state.clone()));
        let at = Position {
            index: LogIndex::new(self.state.applied().get() + 1),
            time: LogTime::ZERO,
            leadership: Leadership::NONE,
        };
        self.state.apply(at, command).0
    }

    fn write(&mut self, key: Key, deed: Deed) -> Outcome {
        let applied = self.apply(&Command::Mutate(mutation(key, deed)));
        if let Applied::Rejected(rejection) = applied {
            return Outcome::Refused(refusal(&rejection));
        }
        let Applied::Mutated(mutated) = applied else {
            panic!("a mutation came to {applied:?}");
        };
        if self.terms.sessions && self.rng.random_range(0..3) == 0 {
            // A repetition is answered by an entry of its own.
            self.apply(&Command::ExpireOverrides);
        }
        Outcome::Done(Done {
            header: Some(header(&self.state, None)),
            revision: None,
            effect: effect(mutated),
        })
    }

    fn look(&mut self, read: Read) -> Outcome {
        let now = self.now_ms.load(Ordering::Relaxed);
        let (over_since, state) = if read.freshness == Freshness::Stale && !self.old.is_empty() {
            let place = self.rng.random_range(0..self.old.len());
            self.old[place].clone()
        } else {
            (now, self.state.clone())
        };
        let header = header(&state, Some((now - over_since) * 21 / 20 + 1));
        let namespace = NamespaceName::default();
        let (service, wanted) = match read.about {
            About::Instance(key) => (key.service, Some(key)),
            About::Instances(service) | About::Callable(service) => (service, None),
        };
        let service = state.service(&ServiceKey {
            namespace,
            service: translate::service(service),
        });
        let all = service.iter().flat_map(|service| service.instances());
        let shown = all.map(|instance| translate::instance(&Found::undisturbed(Arc::clone(instance))));
        let is_callable = matches!(read.about, About::Callable(_));
        let instances: Vec<_> = shown
            .filter(|found| wanted.is_none_or(|key| found.key == key))
            .filter(|found| !is_callable || found.availability == Availability::Enabled)
            .collect();
        let is_missing = wanted.is_some() && instances.is_empty();
        Outcome::Shown(Shown {
            header: (!is_missing).then_some(header),
            service_known: wanted.is_none().then_some(service.is_some()),
            instances,
        })
    }
}

fn header(state: &State, staleness_ms: Option<u64>) -> Header {
    Header {
        epoch: 1,
        member: 1,
        term: 1,
        revision: state.revision().get(),
        staleness_ms,
    }
}

fn mutation(key: Key, deed: Deed) -> Mutation {
    let generation = deed.generation().map(Generation::new);
    let key = InstanceKey {
        namespace: NamespaceName::default(),
        service: translate::service(key.service),
        id: translate::id(key.id),
    };
    match deed {
        Deed::Register {
            holder,
            value,
            takeover,
        } => Mutation::Register {
            key,
            spec: translate::spec(holder, value, value),
            takeover: if takeover {
                Takeover::Allowed
            } else {
                Takeover::Forbidden
            },
            lifetime: Lifetime::Persistent,
            registered_at_ms: 0,
        },
        Deed::Update { value, .. } => Mutation::Update {
            key,
            generation,
            patch: translate::patch(value),
        },
        Deed::Deregister { .. } => Mutation::Deregister { key, generation },
        Deed::SetAvailability { availability, .. } => Mutation::SetAvailability {
            key,
            availability: availability.into(),
            drain: None,
            generation,
        },
    }
}

fn effect(mutated: Mutated) -> Effect {
    let is_changed = |effect| matches!(effect, quorate_state::Effect::Changed);
    match mutated {
        Mutated::Registered { generation, change, .. } => Effect::Registered {
            generation: generation.get(),
            change: match change {
                quorate_state::Change::Created => Change::Created,
                quorate_state::Change::Updated => Change::Updated,
                quorate_state::Change::Unchanged => Change::Unchanged,
                quorate_state::Change::Restarted | quorate_state::Change::TakenOver => Change::Replaced,
            },
        },
        Mutated::Updated { generation, effect, .. }
        | Mutated::AvailabilitySet { generation, effect, .. }
        | Mutated::CheckReported { generation, effect, .. } => Effect::Changed {
            generation: generation.get(),
            changed: is_changed(effect),
        },
        Mutated::Deregistered { existed } => Effect::Deregistered { existed },
    }
}

fn refusal(rejection: &Rejection) -> Refusal {
    if matches!(rejection, Rejection::AlreadyExists { .. }) {
        Refusal::AlreadyExists
    } else if matches!(rejection, Rejection::StaleGeneration { .. }) {
        Refusal::StaleGeneration
    } else {
        assert_eq!(*rejection, Rejection::NotFound);
        Refusal::NotFound
    }
}
