//! The lessor: keeps leases alive that are renewed, and lets those lapse that are not.
//!
//! Renewals never enter the log. Whoever takes one from a client sends it to the leader, together with others; the leader
//! notes it, tells all members, and answers when a majority of the voters has noted it too. So any majority knows of every
//! renewal that was answered, and a new leader lets nothing lapse before it has asked one. See docs/adr/0012.
//!
//! # Invariants
//! - No lease lapses within its TTL after a renewal was sent that was answered.
//! - A lapse is proposed by a leader that knows all that was answered by those before, and that a quorum has confirmed
//!   after it was found; it takes effect in that leadership only.
//! - Who renews a lease whose lapse is under way is answered when its fate is known.

mod collector;
mod lapses;
mod lease_clock;
mod promotion;
mod replicator;
mod table;
mod wheel;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use quorate_consensus::{Consensus, Known, Renewals, RenewalsFailed, Replicated, Replication};
#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};
use quorate_model::{Clock, Leadership, LeaseId, Renewal, Revision};
use quorate_state::{Command, HeldLease, State};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};

use crate::{Error, Policy, Tasks, deadline::Deadline, read::Reader};
use collector::Collector;
use table::{Sorted, Table};

pub use table::Vitality;

/// Leases that are looked at in one go, before others have their turn.
const STRIDE: usize = 4_096;

/// How long a revival may take in the log.
const REVIVE_MAX: Duration = Duration::from_secs(2);

/// How this member keeps leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseStatus {
    /// Leases, as this member has applied them.
    pub leases: usize,
    /// Those that have lapsed.
    pub lapsed: usize,
    /// Whether this member would let leases lapse now.
    pub armed: bool,
    /// Whether it knows of all renewals that it has ever confirmed to a leader.
    pub complete: bool,
    /// Renewals that came in through this member.
    pub renewals: u64,
    /// Time that has not counted for leases here.
    pub uncounted: Duration,
    /// Times that this member, as a new leader, had to give every lease its full TTL.
    pub resets: u64,
}

/// The lessor of this member. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lessor {
    shared: Arc<Shared>,
    collector: Collector,
}

#[derive(Debug)]
struct Shared {
    consensus: Consensus,
    reader: Reader<Consensus>,
    clock: Arc<dyn Clock>,
    /// Held for at most some thousand look-ups, never across an await.
    table: Mutex<Table>,
    /// The state up to which the table follows the leases. Held until it does.
    followed: tokio::sync::Mutex<Arc<State>>,
    /// What a majority has noted, and in whose leadership.
    noted: watch::Sender<(Leadership, u64)>,
    /// Tells that something is renewed that others are to be told.
    updates: watch::Sender<()>,
    /// The leadership of this member in which it knows all renewals that were answered before.
    is_complete: watch::Sender<Option<Leadership>>,
    /// Counts the times that the fate of lapses became known.
    settled: watch::Sender<u64>,
    is_armed: watch::Sender<bool>,
    renewals: AtomicU64,
    resets: AtomicU64,
}

// === impl Lessor ===

impl Lessor {
    /// A lessor, with the tasks that keep its time, collect renewals, and do what a leader has to. They belong on the
    /// runtime of raft, where no flood of clients delays them.
    pub(crate) fn start(consensus: Consensus, reader: Reader<Consensus>, clock: Arc<dyn Clock>, tasks: &Tasks) -> Self {
        let shared = Arc::new(Shared {
            table: Mutex::new(Table::new(clock.now())),
            followed: tokio::sync::Mutex::default(),
            noted: watch::Sender::new((Leadership::NONE, 0)),
            updates: watch::Sender::default(),
            is_complete: watch::Sender::default(),
            settled: watch::Sender::default(),
            is_armed: watch::Sender::default(),
            renewals: AtomicU64::default(),
            resets: AtomicU64::default(),
            consensus,
            reader,
            clock,
        });
        let collector = collector::start(Arc::clone(&shared), tasks);
        let lessor = Self { shared, collector };
        tasks.spawn("lease-clock", Policy::Essential, keep_time(Arc::clone(&lessor.shared)));
        tasks.spawn("lessor", Policy::Essential, lead(lessor.clone()));
        lessor
    }

    /// Renews leases, wherever the leader is, and answers what came of each, in the order of their ids.
    pub(crate) async fn renew(
        &self,
        leases: Vec<LeaseId>,
        deadline: &Deadline,
    ) -> Result<Vec<(LeaseId, Renewal)>, Error> {
        self.shared.renewals.fetch_add(leases.len() as u64, Ordering::Relaxed);
        let came_at = self.shared.clock.now();
        deadline.wait_for(self.collector.renew(leases, came_at)).await?
    }

    /// What this member knows of a lease that lives.
    pub(crate) fn vitality(&self, id: LeaseId) -> Option<Vitality> {
        let now = self.shared.clock.now();
        self.shared.table().vitality(id, now)
    }

    /// How this member keeps leases.
    pub(crate) fn status(&self) -> LeaseStatus {
        let view = self.shared.consensus.view();
        let table = self.shared.table();
        LeaseStatus {
            leases: view.lease_count(),
            lapsed: view.lapsed_lease_count(),
            armed: *self.shared.is_armed.borrow(),
            complete: table.is_complete(),
            renewals: self.shared.renewals.load(Ordering::Relaxed),
            uncounted: table.uncounted(),
            resets: self.shared.resets.load(Ordering::Relaxed),
        }
    }

    /// What other members are answered.
    pub(crate) fn for_members(&self) -> Arc<dyn Renewals> {
        Arc::new(self.clone())
    }
}

impl Renewals for Lessor {
    fn renew(
        &self,
        leases: Vec<LeaseId>,
        age: Duration,
        time_left: Duration,
    ) -> BoxFuture<'static, Result<Vec<Renewal>, RenewalsFailed>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.renew_here(leases, age, time_left).await })
    }

    fn replicate(&self, told: Replication) -> Replicated {
        let now = self.shared.clock.now();
        self.shared.table().accept(&told, now)
    }

    fn pull(&self, by: Leadership) -> BoxFuture<'static, Result<Known, Leadership>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.pulled(by).await })
    }
}

// === impl Shared ===

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the table follow the leases up to what is applied.
    async fn follow(&self) {
        let mut followed = self.followed.lock().await;
        let view = self.consensus.view();
        if followed.applied() >= view.applied() {
            return;
        }
        let before = Arc::clone(&followed);
        // Found as they are followed: after a snapshot everything may have changed.
        let changes = view.lease_changes(&before);
        let mut changes = changes.filter_map(|(old, new)| old.or(new).map(|any| (any.lease().id, new)));
        loop {
            let stride: Vec<_> = changes.by_ref().take(STRIDE).collect();
            if stride.is_empty() {
                break;
            }
            self.follow_stride(&stride);
            tokio::task::yield_now().await;
        }
        self.table().followed(view.revision());
        drop(changes);
        // Only now: whoever gives up before leaves it to the next one.
        *followed = view;
    }

    fn follow_stride(&self, changes: &[(LeaseId, Option<&HeldLease>)]) {
        let now = self.clock.now();
        let mut table = self.table();
        for (id, held) in changes {
            table.follow(*id, *held, now);
        }
    }

    /// Renews leases, which ascend, as the leader.
    async fn renew_here(
        &self,
        leases: Vec<LeaseId>,
        age: Duration,
        time_left: Duration,
    ) -> Result<Vec<Renewal>, RenewalsFailed> {
        let until = Instant::now() + time_left;
        let Some(tenure) = self.consensus.tenure() else {
            let leader = self
                .consensus
                .leader()
                .filter(|leader| *leader != self.consensus.identity().member_id);
            return Err(RenewalsFailed::NotLeader(leader));
        };
        let arrived = self.clock.now().saturating_sub(age);
        let mut settled = self.settled.subscribe();
        let mut answers = vec![Renewal::Live; leases.len()];
        let mut open = leases.clone();
        let mut is_confirmed = false;
        loop {
            settled.borrow_and_update();
            let sorted = self.sort(&open, arrived);
            self.wait_noted(tenure, &sorted, until).await?;
            if !sorted.unknown.is_empty() && is_confirmed {
                mark(&leases, &sorted.unknown, Renewal::Unknown, &mut answers);
            }
            open = sorted.proposed;
            if !sorted.lapsed.is_empty() {
                let revived: Vec<LeaseId> = sorted.lapsed.iter().map(|(id, _)| *id).collect();
                self.revive(tenure, &sorted.lapsed, until).await?;
                mark(&leases, &revived, Renewal::Revived, &mut answers);
                open.extend(revived);
            }
            if !sorted.unknown.is_empty() && !is_confirmed {
                self.confirm(until).await?;
                is_confirmed = true;
                open.extend(sorted.unknown);
                open.sort_unstable();
                continue;
            }
            if open.is_empty() {
                return Ok(answers);
            }
            open.sort_unstable();
            let waits = !sorted.lapsed.is_empty() || timeout_at(until, settled.changed()).await.is_ok();
            if !waits || self.consensus.tenure() != Some(tenure) {
                return Err(too_late());
            }
        }
    }

    fn sort(&self, leases: &[LeaseId], arrived: Duration) -> Sorted {
        let mut all = Sorted::default();
        for stride in leases.chunks(STRIDE) {
            let now = self.clock.now();
            let mut table = self.table();
            // Not older than what the table follows.
            let view = self.consensus.view();
            all.join(table.renew(&view, stride, now.saturating_sub(arrived), now));
        }
        self.updated();
        all
    }

    /// Waits until a majority has noted what is renewed.
    async fn wait_noted(&self, tenure: Leadership, sorted: &Sorted, until: Instant) -> Result<(), RenewalsFailed> {
        #[cfg(quorate_planted)]
        if planted::is(Planted::RenewalBeforeMajority) {
            return Ok(());
        }
        if sorted.live.is_empty() {
            return Ok(());
        }
        let mut noted = self.noted.subscribe();
        let reached = noted.wait_for(|(leadership, mark)| *leadership != tenure || *mark >= sorted.mark);
        match timeout_at(until, reached).await {
            Ok(Ok(noted)) if noted.0 == tenure => Ok(()),
            Ok(_) | Err(_) => Err(too_late()),
        }
    }

    /// Waits until a quorum has confirmed this leader, and all is applied that was there then.
    async fn confirm(&self, until: Instant) -> Result<(), RenewalsFailed> {
        let left = until.saturating_duration_since(Instant::now());
        let deadline = Deadline::after(Arc::clone(&self.clock), left);
        let confirmed = self.reader.barrier(&deadline).await;
        confirmed.map_err(|error| RenewalsFailed::Unknown(error.to_string()))
    }

    /// Has leases live again that have lapsed.
    async fn revive(
        &self,
        tenure: Leadership,
        lapsed: &[(LeaseId, Revision)],
        until: Instant,
    ) -> Result<(), RenewalsFailed> {
        let view = self.consensus.view();
        let keeps = |id: LeaseId| view.lease(id).map_or(0, HeldLease::instance_count);
        for leases in lapses::in_entries(lapsed.iter().copied(), keeps) {
            let command = Command::ReviveLeases { by: tenure, leases };
            let encoded = command
                .encode()
                .map_err(|error| RenewalsFailed::Unknown(error.to_string()))?;
            let left = until.saturating_duration_since(Instant::now()).min(REVIVE_MAX);
            let own = self.consensus.identity().member_id;
            let proposed = self.consensus.propose(own, encoded, left).await;
            proposed.map_err(|error| RenewalsFailed::Unknown(error.to_string()))?;
        }
        self.follow().await;
        Ok(())
    }
}

fn too_late() -> RenewalsFailed {
    RenewalsFailed::Unknown("no majority of the voters has noted the renewals in time".to_owned())
}

/// Writes what came of some of the leases, which ascend.
fn mark(leases: &[LeaseId], some: &[LeaseId], renewal: Renewal, answers: &mut [Renewal]) {
    for id in some {
        if let Ok(place) = leases.binary_search(id) {
            answers[place] = renewal;
        }
    }
}

/// Lets the time of leases go on, for ever.
async fn keep_time(shared: Arc<Shared>) {
    let mut ticks = interval(lease_clock::TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let confirmed = shared.reader.fresh_as_of();
        let now = shared.clock.now();
        shared.table().tick(now, confirmed);
        shared.follow().await;
        loop {
            let is_full = shared.table().turn(now, STRIDE);
            if !is_full {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Does what a leader has to while this member leads, for ever.
async fn lead(lessor: Lessor) {
    let shared = &lessor.shared;
    loop {
        let tenure = shared.consensus.elected().await;
        shared.begin(tenure).await;
        #[cfg(quorate_planted)]
        if planted::is(Planted::LapseWithoutTermCheck) {
            // Goes on when it does not lead any more.
            tokio::join!(replicator::run(shared, tenure), reign(&lessor, tenure));
        }
        tokio::select! {
            biased;
            () = shared.consensus.deposed(tenure) => {}
            () = replicator::run(shared, tenure) => {}
            () = reign(&lessor, tenure) => {}
        }
        shared.is_armed.send_replace(false);
        shared.is_complete.send_replace(None);
        shared.noted.send_replace((Leadership::NONE, 0));
        let now = shared.clock.now();
        shared.table().stand_back(now);
    }
}

/// Finds out what a majority knows, and lets leases lapse from then on.
async fn reign(lessor: &Lessor, tenure: Leadership) {
    let shared = &lessor.shared;
    promotion::run(shared, tenure).await;
    shared.is_armed.send_replace(true);
    tracing::info!(%tenure, leases = shared.consensus.view().lease_count(), "leases lapse from now on if they are not renewed");
    lapses::run(lessor, tenure).await;
}

impl Shared {
    async fn begin(&self, tenure: Leadership) {
        // What the leaders before have done to leases is applied here by now.
        self.follow().await;
        {
            let mut table = self.table();
            // Whoever led before has nothing more to say. If a later one has spoken already, this one learns of it soon.
            let _later = table.fence(tenure);
            table.lead();
        }
        self.noted.send_replace((tenure, 0));
    }
}
