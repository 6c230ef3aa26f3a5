//! Writers that send every write several times, through random members, while leaders die.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use quorate_model::Availability;
use quorate_proto::registry as pb;
use quorate_tests::{Cluster, READY_WITHIN, SETTLED_WITHIN, figure, seed};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};
use tokio::task::JoinSet;

use super::{Came, definite, grant, key, left_behind, send, write, write::Write};

/// Writers at a time, each with a lease and instances of its own.
const WRITERS: u64 = 4;

/// Writes of each.
const WRITES: u64 = 150;

/// Instances of each: few, so that a write that took effect twice would undo another one.
const INSTANCES: u64 = 3;

/// Leaders that are killed meanwhile.
const KILLS: u32 = 3;

/// What an instance has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expected {
    value: u64,
    availability: Availability,
}

struct Writer {
    cluster: Arc<Cluster>,
    number: u64,
    lease_id: u64,
    rng: SmallRng,
    expected: BTreeMap<String, Expected>,
    /// All writes so far, with what came of them.
    past: Vec<(Write, Came)>,
    /// How often a write was sent in all.
    sent: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_that_is_sent_several_times_while_leaders_die_takes_effect_once() {
    let cluster = Arc::new(Cluster::start(3).await);
    let seed = seed();
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let lease_id = grant(cluster.member(1), number + 1).await.lease_id;
        let writer = Writer {
            cluster: Arc::clone(&cluster),
            number,
            lease_id,
            rng: SmallRng::seed_from_u64(seed.wrapping_add(number)),
            expected: BTreeMap::new(),
            past: Vec::new(),
            sent: 0,
        };
        writers.spawn(writer.run());
    }
    let killing = async {
        for _ in 0..KILLS {
            let leader = cluster.leader().await;
            leader.kill();
            cluster.leader().await;
            leader.start();
            leader
                .wait_until("serves", READY_WITHIN, |answer| answer.value.ready)
                .await;
        }
    };
    let ((), writers) = tokio::join!(killing, writers.join_all());
    let mut expected = BTreeMap::new();
    let mut sent = 0;
    for writer in writers {
        expected.extend(writer.expected);
        sent += writer.sent;
    }
    figure(format_args!("{} writes, sent {sent} times", WRITERS * WRITES));
    cluster.converge(SETTLED_WITHIN).await;

    let found = left_behind(&cluster).await;
    let found: BTreeMap<_, _> = found
        .iter()
        .map(|found| {
            let (value, availability) = (write::value(found), found.availability());
            (found.key().id.to_string(), Expected { value, availability })
        })
        .collect();
    assert_eq!(found, expected);
}

// === impl Writer ===

impl Writer {
    async fn run(mut self) -> Self {
        for sequence in 1..=WRITES {
            let write = self.draw(sequence);
            let came = self.until_answered(&write).await;
            for _ in 0..self.rng.random_range(0..3) {
                let again = self.until_answered(&write).await;
                assert_eq!(again, came, "{write:?}");
            }
            self.past.push((write, came));
            self.repeat_an_old_one().await;
        }
        self
    }

    /// A write of some instance, which is expected to take effect from now on.
    fn draw(&mut self, sequence: u64) -> Write {
        let key = key(self.lease_id, sequence, 1);
        let id = format!("{}-{}", self.number, self.rng.random_range(0..INSTANCES));
        let current = self.expected.get(&id).copied();
        let availability = current.map_or(Availability::Enabled, |current| current.availability);
        let value = sequence;
        match self.rng.random_range(0..5) {
            0 => {
                self.expected.remove(&id);
                Write::deregister(key, &id)
            }
            1 => {
                if current.is_some() {
                    self.expected.insert(id.clone(), Expected { value, availability });
                }
                Write::update(key, &id, value)
            }
            2 => {
                let availability = Availability::Draining;
                if let Some(current) = self.expected.get_mut(&id) {
                    current.availability = availability;
                }
                Write::set_availability(key, &id, pb::Availability::Draining)
            }
            3 => {
                // The same instance three times: what is left is the last.
                let items = [
                    Write::register(None, &id, 0),
                    Write::deregister(None, &id),
                    Write::register(None, &id, value),
                ];
                let availability = Availability::Enabled;
                self.expected.insert(id, Expected { value, availability });
                let items = items.into_iter().map(Write::into_item).collect();
                Write::Batch(pb::WriteBatchRequest { items, key })
            }
            _ => {
                self.expected.insert(id.clone(), Expected { value, availability });
                Write::register(key, &id, value)
            }
        }
    }

    /// Sends a write through random members, two at a time now and then, until one can tell what came of it.
    async fn until_answered(&mut self, write: &Write) -> Came {
        let started = tokio::time::Instant::now();
        loop {
            let cluster = Arc::clone(&self.cluster);
            let mut member = || {
                let members: Vec<_> = cluster.members().iter().collect();
                *members.choose(&mut self.rng).expect("a cluster has members")
            };
            let (one, other) = (member(), member());
            let time = Duration::from_millis(self.rng.random_range(50..1_000));
            let came = if self.rng.random_range(0..4) == 0 {
                self.sent += 2;
                let (one, other) = tokio::join!(attempt(one, write, time), attempt(other, write, time));
                if let (Ok(one), Ok(other)) = (&one, &other) {
                    assert_eq!(one, other, "{write:?}");
                }
                one.or(other)
            } else {
                self.sent += 1;
                attempt(one, write, time).await
            };
            match came {
                Ok(came) => return came,
                Err(problem) => assert!(started.elapsed() < SETTLED_WITHIN, "{write:?}: {problem}"),
            }
        }
    }

    /// A repetition that was long on its way: much has been written since.
    async fn repeat_an_old_one(&mut self) {
        let Some((write, came)) = self.past.choose(&mut self.rng).cloned() else {
            return;
        };
        let again = self.until_answered(&write).await;
        assert_eq!(again, came, "{write:?}");
    }
}

async fn attempt(member: &quorate_tests::Member, write: &Write, time: Duration) -> Result<Came, String> {
    if !member.is_started() {
        return Err("it is down".to_owned());
    }
    definite(send(member, write, time).await)
}
