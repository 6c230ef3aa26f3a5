//! The load under which a cluster is judged: clients that do all sorts of things at random, and take down all that
//! they ask for and are told.
//!
//! Each [`Worker`] is one client, which asks one thing at a time. Some write in sessions, the others without. All of
//! them contend for a few instances, and each has some of its own. Whatever is random comes from a seed, and time from
//! the clock of the [`Recorder`], so that a simulated run repeats.

mod asking;
pub(crate) mod plan;
pub(crate) mod translate;
mod writer;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quorate_client::Builder;
use quorate_model::DoorAddress;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::record::{About, Freshness, Read, Recorder};
use asking::Seat;
use plan::{Deal, Plan};
use writer::Writer;

/// How often a final read is asked again that was not answered.
const FINAL_TRIES_MAX: usize = 50;

/// The number that final reads are recorded under.
pub const FINAL_CLIENT: u32 = u32::MAX;

/// One client of the load.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Builds its clients: with endpoints, connector, and whatever else is the same for all of them. Seed and deadline
    /// are set by the worker.
    pub builder: Builder,
    /// The client doors of all members, so that each of them can be asked by itself.
    pub doors: Vec<DoorAddress>,
    /// Which client of the record it is. Those with an odd number write in sessions.
    pub number: u32,
    /// What its choices follow from, together with the number.
    pub seed: u64,
    /// How long it rests between two operations, on average.
    pub pace: Duration,
    /// What it is taken down by.
    pub recorder: Recorder,
    /// Set when it is to come to an end.
    pub stop: Arc<AtomicBool>,
}

/// A worker at work.
struct Shift {
    worker: Worker,
    rng: SmallRng,
    plan: Plan,
    writer: Writer,
    /// Asks whichever member it likes.
    free: Seat,
    /// Asks one member each.
    pinned: Vec<Seat>,
}

// === impl Worker ===

impl Worker {
    /// Works until it is stopped.
    pub async fn run(self) {
        let mut shift = Shift::begin(self);
        while !shift.worker.stop.load(Ordering::Relaxed) {
            shift.rest().await;
            shift.work().await;
        }
        shift.writer.close().await;
    }
}

// === impl Shift ===

impl Shift {
    fn begin(worker: Worker) -> Self {
        let seed = worker.seed ^ u64::from(worker.number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut rng = SmallRng::seed_from_u64(seed);
        // Short enough that an answer comes too late now and then.
        let deadline = Duration::from_millis(rng.random_range(1_000..=2_000));
        let builder = worker.builder.clone().deadline(deadline);
        let free = Seat::new(builder.clone().seed(rng.random()));
        let pinned = pinned(&builder, &worker.doors, &mut rng);
        let plan = Plan::new(worker.number, rng.random());
        let client = free.client().clone();
        let writer = if worker.number % 2 == 1 {
            Writer::in_sessions(client, plan.owner())
        } else {
            Writer::bare(client)
        };
        Self {
            worker,
            rng,
            plan,
            writer,
            free,
            pinned,
        }
    }

    async fn rest(&mut self) {
        let most = u64::try_from(self.worker.pace.as_micros()).unwrap_or(u64::MAX / 2) * 2;
        let pause = Duration::from_micros(self.rng.random_range(0..=most));
        tokio::time::sleep(pause).await;
    }

    async fn work(&mut self) {
        let (number, recorder) = (self.worker.number, &self.worker.recorder);
        match self.plan.draw() {
            Deal::Read(about) => self.ask(about, None).await,
            Deal::Write(write) => {
                self.writer.write(number, recorder, &mut self.plan, write).await;
                // What a write has left behind shows best at once.
                if self.rng.random_range(0..3) == 0 {
                    self.ask(About::Instance(write.key), Some(Freshness::Linearizable))
                        .await;
                }
            }
            Deal::Batch(writes) => self.writer.write_batch(number, recorder, &mut self.plan, writes).await,
            Deal::Renew => self.writer.close().await,
        }
    }

    /// Asks some member, with some freshness unless it is given.
    async fn ask(&mut self, about: About, freshness: Option<Freshness>) {
        let count = self.pinned.len();
        let choice = self.rng.random_range(0..=2 * count);
        let seat = self.pinned.get_mut(choice).unwrap_or(&mut self.free);
        let freshness = freshness.or_else(|| self.plan.draw_freshness());
        let asked = seat.ask(&self.worker.recorder, self.worker.number, about, freshness, false);
        if let Some(shown) = asked.await {
            self.plan.learn(&shown);
        }
    }
}

/// A client of each member, which asks nobody else.
fn pinned(builder: &Builder, doors: &[DoorAddress], rng: &mut SmallRng) -> Vec<Seat> {
    let seats = doors.iter().map(|door| {
        let builder = builder.clone().endpoints([door.clone()]).discover(false);
        Seat::new(builder.seed(rng.random()))
    });
    seats.collect()
}

/// Reads everything that was ever written to, of every member, when all has settled: what the verdict on acknowledged
/// writes rests on.
///
/// # Errors
///
/// What was asked for and never answered.
pub async fn final_reads(
    builder: &Builder,
    doors: &[DoorAddress],
    seed: u64,
    pace: Duration,
    recorder: &Recorder,
) -> Result<(), String> {
    let services: BTreeSet<u32> = recorder.record().writes().map(|(write, _)| write.key.service).collect();
    let mut rng = SmallRng::seed_from_u64(seed);
    for (place, mut seat) in pinned(builder, doors, &mut rng).into_iter().enumerate() {
        for service in &services {
            for about in [About::Instances(*service), About::Callable(*service)] {
                if !ask_at_last(&mut seat, recorder, about, pace).await {
                    return Err(format!("{about:?} was not answered by member {place} of {doors:?}"));
                }
            }
        }
    }
    Ok(())
}

async fn ask_at_last(seat: &mut Seat, recorder: &Recorder, about: About, pace: Duration) -> bool {
    for _ in 0..FINAL_TRIES_MAX {
        let freshness = Some(Freshness::Linearizable);
        let asked = seat.ask(recorder, FINAL_CLIENT, about, freshness, true);
        if asked.await.is_some() {
            return true;
        }
        tokio::time::sleep(pace).await;
    }
    false
}

impl Read {
    /// A question as it is taken down.
    pub(crate) const fn new(about: About, freshness: Freshness, is_final: bool) -> Self {
        Self {
            about,
            freshness,
            is_final,
        }
    }
}
