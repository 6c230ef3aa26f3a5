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

/// Few, so that what they contend for can be judged.
const WITNESSES: u32 = 6;

/// Between two of the operations of each of them.
const PACE: Duration = Duration::from_millis(40);

/// Clients at work.
pub(super) struct Witnesses {
    seed: u64,
    recorder: Recorder,
    stop: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

// === impl Witnesses ===

impl Witnesses {
    /// Sets them going, through the proxies of `field` if it has any.
    pub(super) fn start(field: &Field, seed: u64) -> Self {
        let begun = Instant::now();
        let mut witnesses = Self {
            seed,
            recorder: Recorder::new(Arc::new(move || begun.elapsed())),
            stop: Arc::default(),
            workers: JoinSet::new(),
        };
        for number in 0..WITNESSES {
            let worker = Worker {
                builder: builder(field),
                doors: doors(field),
                number,
                seed,
                pace: PACE,
                recorder: witnesses.recorder.clone(),
                stop: Arc::clone(&witnesses.stop),
            };
            witnesses.workers.spawn(worker.run());
        }
        witnesses
    }

    /// Lets them finish, looks at all that they wrote, and judges what they were told. Fails the test if that cannot
    /// be true of one registry.
    pub(super) async fn judge(self, field: &Field) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.workers.join_all().await;
        let read = final_reads(&builder(field), &doors(field), self.seed, PACE, &self.recorder).await;
        read.expect("all members serve");
        let report = check_all(&self.recorder.record());
        assert!(report.is_well(), "{report}");
        report
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
