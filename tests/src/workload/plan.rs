//! What a worker does next.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};

use crate::record::{About, Availability, Deed, Effect, Freshness, Holder, Key, Outcome, Shown};

/// Services that all workers write to, and as many instances in each.
const SHARED_SERVICES: u32 = 4;

/// Instances in each of them.
const SHARED_IDS: u32 = 3;

/// The number of the first service that belongs to one worker alone.
const OWN_SERVICES: u32 = 100;

/// Instances in it.
const OWN_IDS: u32 = 4;

/// Owners that contend.
const OWNERS: u32 = 3;

/// Generations that are remembered of each instance, to be used when they are over.
const GENERATIONS_MAX: usize = 6;

/// Values of one worker: more than it ever writes.
const VALUES_PER_WORKER: u64 = 10_000_000;

/// Most writes of a batch.
const BATCH_MAX: usize = 5;

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) enum Deal {
    Write(Order),
    Batch(Vec<Order>),
    Read(About),
    /// To begin anew, as a process does that is started again.
    Renew,
}

/// A write that is to be sent. In a session it is the session that says in whose name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) key: Key,
    pub(crate) deed: Deed,
}

/// Draws what a worker does, from what it knows.
#[derive(Debug)]
pub(crate) struct Plan {
    number: u32,
    rng: SmallRng,
    values: u64,
    /// The highest revision that any answer has shown.
    seen: u64,
    generations: BTreeMap<Key, Vec<u64>>,
    /// What was registered last.
    registered: BTreeMap<Key, Deed>,
}

// === impl Plan ===

impl Plan {
    pub(crate) fn new(number: u32, seed: u64) -> Self {
        Self {
            number,
            rng: SmallRng::seed_from_u64(seed),
            values: 0,
            seen: 0,
            generations: BTreeMap::new(),
            registered: BTreeMap::new(),
        }
    }

    /// The owner that its sessions are opened in the name of.
    pub(crate) const fn owner(&self) -> u32 {
        self.number % OWNERS
    }

    pub(crate) fn draw(&mut self) -> Deal {
        match self.rng.random_range(0..100) {
            0..45 => Deal::Write(self.draw_order()),
            45..57 => {
                let count = self.rng.random_range(2..=BATCH_MAX);
                Deal::Batch((0..count).map(|_| self.draw_order()).collect())
            }
            57..59 => Deal::Renew,
            _ => Deal::Read(self.draw_about()),
        }
    }

    /// How fresh an answer has to be; as fresh as what the client has seen, if nothing is said.
    pub(crate) fn draw_freshness(&mut self) -> Option<Freshness> {
        match self.rng.random_range(0..10) {
            0..4 => Some(Freshness::Linearizable),
            4..6 => Some(Freshness::Stale),
            6 => Some(Freshness::Bounded(self.rng.random_range(50..3_000))),
            7 if self.seen > 0 => Some(Freshness::AtLeast(self.seen)),
            _ => None,
        }
    }

    /// Takes note of what a write was told.
    pub(crate) fn note(&mut self, order: Order, outcome: &Outcome) {
        let Outcome::Done(done) = outcome else { return };
        let header = done.header.map(|header| header.revision);
        self.seen = self.seen.max(header.or(done.revision).unwrap_or(0));
        match done.effect {
            Effect::Registered { generation, .. } => {
                self.remember(order.key, generation);
                self.registered.insert(order.key, order.deed);
            }
            Effect::Changed { generation, .. } => self.remember(order.key, generation),
            Effect::Deregistered { .. } => {}
        }
    }

    /// Takes note of what a question was answered with.
    pub(crate) fn learn(&mut self, shown: &Shown) {
        let revision = shown.header.map_or(0, |header| header.revision);
        self.seen = self.seen.max(revision);
        for instance in &shown.instances {
            self.remember(instance.key, instance.generation);
        }
    }

    fn remember(&mut self, key: Key, generation: u64) {
        let known = self.generations.entry(key).or_default();
        if known.contains(&generation) {
            return;
        }
        if known.len() == GENERATIONS_MAX {
            known.remove(0);
        }
        known.push(generation);
    }

    fn draw_key(&mut self) -> Key {
        let (first, services, ids) = match self.rng.random_range(0..5) {
            0..3 => (0, SHARED_SERVICES, SHARED_IDS),
            _ => (OWN_SERVICES + self.number, 1, OWN_IDS),
        };
        Key {
            service: first + self.rng.random_range(0..services),
            id: self.rng.random_range(0..ids),
        }
    }

    fn draw_about(&mut self) -> About {
        let key = self.draw_key();
        match self.rng.random_range(0..4) {
            0..2 => About::Instance(key),
            2 => About::Instances(key.service),
            _ => About::Callable(key.service),
        }
    }

    fn draw_order(&mut self) -> Order {
        let key = self.draw_key();
        let deed = match self.rng.random_range(0..20) {
            0..9 => self.draw_registration(key),
            9..13 => Deed::Update {
                generation: self.draw_generation(key),
                value: self.next_value(),
            },
            13..17 => Deed::Deregister {
                generation: self.draw_generation(key),
            },
            _ => Deed::SetAvailability {
                generation: self.draw_generation(key),
                availability: *[
                    Availability::Enabled,
                    Availability::Enabled,
                    Availability::Draining,
                    Availability::Disabled,
                ]
                .choose(&mut self.rng)
                .expect("there are some"),
            },
        };
        Order { key, deed }
    }

    /// A registration: the last one once more now and then, else one with another content.
    fn draw_registration(&mut self, key: Key) -> Deed {
        if let Some(last) = self.registered.get(&key).copied()
            && self.rng.random_range(0..8) == 0
        {
            return last;
        }
        let owner = self.rng.random_range(0..=OWNERS);
        let incarnation = self.rng.random_range(0..3);
        Deed::Register {
            holder: Holder {
                owner: Some(owner).filter(|owner| *owner < OWNERS),
                incarnation: Some(incarnation).filter(|incarnation| *incarnation > 0),
            },
            value: self.next_value(),
            takeover: self.rng.random_range(0..3) == 0,
        }
    }

    /// None, the newest that is known, or one that is most likely over.
    fn draw_generation(&mut self, key: Key) -> Option<u64> {
        let known = self.generations.get(&key)?;
        match self.rng.random_range(0..10) {
            0..3 => None,
            3..7 => known.last().copied(),
            _ => known.choose(&mut self.rng).copied(),
        }
    }

    fn next_value(&mut self) -> u64 {
        self.values += 1;
        u64::from(self.number) * VALUES_PER_WORKER + self.values
    }
}
