//! Clients that do all sorts of things while faults strike, and the judgement of all that they were told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quorate_client::Builder;
use quorate_model::DoorAddress;
use quorate_tests::{
    checker::{Report, check_all},
    record::Recorder,
    workload::{Worker, final_reads},
};
use tokio::{task::JoinSet, time::Instant};

use super::field::Field;

/// At a time: few, so that what they contend for can be judged.
const WITNESSES: u32 = 6;

/// Between two of the operations of each of them.
const PACE: Duration = Duration::from_millis(40);

/// Clients that come and go, and what they are told.
pub(super) struct Witnesses {
    seed: u64,
    recorder: Recorder,
    /// How many there have been.
    count: u32,
}

/// Clients at work.
pub(super) struct Shift {
    stop: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

// === impl Witnesses ===

impl Witnesses {
    /// Witnesses who have seen nothing yet.
    pub(super) fn new(seed: u64) -> Self {
        let begun = Instant::now();
        Self {
            seed,
            recorder: Recorder::new(Arc::new(move || begun.elapsed())),
            count: 0,
        }
    }

    /// Sets some of them going, through the proxies of `field` if it has any.
    pub(super) fn start(&mut self, field: &Field) -> Shift {
        let mut shift = Shift {
            stop: Arc::default(),
            workers: JoinSet::new(),
        };
        for number in self.count..self.count + WITNESSES {
            let worker = Worker {
                builder: builder(field),
                doors: doors(field),
                number,
                seed: self.seed,
                pace: PACE,
                recorder: self.recorder.clone(),
                stop: Arc::clone(&shift.stop),
            };
            shift.workers.spawn(worker.run());
        }
        self.count += WITNESSES;
        shift
    }

    /// Looks at all that they wrote, and judges what they were told. Fails the test if that cannot be true of one
    /// registry.
    pub(super) async fn judge(self, field: &Field) -> Report {
        let read = final_reads(&builder(field), &doors(field), self.seed, PACE, &self.recorder).await;
        read.expect("all members serve");
        let report = check_all(&self.recorder.record());
        assert!(report.is_well(), "{report}");
        report
    }
}

// === impl Shift ===

impl Shift {
    /// Lets each of them finish.
    pub(super) async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.workers.join_all().await;
    }
}

fn builder(field: &Field) -> Builder {
    let door = |member: &quorate_tests::Member| field.client_door(member);
    field.cluster.client_builder_through(0, door)
}

fn doors(field: &Field) -> Vec<DoorAddress> {
    let door = |address: SocketAddr| address.try_into().expect("a port that is not 0");
    field.client_doors().into_iter().map(door).collect()
}
