//! What keeps the leases of a client alive.
//!
//! One task for each client and its clones renews all of their leases over one stream to one member at a time, many in
//! a frame. It starts with the first lease and ends with the last handle. It has no error of its own: whatever a member
//! does, or however it stays silent, the same leases are renewed through another one, at once, and with a pause of half
//! a second at most when all have been tried. What that comes to is told by lease, see [`Vitality`].

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use quorate_model::LeaseId;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{LeaseGranted, call::Caller};

mod book;
mod link;
mod task;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use link::Frame;
use task::Task;

/// How it is with a lease that is kept alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vitality {
    /// It lives: it was granted, or renewed, less than its time to live ago.
    Live,
    /// It lives, and had lapsed before its last renewal: what it keeps was out of answers for a while.
    Revived,
    /// It could not be renewed within its time to live: it may have lapsed. It is tried on, and it comes back with all
    /// that it keeps as soon as a member answers, unless it has expired by then.
    Late,
    /// It is gone, and so is all that it kept.
    Gone,
}

/// Keeps the leases of one client alive.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    running: Mutex<Option<Running>>,
    next_token: AtomicU64,
}

#[derive(Debug)]
struct Running {
    /// Unbounded: an order is as small as the handle that it comes from.
    orders: mpsc::UnboundedSender<Order>,
    /// Ends the task when it is dropped.
    _task: JoinSet<()>,
}

/// A lease that is kept alive until this is dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    lease: LeaseId,
    token: u64,
    orders: mpsc::UnboundedSender<Order>,
    vitality: watch::Receiver<Vitality>,
}

/// What the task is told.
#[derive(Debug)]
enum Order {
    Keep(Keep),
    /// No more, unless somebody else wants the same lease kept.
    Drop {
        lease: LeaseId,
        token: u64,
    },
}

/// A lease that is to be kept.
#[derive(Debug)]
struct Keep {
    granted: LeaseGranted,
    /// When it was asked for: it lives from then on at least.
    asked: Instant,
    /// By which it is told apart from the same lease, kept for somebody else.
    token: u64,
    vitality: watch::Sender<Vitality>,
}

// === impl Keeper ===

impl Keeper {
    /// Keeps a lease alive that was asked for at this time and has just been granted. The task runs on the runtime of
    /// whoever calls this first; if that has ended it is started anew, and what it kept before is kept no more.
    pub(crate) fn keep(&self, caller: &Arc<Caller>, granted: LeaseGranted, asked: Instant) -> Kept {
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let (told, vitality) = watch::channel(Vitality::Live);
        let mut order = Order::Keep(Keep {
            granted,
            asked,
            token,
            vitality: told,
        });
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let orders = loop {
            let orders = running.get_or_insert_with(|| start(Arc::clone(caller))).orders.clone();
            match orders.send(order) {
                Ok(()) => break orders,
                Err(mpsc::error::SendError(unheard)) => {
                    order = unheard;
                    *running = None;
                }
            }
        };
        Kept {
            lease: granted.lease,
            token,
            orders,
            vitality,
        }
    }
}

fn start(caller: Arc<Caller>) -> Running {
    let (orders, inbox) = mpsc::unbounded_channel();
    let mut task = JoinSet::new();
    task.spawn(Task::new(caller, inbox).run());
    Running { orders, _task: task }
}

// === impl Kept ===

impl Kept {
    /// How it is with the lease. Closed if nobody keeps it any more.
    pub(crate) fn vitality(&self) -> watch::Receiver<Vitality> {
        self.vitality.clone()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A task that has ended keeps nothing.
        let _unheard = self.orders.send(Order::Drop {
            lease: self.lease,
            token: self.token,
        });
    }
}
