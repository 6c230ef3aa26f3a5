//! Workers that hold a session each, and look at everything that they do.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use quorate_client::{Builder, Client, Error, Reason, Session, SessionOptions};
use quorate_model::{Filter, InstanceKey, InstancePatch, MetadataKey, Revision};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{task::JoinSet, time::Instant};

use crate::{Cluster, History, eventually, key, parts, registration, service};

/// Instances of each worker: few, so that each of them is written often.
const INSTANCES: u64 = 4;

/// How long a request may take: longer than an election takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(15);

/// Problems that are kept: the first ones say what is wrong.
const PROBLEMS_MAX: usize = 20;

/// Workers that register, update, take out, read and resolve instances of their own until they are stopped, each
/// one request at a time, and check what they find after each write and again before the next.
///
/// A write that was lost is not found; one that took effect twice has changed the revision of what it wrote in
/// between, or has brought back what a later write had replaced.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// What workers have done and seen.
#[derive(Debug, Default)]
pub struct Report {
    /// Writes that were acknowledged.
    pub writes: usize,
    /// Reads that were answered.
    pub reads: usize,
    /// When each of the writes was acknowledged.
    pub acknowledged: Vec<Instant>,
    /// Requests that failed, and answers that cannot be: the first of them.
    pub problems: Vec<String>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    writes: AtomicUsize,
    report: Mutex<Report>,
}

struct Worker {
    number: usize,
    client: Client,
    session: Session,
    rng: SmallRng,
    expected: BTreeMap<InstanceKey, Option<Written>>,
    shared: Arc<Shared>,
}

/// What an instance has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    value: u64,
    /// Known once it was read.
    modified: Option<Revision>,
}

// === impl Workers ===

impl Workers {
    /// Sets `count` of them going, spread over the members of `cluster`.
    pub async fn start(cluster: &Cluster, count: usize, seed: u64) -> Self {
        Self::start_with(count, seed, |number| cluster.client_builder(number)).await
    }

    /// The same, each of them with a client of its own that is built so.
    pub async fn start_with(count: usize, seed: u64, builder: impl Fn(usize) -> Builder) -> Self {
        let mut workers = Self {
            shared: Arc::default(),
            tasks: JoinSet::new(),
        };
        for number in 0..count {
            let seed = seed.wrapping_add(number as u64);
            let builder = builder(number).seed(seed).deadline(DEADLINE);
            let client = builder.build().expect("a cluster with members");
            let session = client.open_session(SessionOptions::default()).await;
            let worker = Worker {
                number,
                client,
                session: session.expect("a session is opened"),
                rng: SmallRng::seed_from_u64(seed),
                expected: BTreeMap::new(),
                shared: Arc::clone(&workers.shared),
            };
            workers.tasks.spawn(worker.run());
        }
        workers
    }

    /// Waits until `count` more writes are acknowledged.
    pub async fn acknowledge(&self, count: usize, within: Duration) {
        let acknowledged = || self.shared.writes.load(Ordering::Relaxed);
        let wanted = acknowledged() + count;
        let what = format!("{count} writes are acknowledged");
        eventually(within, &what, async || {
            let now = acknowledged();
            crate::ensure(now >= wanted, format!("{now} of {wanted}"))
        })
        .await;
    }

    /// Lets each worker finish, looks at all that they wrote once more, and tells what they saw.
    pub async fn stop(self) -> Report {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        let mut report = self.shared.report.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *report)
    }
}

// === impl Report ===

impl Report {
    /// Longest time in which no write was acknowledged, beginning with the last one before `since`.
    pub fn longest_pause(&self, since: Instant) -> Duration {
        let mut ends = self.acknowledged.clone();
        ends.sort();
        let first = ends.partition_point(|end| *end < since).saturating_sub(1);
        let pauses = ends[first..].windows(2).map(|pair| pair[1] - pair[0]);
        pauses.max().expect("writes were acknowledged")
    }

    /// The same, of what was acknowledged until `until` or was the first thing after it.
    pub fn longest_pause_between(&self, since: Instant, until: Instant) -> Duration {
        let mut ends = self.acknowledged.clone();
        ends.sort();
        let first = ends.partition_point(|end| *end < since).saturating_sub(1);
        let last = (ends.partition_point(|end| *end < until) + 1).min(ends.len());
        let pauses = ends[first..last].windows(2).map(|pair| pair[1] - pair[0]);
        pauses.max().unwrap_or_default()
    }
}

// === impl Shared ===

impl Shared {
    fn note(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn problem(&self, problem: String) {
        self.note(|report| {
            if report.problems.len() < PROBLEMS_MAX {
                report.problems.push(problem);
            }
        });
    }
}

// === impl Worker ===

impl Worker {
    async fn run(mut self) {
        for value in 1.. {
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            let instance = self.rng.random_range(0..INSTANCES);
            let key = key(&format!("worker-{}", self.number), &instance.to_string());
            self.look(&key).await;
            if let Err(error) = self.write(&key, value).await {
                self.shared.problem(format!("{key}: write {value} failed: {error}"));
                // Whatever it left behind, the next look must not take for a fault of another write.
                self.expected.remove(&key);
            }
            self.look(&key).await;
            self.resolve().await;
        }
        for key in self.expected.keys().cloned().collect::<Vec<_>>() {
            self.look(&key).await;
        }
        if let Err(error) = self.session.close().await {
            self.shared.problem(format!("the session was not closed: {error}"));
        }
    }

    /// Changes the instance in one of the ways that it can be changed in.
    async fn write(&mut self, key: &InstanceKey, value: u64) -> Result<(), Error> {
        let (service, id) = (&key.service, &key.id);
        let exists = self.expected.get(key).is_some_and(Option::is_some);
        let metadata = History::metadata(value);
        let draw = self.rng.random_range(0..4);
        let left = if exists && draw == 0 {
            self.session.deregister(service, id, None).await?;
            None
        } else if exists && draw == 1 {
            let patch = InstancePatch {
                metadata: Some(metadata),
                ..InstancePatch::default()
            };
            self.session.update(service, id, None, patch).await?;
            Some(value)
        } else {
            let mut parts = parts(80);
            parts.metadata = metadata;
            self.session.register(service, id, registration(parts)).await?;
            Some(value)
        };
        let left = left.map(|value| Written { value, modified: None });
        self.expected.insert(key.clone(), left);
        self.shared.writes.fetch_add(1, Ordering::Relaxed);
        self.shared.note(|report| {
            report.writes += 1;
            report.acknowledged.push(Instant::now());
        });
        Ok(())
    }

    /// Reads the instance and compares it with what was written last.
    async fn look(&mut self, key: &InstanceKey) {
        let Some(expected) = self.expected.get_mut(key) else {
            return;
        };
        let found = match self.client.get_instance(&key.service, &key.id).await {
            Ok(answer) => Some(answer.value.instance),
            Err(Error::Refused {
                reason: Reason::NotFound,
                ..
            }) => None,
            Err(error) => {
                self.shared.problem(format!("{key}: a read failed: {error}"));
                return;
            }
        };
        self.shared.note(|report| report.reads += 1);
        let value_key = MetadataKey::try_from("value").expect("a valid key");
        let found = found.map(|instance| Written {
            value: instance
                .spec()
                .metadata()
                .get(&value_key)
                .map_or(0, |value| value.as_str().parse().expect("the value is a number")),
            modified: Some(instance.modify_revision()),
        });
        let same = match (*expected, found) {
            (None, None) => true,
            (Some(wanted), Some(found)) => {
                wanted.value == found.value && wanted.modified.is_none_or(|modified| Some(modified) == found.modified)
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        if same {
            *expected = found;
        } else {
            self.shared
                .problem(format!("{key}: expected {expected:?}, found {found:?}"));
        }
    }

    /// Resolves its service: exactly the instances that are registered now.
    async fn resolve(&self) {
        let service = service(&format!("worker-{}", self.number));
        match self.client.resolve(&service, Filter::default()).await {
            Ok(answer) => {
                self.shared.note(|report| report.reads += 1);
                let found = answer.value.instances.len();
                let wanted = self.expected.values().flatten().count();
                if found != wanted {
                    self.shared
                        .problem(format!("{service}: resolved {found} instances of {wanted}"));
                }
            }
            Err(error) => self.shared.problem(format!("{service}: a resolve failed: {error}")),
        }
    }
}
