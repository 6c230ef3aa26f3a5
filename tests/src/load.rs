//! Writers that never rest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use quorate_client::{Answer, Builder, Client, Error, Reason};
use quorate_model::InstanceKey;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Cluster, eventually,
    history::{Action, History, Operation, Outcome},
    key, parts, registration,
};

/// Instances of each writer that are written again and again.
const REUSED: u64 = 4;

/// Of so many writes on such an instance, one takes it out.
const DEREGISTER_ONE_IN: u64 = 5;

/// Writers that write to the cluster until they are stopped, each one write at a time: every other one registers an
/// instance that is never touched again, the rest change a few instances over and over.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    writers: JoinSet<Vec<Operation>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicUsize,
}

struct Writer {
    /// What its instances are named after.
    name: String,
    client: Client,
    rng: SmallRng,
    shared: Arc<Shared>,
}

// === impl Load ===

impl Load {
    /// Sets `writers` going, spread over the members of `cluster`.
    pub fn start(cluster: &Cluster, writers: usize, seed: u64) -> Self {
        Self::start_from(cluster, writers, seed, 0)
    }

    /// The same, with values from `first_value`, which is even: none that an earlier load has written.
    pub fn start_from(cluster: &Cluster, writers: usize, seed: u64, first_value: u64) -> Self {
        Self::begin(writers, seed, "", first_value, |number| cluster.client_builder(number))
    }

    /// Sets `writers` going, each with a client of its own that is built so. Those of loads of other names write to
    /// other instances.
    pub fn start_with(writers: usize, seed: u64, name: &str, builder: impl Fn(usize) -> Builder) -> Self {
        Self::begin(writers, seed, name, 0, builder)
    }

    fn begin(writers: usize, seed: u64, name: &str, first_value: u64, builder: impl Fn(usize) -> Builder) -> Self {
        let mut load = Self {
            shared: Arc::default(),
            writers: JoinSet::new(),
        };
        for number in 0..writers {
            let seed = seed.wrapping_add(number as u64);
            let client = builder(number).seed(seed).build();
            let writer = Writer {
                name: format!("{name}{number}"),
                client: client.expect("a cluster with members"),
                rng: SmallRng::seed_from_u64(seed),
                shared: Arc::clone(&load.shared),
            };
            load.writers.spawn(writer.run(first_value));
        }
        load
    }

    /// How many writes have been acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until `count` more writes are acknowledged.
    pub async fn acknowledges(&self, count: usize, within: Duration) {
        let acknowledged = || self.acknowledged();
        let wanted = acknowledged() + count;
        let what = format!("{count} writes are acknowledged");
        eventually(within, &what, async || {
            let now = acknowledged();
            crate::ensure(now >= wanted, format!("{now} of {wanted}"))
        })
        .await;
    }

    /// Lets each writer finish its write, and returns what they did.
    pub async fn stop(self) -> History {
        self.shared.stop.store(true, Ordering::Relaxed);
        let operations = self.writers.join_all().await;
        History::from(operations.concat())
    }
}

// === impl Writer ===

impl Writer {
    async fn run(mut self, first_value: u64) -> Vec<Operation> {
        let mut operations = Vec::new();
        for value in first_value.. {
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            let (key, action) = self.draw(value);
            let operation = self.carry_out(key, action).await;
            if operation.is_acknowledged() {
                self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            operations.push(operation);
        }
        operations
    }

    fn draw(&mut self, value: u64) -> (InstanceKey, Action) {
        let name = &self.name;
        if value.is_multiple_of(2) {
            return (
                key(&format!("fresh-{name}"), &value.to_string()),
                Action::Register(value),
            );
        }
        let reused = self.rng.random_range(0..REUSED).to_string();
        let action = if self.rng.random_range(0..DEREGISTER_ONE_IN) == 0 {
            Action::Deregister
        } else {
            Action::Register(value)
        };
        (key(&format!("reused-{name}"), &reused), action)
    }

    async fn carry_out(&self, key: InstanceKey, action: Action) -> Operation {
        let started = Instant::now();
        let outcome = match action {
            Action::Register(value) => {
                let mut parts = parts(80);
                parts.metadata = History::metadata(value);
                outcome(self.client.register(&key.service, &key.id, registration(parts)).await)
            }
            Action::Deregister => outcome(self.client.deregister(&key.service, &key.id, None).await),
        };
        Operation {
            key,
            action,
            started,
            ended: Instant::now(),
            outcome,
        }
    }
}

fn outcome<T>(answer: Result<Answer<T>, Error>) -> Outcome {
    match answer {
        Ok(answer) => Outcome::Acknowledged(answer.header.revision),
        Err(Error::Unavailable { .. }) => Outcome::NotDone,
        // A fault says nothing of how far the write came.
        Err(
            Error::OutcomeUnknown { .. }
            | Error::Refused {
                reason: Reason::Internal,
                ..
            },
        ) => Outcome::Unknown,
        Err(error) => panic!("a plain write is refused: {error}"),
    }
}
