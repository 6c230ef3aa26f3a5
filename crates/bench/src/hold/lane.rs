//! The leases that are renewed at one server, by plan: each every third of its time to live, spread over that time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use quorate_model::{LeaseTtl, limits::LEASES_PER_FRAME_MAX};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use crate::{
    latencies::Latencies,
    peers::{Answered, Renewing, Target},
};

/// How far the frames are apart: few enough to be full, and enough to spread the load.
const TICK: Duration = Duration::from_millis(50);

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// There are more leases all the time.
    Granting,
    /// It counts.
    Measuring,
    /// It counts no more, and goes on until it is known what came of it.
    Draining,
    /// It ends.
    Over,
}

/// What came of the renewals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Renewals that found their lease lapsed or gone, whenever that was.
    pub(super) lapsed: u64,
    /// Renewals that counted and were answered too late, or not at all.
    pub(super) late: u64,
    /// How long those took that counted.
    pub(super) latencies: Latencies,
}

/// Renews leases at one server, or at another one while that one does not answer.
pub(super) struct Lane<T> {
    target: Arc<T>,
    door: usize,
    granted: mpsc::UnboundedReceiver<u64>,
    phase: watch::Receiver<Phase>,
    /// What is renewed together: with each tick the next ones.
    slots: Vec<Vec<u64>>,
    /// The slot that gets the next lease.
    filling: usize,
    ticks: u64,
    began: Instant,
    /// How long an answer may take.
    patience: Duration,
    renewing: Option<Renewing>,
    /// What is not answered, by the numbers of the frames.
    under_way: BTreeMap<u64, UnderWay>,
    last_frame: u64,
    tally: Tally,
}

/// A frame that is not answered.
struct UnderWay {
    slot: usize,
    /// Which part of the slot it is.
    part: usize,
    /// When it was to be sent, by plan.
    planned: Instant,
    /// When it was sent, or sent again.
    sent: Instant,
    left: u64,
    counts: bool,
    is_late: bool,
}

// === impl Tally ===

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.lapsed += other.lapsed;
        self.late += other.late;
        self.latencies.add(&other.latencies);
    }
}

// === impl Lane ===

impl<T: Target> Lane<T> {
    /// A lane that renews what comes through the sender.
    pub(super) fn new(
        target: Arc<T>,
        door: usize,
        ttl: LeaseTtl,
        phase: watch::Receiver<Phase>,
    ) -> (Self, mpsc::UnboundedSender<u64>) {
        let (inbox, granted) = mpsc::unbounded_channel();
        let ttl = Duration::from(ttl);
        let slots = (ttl / 3).as_millis() / TICK.as_millis();
        let lane = Self {
            target,
            door,
            granted,
            phase,
            slots: vec![Vec::new(); usize::try_from(slots).expect("a day has not so many").max(1)],
            filling: 0,
            ticks: 0,
            began: Instant::now(),
            patience: ttl / 6,
            renewing: None,
            under_way: BTreeMap::new(),
            last_frame: 0,
            tally: Tally::default(),
        };
        (lane, inbox)
    }

    /// Renews until all is over.
    pub(super) async fn run(mut self) -> Tally {
        self.began = Instant::now();
        let mut is_granting = true;
        loop {
            let next = self.began + TICK * u32::try_from(self.ticks).expect("nobody holds leases for years");
            tokio::select! {
                () = over(&mut self.phase) => break,
                answered = hear(self.renewing.as_mut()) => match answered {
                    Some(answered) => self.answered(answered),
                    None => self.leave(),
                },
                lease = self.granted.recv(), if is_granting => match lease {
                    Some(lease) => self.take(lease),
                    None => is_granting = false,
                },
                () = sleep_until(next) => self.tick(next),
            }
        }
        let owed = self.under_way.values().filter(|frame| frame.counts && !frame.is_late);
        self.tally.late += owed.map(|frame| frame.left).sum::<u64>();
        self.tally
    }

    fn take(&mut self, lease: u64) {
        self.slots[self.filling].push(lease);
        self.filling = (self.filling + 1) % self.slots.len();
    }

    fn tick(&mut self, planned: Instant) {
        let slot = usize::try_from(self.ticks).unwrap_or(usize::MAX) % self.slots.len();
        self.ticks += 1;
        self.find_late();
        self.reach();
        let counts = *self.phase.borrow() == Phase::Measuring;
        for part in 0..self.slots[slot].len().div_ceil(LEASES_PER_FRAME_MAX) {
            self.last_frame += 1;
            let leases = self.leases(slot, part);
            let frame = UnderWay {
                slot,
                part,
                planned,
                sent: Instant::now(),
                left: leases.len() as u64,
                counts,
                is_late: false,
            };
            self.under_way.insert(self.last_frame, frame);
            self.send(self.last_frame, leases);
        }
    }

    fn leases(&self, slot: usize, part: usize) -> Vec<u64> {
        let mut parts = self.slots[slot].chunks(LEASES_PER_FRAME_MAX);
        parts.nth(part).unwrap_or_default().to_vec()
    }

    /// Counts what should have been answered by now, and leaves the server that owes it.
    fn find_late(&mut self) {
        let now = Instant::now();
        let mut owes = false;
        for frame in self.under_way.values_mut() {
            if !frame.is_late && now.duration_since(frame.planned) > self.patience {
                frame.is_late = true;
                self.tally.late += if frame.counts { frame.left } else { 0 };
            }
            owes |= now.duration_since(frame.sent) > self.patience;
        }
        if owes {
            self.leave();
        }
    }

    /// Sees to it that there is a server, and sends it what the one before has not answered.
    fn reach(&mut self) {
        if self.renewing.is_some() {
            return;
        }
        self.renewing = Some(self.target.renew(self.door));
        let frames: Vec<u64> = self.under_way.keys().copied().collect();
        for number in frames {
            let Some(frame) = self.under_way.get(&number) else {
                continue;
            };
            let leases = self.leases(frame.slot, frame.part);
            if let Some(frame) = self.under_way.get_mut(&number) {
                (frame.sent, frame.left) = (Instant::now(), leases.len() as u64);
            }
            self.send(number, leases);
        }
    }

    /// Leaves a server that does not answer for the next one.
    fn leave(&mut self) {
        self.renewing = None;
        self.door = (self.door + 1) % self.target.doors();
    }

    fn send(&mut self, frame: u64, leases: Vec<u64>) {
        if let Some(renewing) = &self.renewing {
            // If nobody takes it any more, the answers end as well.
            let _unheard = renewing.frames.send((frame, leases));
        }
    }

    fn answered(&mut self, answered: Answered) {
        let Answered { frame, renewed, lapsed } = answered;
        self.tally.lapsed += lapsed;
        let Some(sent) = self.under_way.get_mut(&frame) else {
            return;
        };
        let time = sent.planned.elapsed();
        if sent.counts {
            self.tally.latencies.record(time, renewed);
            if !sent.is_late && time > self.patience {
                self.tally.late += renewed;
            }
        }
        sent.left = sent.left.saturating_sub(renewed + lapsed);
        if sent.left == 0 {
            self.under_way.remove(&frame);
        }
    }
}

async fn over(phase: &mut watch::Receiver<Phase>) {
    // Whoever says that it is over has ended as well: then it is.
    let _said = phase.wait_for(|phase| *phase == Phase::Over).await;
}

async fn hear(renewing: Option<&mut Renewing>) -> Option<Answered> {
    match renewing {
        Some(renewing) => renewing.answers.recv().await,
        None => std::future::pending().await,
    }
}
