//! Takes renewals from clients, and brings them to the leader together.

use std::{collections::VecDeque, sync::Arc, task::Poll, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use quorate_consensus::RenewalsFailed;
use quorate_model::{LeaseId, MemberId, Renewal};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use super::Shared;
use crate::{Error, Policy, Tasks, backoff::Backoff};

/// Requests that wait to be taken along: some for each connection of a busy member.
const WAITING_MAX: usize = 16_384;

/// Batches on their way to the leader at a time: while these are, the next ones grow.
const BATCHES_MAX: usize = 4;

/// Leases of one batch, but for a request that is larger: the thread of raft looks them up in a few milliseconds, and a
/// flood is so many pieces between which it does other things.
const BATCH_LEASES_MAX: usize = 8_192;

/// Leases that wait for an answer: as many as a cluster may have at all, renewed once. Some 8 MiB.
const WAITING_LEASES_MAX: usize = 1 << 20;

/// How long a batch is tried, with whatever leaders there are: what a holder gives one try of the default TTL.
const BATCH_TIME_MAX: Duration = Duration::from_millis(2_500);

/// How long one leader has to answer: one that hangs is not the leader for much longer.
const TRY_TIME_MAX: Duration = Duration::from_millis(1_500);

/// The way of renewals to the leader. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Collector {
    asking: mpsc::Sender<Asked>,
    /// Room for leases that wait for an answer.
    room: Arc<Semaphore>,
}

type Answer = Result<Vec<(LeaseId, Renewal)>, Error>;

/// What the collector is asked.
#[derive(Debug)]
enum Asked {
    /// To renew leases.
    Renew(Request),
    /// To answer when all that came before is on its way.
    Sentinel(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Request {
    leases: Vec<LeaseId>,
    came_at: Duration,
    answer: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

/// Requests that go to the leader as one.
struct Batch {
    requests: Vec<Request>,
    /// All of their leases, ascending, each once.
    leases: Vec<LeaseId>,
    /// When the last of them came.
    came_at: Duration,
}

/// Starts the task.
pub(super) fn start(shared: Arc<Shared>, tasks: &Tasks) -> Collector {
    let (asking, asked) = mpsc::channel(WAITING_MAX);
    tasks.spawn("renewals", Policy::Essential, run(shared, asked));
    Collector {
        asking,
        room: Arc::new(Semaphore::new(WAITING_LEASES_MAX)),
    }
}

// === impl Collector ===

impl Collector {
    /// Renews leases, and answers what came of each, in the order of their ids.
    pub(super) async fn renew(&self, mut leases: Vec<LeaseId>, came_at: Duration) -> Answer {
        leases.sort_unstable();
        leases.dedup();
        let (answer, answered) = oneshot::channel();
        let count = u32::try_from(leases.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(count);
        let request = Request {
            leases,
            came_at,
            answer,
            _room: room.map_err(|_| overloaded(format!("renewals of {WAITING_LEASES_MAX} leases")))?,
        };
        let asked = self.asking.try_send(Asked::Renew(request));
        asked.map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(format!("{WAITING_MAX} requests for renewals")),
            mpsc::error::TrySendError::Closed(_) => Error::stopping_here(),
        })?;
        answered.await.map_err(|_| Error::stopping_here())?
    }

    /// Waits until all renewals that had come in before are on their way to the leader, and, if that is this member,
    /// noted.
    pub(super) async fn flushed(&self) {
        let (reached, is_reached) = oneshot::channel();
        if self.asking.send(Asked::Sentinel(reached)).await.is_ok() {
            let _gone = is_reached.await;
        }
    }
}

fn overloaded(what: String) -> Error {
    Error::Overloaded {
        what,
        retry_after: TRY_TIME_MAX,
    }
}

async fn run(shared: Arc<Shared>, mut asked: mpsc::Receiver<Asked>) {
    let mut under_way = FuturesUnordered::new();
    let mut sentinels: VecDeque<oneshot::Sender<()>> = VecDeque::new();
    let mut received = Vec::new();
    let mut waiting: VecDeque<Batch> = VecDeque::new();
    loop {
        let has_room = under_way.len() < BATCHES_MAX && waiting.is_empty();
        tokio::select! {
            biased;
            Some(()) = under_way.next() => {}
            count = asked.recv_many(&mut received, WAITING_MAX), if has_room => {
                if count == 0 {
                    return;
                }
            }
        }
        let (requests, reached) = split(std::mem::take(&mut received));
        waiting.extend(Batch::of(requests));
        sentinels.extend(reached);
        while under_way.len() < BATCHES_MAX
            && let Some(batch) = waiting.pop_front()
        {
            under_way.push(batch.go(&shared));
        }
        // A batch notes what it can when it is first looked at, which is before what came later.
        futures::future::poll_fn(|context| {
            while under_way.poll_next_unpin(context) == Poll::Ready(Some(())) {}
            Poll::Ready(())
        })
        .await;
        if waiting.is_empty() {
            for sentinel in sentinels.drain(..) {
                let _gone = sentinel.send(());
            }
        }
    }
}

fn split(asked: Vec<Asked>) -> (Vec<Request>, Vec<oneshot::Sender<()>>) {
    let (mut requests, mut sentinels) = (Vec::new(), Vec::new());
    for asked in asked {
        match asked {
            Asked::Renew(request) => requests.push(request),
            Asked::Sentinel(sentinel) => sentinels.push(sentinel),
        }
    }
    (requests, sentinels)
}

// === impl Batch ===

impl Batch {
    /// Puts requests together, as many as go in one batch.
    fn of(requests: Vec<Request>) -> Vec<Self> {
        let mut batches: Vec<Self> = Vec::new();
        for request in requests {
            let fits = |last: &&mut Self| last.leases.len() + request.leases.len() <= BATCH_LEASES_MAX;
            if let Some(last) = batches.last_mut().filter(fits) {
                last.add(request);
                continue;
            }
            let mut batch = Self {
                requests: Vec::new(),
                leases: Vec::new(),
                came_at: Duration::ZERO,
            };
            batch.add(request);
            batches.push(batch);
        }
        for batch in &mut batches {
            batch.leases.sort_unstable();
            batch.leases.dedup();
        }
        batches
    }

    fn add(&mut self, request: Request) {
        self.leases.extend_from_slice(&request.leases);
        self.came_at = self.came_at.max(request.came_at);
        self.requests.push(request);
    }

    /// Brings the batch to the leader, and tells everybody what came of it.
    async fn go(self, shared: &Shared) {
        let answer = self.renewed(shared).await;
        for request in self.requests {
            let of_request = answer.as_ref().map_err(Clone::clone).map(|renewals| {
                let renewal = |id: &LeaseId| {
                    let place = self.leases.binary_search(id).ok()?;
                    Some((*id, *renewals.get(place)?))
                };
                request.leases.iter().filter_map(renewal).collect()
            });
            // A client that is gone renews no more.
            let _gone = request.answer.send(of_request);
        }
    }

    /// Asks leaders until one has answered or it is too late.
    async fn renewed(&self, shared: &Shared) -> Result<Vec<Renewal>, Error> {
        let until = Instant::now() + BATCH_TIME_MAX;
        let mut backoff = Backoff::of_request();
        let mut hint: Option<MemberId> = None;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let problem = match hint.take().or_else(|| shared.consensus.leader()) {
                None => {
                    let _in_time = timeout(left, shared.consensus.leader_known()).await;
                    "no leader is known".to_owned()
                }
                Some(leader) => match self.ask(shared, leader, left.min(TRY_TIME_MAX)).await {
                    Ok(renewals) => return Ok(renewals),
                    Err(RenewalsFailed::NotLeader(next)) => {
                        hint = next;
                        format!("member {leader} does not lead")
                    }
                    Err(RenewalsFailed::Unknown(problem)) => problem,
                },
            };
            let pause = backoff.advance();
            if until.saturating_duration_since(Instant::now()) <= pause {
                return Err(Error::NoQuorum { problem });
            }
            sleep(pause).await;
        }
    }

    async fn ask(&self, shared: &Shared, leader: MemberId, time: Duration) -> Result<Vec<Renewal>, RenewalsFailed> {
        let age = shared.clock.now().saturating_sub(self.came_at);
        if leader == shared.consensus.identity().member_id {
            return shared.renew_here(self.leases.clone(), age, time).await;
        }
        shared.consensus.request_renewals(leader, &self.leases, age, time).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(leases: &[u64], came_ms: u64) -> Request {
        Request {
            leases: leases.iter().map(|id| LeaseId::new(*id)).collect(),
            came_at: Duration::from_millis(came_ms),
            answer: oneshot::channel().0,
            _room: Arc::new(Semaphore::new(1)).try_acquire_many_owned(0).unwrap(),
        }
    }

    #[test]
    fn requests_go_together_each_lease_once_and_as_young_as_the_last_of_them() {
        let batches = Batch::of(vec![request(&[3, 9], 5), request(&[1, 3], 8), request(&[9], 6)]);
        let [batch] = &*batches else {
            panic!("more than one batch");
        };
        assert_eq!(batch.leases, [1, 3, 9].map(LeaseId::new));
        assert_eq!(batch.came_at, Duration::from_millis(8));
        assert_eq!(batch.requests.len(), 3);
    }

    #[test]
    fn a_batch_has_an_end() {
        let many: Vec<u64> = (0..BATCH_LEASES_MAX as u64).collect();
        assert_eq!(
            Batch::of(vec![request(&many, 1), request(&[1], 1), request(&[2], 1)]).len(),
            2
        );
    }

    #[tokio::test]
    async fn so_many_leases_wait_and_no_more() {
        let (asking, mut asked) = mpsc::channel(9);
        let room = Arc::new(Semaphore::new(3));
        let collector = Collector { asking, room };
        let leases = |ids: &[u64]| ids.iter().map(|id| LeaseId::new(*id)).collect();
        let mut first = Box::pin(collector.renew(leases(&[1, 2]), Duration::ZERO));
        assert!(futures::poll!(&mut first).is_pending());
        let refused = collector.renew(leases(&[3, 4]), Duration::ZERO).await;
        assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
        let Some(Asked::Renew(Request {
            answer, _room: held, ..
        })) = asked.recv().await
        else {
            panic!("it was asked");
        };
        answer.send(Ok(Vec::new())).unwrap();
        assert_eq!(first.await.unwrap(), []);
        drop(held);
        assert!(futures::poll!(Box::pin(collector.renew(leases(&[3, 4]), Duration::ZERO))).is_pending());
    }
}
