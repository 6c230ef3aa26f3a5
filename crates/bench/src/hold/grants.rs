//! Grants that come before it, and ends that come after.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{sync::mpsc, task::JoinSet};

use super::HoldPlan;
use crate::peers::Target;

/// Requests under way at each server.
const UNDER_WAY: usize = 64;

/// Leases that are registered with in one request, at most.
const REGISTERED_TOGETHER: usize = 500;

/// Tries at one lease, through one server after the other.
const TRIES: usize = 10;

/// Grants the leases of a plan, spread over all servers, and hands each to whoever renews it there. Gives all of them,
/// sorted.
pub(super) async fn grant_all<T: Target>(
    target: &Arc<T>,
    plan: &HoldPlan,
    lanes: &[mpsc::UnboundedSender<u64>],
) -> Result<Vec<u64>, String> {
    let mut tasks = JoinSet::new();
    for (door, lane) in lanes.iter().enumerate() {
        let next = Arc::new(AtomicUsize::new(plan.leases * door / lanes.len()));
        for _ in 0..UNDER_WAY {
            let worker = Worker {
                target: Arc::clone(target),
                plan: plan.clone(),
                next: Arc::clone(&next),
                end: plan.leases * (door + 1) / lanes.len(),
                door,
                lane: lane.clone(),
            };
            tasks.spawn(worker.run());
        }
    }
    let mut leases = Vec::with_capacity(plan.leases);
    while let Some(granted) = tasks.join_next().await {
        leases.extend(granted.map_err(|error| error.to_string())??);
    }
    leases.sort_unstable();
    Ok(leases)
}

/// Ends leases. What comes of it is no matter: they lapse.
pub(super) async fn revoke_all<T: Target>(target: &Arc<T>, leases: &[u64]) {
    let workers = UNDER_WAY * target.doors();
    let mut tasks = JoinSet::new();
    for share in leases.chunks(leases.len().div_ceil(workers).max(1)) {
        let (target, share) = (Arc::clone(target), share.to_vec());
        let door = tasks.len() % target.doors();
        tasks.spawn(async move {
            for lease in share {
                target.revoke(door, lease).await;
            }
        });
    }
    tasks.join_all().await;
}

/// Grants some of the leases through one server.
struct Worker<T> {
    target: Arc<T>,
    plan: HoldPlan,
    /// The number of the next lease of this server that nobody has begun with.
    next: Arc<AtomicUsize>,
    /// The number behind the last one.
    end: usize,
    door: usize,
    lane: mpsc::UnboundedSender<u64>,
}

// === impl Worker ===

impl<T: Target> Worker<T> {
    async fn run(self) -> Result<Vec<u64>, String> {
        let mut all = Vec::new();
        // One at a time, unless they are registered with as well: that is done for several together.
        let share = self.plan.leases / self.target.doors() / UNDER_WAY;
        let step = if self.plan.register {
            share.clamp(1, REGISTERED_TOGETHER)
        } else {
            1
        };
        loop {
            let behind = self.next.fetch_add(step, Ordering::Relaxed);
            let count = step.min(self.end.saturating_sub(behind));
            if count == 0 {
                return Ok(all);
            }
            let first = all.len();
            for _ in 0..count {
                let lease = self.grant().await?;
                // Whoever renews it has only ended if all is over.
                let _unheard = self.lane.send(lease);
                all.push(lease);
            }
            if self.plan.register {
                self.target.register(self.door, behind, &all[first..]).await?;
            }
        }
    }

    async fn grant(&self) -> Result<u64, String> {
        let mut tried = 0;
        loop {
            let door = (self.door + tried) % self.target.doors();
            match self.target.grant(door, self.plan.ttl).await {
                Ok(lease) => return Ok(lease),
                Err(_) if tried < TRIES => tried += 1,
                Err(problem) => return Err(format!("a lease was not granted: {problem}")),
            }
        }
    }
}
