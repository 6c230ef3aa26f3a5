//! Many leases that are held at once.

use std::{sync::Arc, time::Duration};

use quorate_model::{DoorAddress, LeaseTtl};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    Error,
    peers::{Etcd, Peer, Quorate, Target},
    processes::{Usage, listening_at, rss_mib},
};

mod grants;
mod lane;

use lane::{Lane, Phase, Tally};

/// Most leases that are held: ten times the instances that a cluster takes. They have addresses of their own up to here,
/// and cost this process some hundred MiB.
pub const LEASES_MAX: usize = 10_000_000;

/// What is to be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldPlan {
    /// Whose servers.
    pub peer: Peer,
    /// All of them.
    pub endpoints: Vec<DoorAddress>,
    /// How many leases: 1 to [`LEASES_MAX`].
    pub leases: usize,
    /// How long each lives without being renewed.
    pub ttl: LeaseTtl,
    /// For how long they are held while it is measured: 1 s at least.
    pub time: Duration,
    /// Whether each keeps something.
    pub register: bool,
    /// The processes of the servers that are to be measured: if none is named, those of this machine that listen at the
    /// endpoints.
    pub pids: Vec<u32>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Whose servers.
    pub peer: Peer,
    /// How many leases there were.
    pub leases: usize,
    /// How many renewals found their lease lapsed or gone, from the first grant on, and how many leases had lapsed at
    /// the end. None had a reason to.
    pub false_lapses: u64,
    /// How many renewals were answered later than a sixth of the time to live after they were due, or not at all.
    pub late_renewals: u64,
    /// How many renewals were answered each second.
    pub renewals_per_second: f64,
    /// By how many entries the log has grown while there was nothing but renewals.
    pub log_entries_from_renewals: u64,
    /// How many processors the servers kept busy meanwhile; absent if none of their processes runs here.
    pub server_cores: Option<f64>,
    /// The memory of the servers at the end, in MiB; absent if none of their processes runs here.
    pub rss_mib: Option<f64>,
    /// The time that half of the renewals did not exceed, from when they were due to their answer, in milliseconds.
    pub p50_ms: f64,
    /// The time that 99 % of the renewals did not exceed.
    pub p99_ms: f64,
    /// The longest one.
    pub max_ms: f64,
    /// How long it took until all leases were granted, in seconds, registrations included.
    pub grant_seconds: f64,
}

/// What came of doubling the leases until the cluster could not hold them.
#[derive(Debug, Clone, PartialEq)]
pub struct FindMax {
    /// Each round, with twice as many leases as the one before.
    pub rounds: Vec<Figures>,
    /// The most leases that were held without a false lapse or a late renewal; none, if not even the first round was.
    pub held: Option<usize>,
}

// === impl Figures ===

impl Figures {
    /// Whether every lease was renewed in time.
    pub fn is_held(&self) -> bool {
        self.false_lapses == 0 && self.late_renewals == 0
    }
}

/// Grants leases spread over all servers, and renews each every third of its time to live, spread over the servers and
/// over that time. Ends them afterwards.
///
/// # Errors
///
/// [`Error::Plan`] if there is nothing to be held, or too much, [`Error::Target`] if the leases cannot be granted, [`Error::Process`]
/// if a process cannot be looked at. That renewals fail is no error: the figures tell.
pub async fn hold(plan: &HoldPlan) -> Result<Figures, Error> {
    check(plan)?;
    let mut plan = plan.clone();
    if plan.pids.is_empty() {
        plan.pids = listening_at(&plan.endpoints).await;
    }
    // Before anything is done: a process that is not there is found out at once.
    Usage::of(&plan.pids)?;
    match plan.peer {
        Peer::Quorate => {
            let target = Quorate::new(&plan.endpoints).map_err(Error::Target)?;
            hold_at(Arc::new(target), &plan).await
        }
        Peer::Etcd => {
            let target = Etcd::new(&plan.endpoints).map_err(Error::Target)?;
            hold_at(Arc::new(target), &plan).await
        }
    }
}

/// Doubles the leases of the plan until some lapse or are renewed late, and at most up to `most`.
///
/// # Errors
///
/// Those of [`hold`] in the first round. That a later one does not come about is its result.
pub async fn find_max(plan: &HoldPlan, most: usize) -> Result<FindMax, Error> {
    let mut plan = plan.clone();
    let mut found = FindMax {
        rounds: Vec::new(),
        held: None,
    };
    loop {
        match hold(&plan).await {
            Ok(figures) => {
                let is_held = figures.is_held();
                found.rounds.push(figures);
                if !is_held {
                    return Ok(found);
                }
                found.held = Some(plan.leases);
            }
            Err(error) if found.rounds.is_empty() => return Err(error),
            Err(_) => return Ok(found),
        }
        plan.leases *= 2;
        if plan.leases > most.min(LEASES_MAX) {
            return Ok(found);
        }
    }
}

fn check(plan: &HoldPlan) -> Result<(), Error> {
    let refused = |problem: &str| Err(Error::Plan(problem.to_owned()));
    if plan.leases == 0 {
        return refused("there are no leases to be held; give 1 at least");
    }
    if plan.leases > LEASES_MAX {
        return Err(Error::Plan(format!(
            "{} leases are over the limit of {LEASES_MAX}; give fewer",
            plan.leases
        )));
    }
    if plan.time < Duration::from_secs(1) {
        return refused("less than a second tells nothing; hold the leases for longer");
    }
    if plan.endpoints.is_empty() {
        return refused("there are no servers to be measured; give the endpoints of all");
    }
    Ok(())
}

async fn hold_at<T: Target>(target: Arc<T>, plan: &HoldPlan) -> Result<Figures, Error> {
    let (phase, _) = watch::channel(Phase::Granting);
    let mut lanes = JoinSet::new();
    let mut inboxes = Vec::new();
    for door in 0..target.doors() {
        let (lane, inbox) = Lane::new(Arc::clone(&target), door, plan.ttl, phase.subscribe());
        lanes.spawn(lane.run());
        inboxes.push(inbox);
    }
    let began = Instant::now();
    let granted = grants::grant_all(&target, plan, &inboxes).await;
    let grant_seconds = began.elapsed().as_secs_f64();
    let measured = match &granted {
        Ok(leases) => measure(&*target, plan, &phase, leases).await,
        Err(problem) => Err(Error::Target(problem.clone())),
    };
    phase.send_replace(Phase::Over);
    let mut tally = Tally::default();
    while let Some(lane) = lanes.join_next().await {
        tally.add(&lane.map_err(|error| Error::Target(error.to_string()))?);
    }
    if let Ok(leases) = granted {
        grants::revoke_all(&target, &leases).await;
    }
    let measured = measured?;
    let seconds = plan.time.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let renewals_per_second = tally.latencies.count() as f64 / seconds;
    Ok(Figures {
        peer: plan.peer,
        leases: plan.leases,
        false_lapses: tally.lapsed + measured.lapsed_at_end,
        late_renewals: tally.late,
        renewals_per_second,
        log_entries_from_renewals: measured.log_entries,
        server_cores: measured.server_cores,
        rss_mib: measured.rss_mib,
        p50_ms: ms(tally.latencies.quantile(500)),
        p99_ms: ms(tally.latencies.quantile(990)),
        max_ms: ms(tally.latencies.longest()),
        grant_seconds,
    })
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// What the servers tell of the time in which it is measured.
struct Measured {
    log_entries: u64,
    lapsed_at_end: u64,
    server_cores: Option<f64>,
    rss_mib: Option<f64>,
}

async fn measure<T: Target>(
    target: &T,
    plan: &HoldPlan,
    phase: &watch::Sender<Phase>,
    leases: &[u64],
) -> Result<Measured, Error> {
    // Once all are granted each is renewed once before it counts: the servers have settled by then.
    sleep_until(Instant::now() + Duration::from(plan.ttl) / 3).await;
    let log_index = target.log_index().await.map_err(Error::Target)?;
    let usage = Usage::of(&plan.pids)?;
    phase.send_replace(Phase::Measuring);
    sleep_until(Instant::now() + plan.time).await;
    phase.send_replace(Phase::Draining);
    let is_looked_at = !plan.pids.is_empty();
    let after = Usage::of(&plan.pids)?;
    let server_cores = is_looked_at.then(|| after.cores_since(&usage));
    let rss_mib = is_looked_at.then(|| rss_mib(&plan.pids)).transpose()?;
    let log_after = target.log_index().await.map_err(Error::Target)?;
    // What is under way has its time.
    sleep_until(Instant::now() + Duration::from(plan.ttl) / 6).await;
    Ok(Measured {
        log_entries: log_after.saturating_sub(log_index),
        lapsed_at_end: target.lapsed(leases).await.map_err(Error::Target)?,
        server_cores,
        rss_mib,
    })
}

#[cfg(test)]
mod tests;
