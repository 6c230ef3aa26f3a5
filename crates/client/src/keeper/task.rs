//! The task that renews.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use quorate_model::{DoorAddress, LeaseId};
use quorate_proto::registry as pb;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Order,
    book::{Batch, Book},
    link::{self, Ended, Frame, Link},
};
use crate::{
    Answer,
    call::{Caller, Door},
};

/// The longest pause when all members have been tried; half of it at least.
const PAUSE_MS: u64 = 500;

/// Renews leases for as long as somebody gives orders.
pub(super) struct Task {
    caller: Arc<Caller>,
    inbox: mpsc::UnboundedReceiver<Order>,
    book: Book,
    link: Option<Link>,
    /// The door of a stream that has ended because there was nothing to renew for so long: the next one goes there too.
    left_idle: Option<Arc<Door>>,
    /// The frames that are not answered, by their numbers.
    under_way: BTreeMap<u64, UnderWay>,
    last_frame: u64,
    /// The doors behind which nobody has renewed since somebody last did.
    tried: Vec<DoorAddress>,
    /// The end of the pause.
    not_before: Option<Instant>,
    /// Asks for the members, beside the renewals.
    asking: JoinSet<()>,
}

/// A frame that is not answered.
struct UnderWay {
    leases: Vec<LeaseId>,
    asked: Instant,
    until: Instant,
}

// === impl Task ===

impl Task {
    pub(super) fn new(caller: Arc<Caller>, inbox: mpsc::UnboundedReceiver<Order>) -> Self {
        Self {
            caller,
            inbox,
            book: Book::default(),
            link: None,
            left_idle: None,
            under_way: BTreeMap::new(),
            last_frame: 0,
            tried: Vec::new(),
            not_before: None,
            asking: JoinSet::new(),
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let wake = self.wake();
            tokio::select! {
                order = self.inbox.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                heard = hear(self.link.as_mut()) => self.heard(heard),
                () = reached(wake) => self.act().await,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Keep(keep) => self.book.enter(keep),
            Order::Drop { lease, token } => self.book.leave(lease, token),
        }
        if self.book.is_empty() {
            // Nobody needs the member until there is another lease.
            (self.link, self.left_idle) = (None, None);
            self.under_way.clear();
        }
    }

    /// When there is something to do without being told.
    fn wake(&self) -> Option<Instant> {
        let expiry = self.under_way.values().map(|frame| frame.until).min();
        let due = self.book.next_due();
        let due = due.map(|due| self.not_before.map_or(due, |pause| pause.max(due)));
        [expiry, due].into_iter().flatten().min()
    }

    async fn act(&mut self) {
        let now = Instant::now();
        if self.under_way.values().any(|frame| frame.until <= now) {
            self.give_up();
        }
        if self.not_before.is_some_and(|pause| now < pause) {
            return;
        }
        if let Some(batch) = self.book.take_due(now) {
            self.renew(batch).await;
        }
    }

    async fn renew(&mut self, batch: Batch) {
        let Batch { leases, patience } = batch;
        self.last_frame += 1;
        let (number, asked) = (self.last_frame, Instant::now());
        let request = link::request(number, &leases);
        let frame = UnderWay {
            leases,
            asked,
            until: asked + patience,
        };
        self.under_way.insert(number, frame);
        let is_sent = match &self.link {
            Some(link) => link.send(request),
            None => self.open(request, patience).await,
        };
        if !is_sent {
            self.give_up();
        }
    }

    /// Opens a stream with the first frame; false if that failed.
    async fn open(&mut self, first: pb::KeepAliveRequest, patience: Duration) -> bool {
        let same = self.left_idle.take().filter(|door| !door.is_resting());
        let door = same.unwrap_or_else(|| self.caller.draw_door(&self.tried));
        match Link::open(&self.caller, Arc::clone(&door), first, patience).await {
            Ok(link) => {
                self.link = Some(link);
                true
            }
            Err(_why) => {
                self.failed(&door);
                false
            }
        }
    }

    fn heard(&mut self, heard: Result<pb::KeepAliveResponse, Ended>) {
        let Some(door) = self.link.as_ref().map(|link| Arc::clone(link.door())) else {
            return;
        };
        let message = match heard {
            Ok(message) => message,
            Err(Ended::Idle) => return self.left_idle(door),
            Err(Ended::Broken) => return self.give_up(),
        };
        let Ok(Answer { header, value }) = self.caller.received(&door, message) else {
            return self.give_up();
        };
        while self.asking.try_join_next().is_some() {}
        if self.caller.heard(&header) && self.asking.is_empty() {
            let (caller, door) = (Arc::clone(&self.caller), Arc::clone(&door));
            self.asking.spawn(async move { caller.ask_for_members(&door).await });
        }
        let Frame { number, renewed } = value;
        let Ok(renewed) = renewed else {
            // It is there, and says that it cannot tell.
            self.link = None;
            self.failed(&door);
            return self.give_up();
        };
        let Some(frame) = self.under_way.remove(&number) else {
            return;
        };
        let now = Instant::now();
        // Whatever is not among the answers was not renewed for sure.
        self.book.put_back(&frame.leases, now);
        for one in &renewed {
            self.book.renewed(one, frame.asked);
        }
        if renewed.len() < frame.leases.len() {
            return self.give_up();
        }
        self.tried.clear();
        self.not_before = None;
    }

    /// Takes note that a stream has ended because nothing was sent. There will be another one, to the same member, with the
    /// next renewal; what was just being sent is sent again at once.
    fn left_idle(&mut self, door: Arc<Door>) {
        self.link = None;
        self.left_idle = Some(door);
        self.take_back();
    }

    /// Leaves the member that renews no more, and has everything that is under way be renewed through another one.
    fn give_up(&mut self) {
        if let Some(link) = self.link.take() {
            let door = Arc::clone(link.door());
            self.caller.broke(&door);
            self.failed(&door);
        }
        self.take_back();
    }

    /// Has everything that is under way be renewed anew.
    fn take_back(&mut self) {
        let now = Instant::now();
        for frame in std::mem::take(&mut self.under_way).into_values() {
            self.book.put_back(&frame.leases, now);
        }
        self.book.note_late(now);
    }

    /// Takes note that nobody renews behind a door. When all have been tried there is a pause.
    fn failed(&mut self, door: &Door) {
        self.tried.push(door.address().clone());
        if self.caller.is_round_over(&self.tried) {
            let pause = PAUSE_MS / 2 + self.caller.draw() % (PAUSE_MS / 2);
            self.not_before = Some(Instant::now() + Duration::from_millis(pause));
            self.tried.clear();
        }
    }
}

async fn hear(link: Option<&mut Link>) -> Result<pb::KeepAliveResponse, Ended> {
    match link {
        Some(link) => link.next().await,
        None => pending().await,
    }
}

async fn reached(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => pending().await,
    }
}
