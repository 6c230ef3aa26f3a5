//! What the tests of this crate build on: clocks, and a quorum that does as it is told.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quorate_consensus::{Applied, ProposeError, ReadIndexError, Stopping};
use quorate_model::{Clock, ClusterId, Epoch, Leadership, LogIndex, LogTime, MemberId, Revision};
use quorate_state::{Command, Outcome, Position, State};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use crate::{deadline::Deadline, quorum::Quorum};

/// A clock that stands still unless it is moved.
#[derive(Debug, Default)]
pub(crate) struct ManualClock {
    nanos: AtomicU64,
}

/// The clock of tokio, which goes on by itself where it is paused.
#[derive(Debug)]
pub(crate) struct TokioClock {
    origin: Instant,
}

/// A quorum that follows a script.
#[derive(Clone)]
pub(crate) struct Script {
    shared: Arc<Shared>,
}

/// A request for a read index that waits for the test's answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) leader: MemberId,
    answer: oneshot::Sender<Result<LogIndex, ReadIndexError>>,
}

struct Shared {
    leader: watch::Sender<Option<MemberId>>,
    applied: watch::Sender<LogIndex>,
    proposed: Mutex<Vec<(MemberId, Bytes)>>,
    answers: Mutex<VecDeque<Result<Applied, ProposeError>>>,
    asked: mpsc::UnboundedSender<Asked>,
    on_view: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    state: Mutex<State>,
    log_time: watch::Sender<LogTime>,
}

pub(crate) fn member(id: u64) -> MemberId {
    id.try_into().unwrap()
}

pub(crate) fn applied(revision: u64) -> Applied {
    Applied {
        revision: Revision::new(revision),
        outcome: Outcome::Founded,
    }
}

/// A deadline on tokio's own clock.
pub(crate) fn deadline(time_left: Duration) -> Deadline {
    Deadline::after(Arc::new(TokioClock::default()), time_left)
}

// === impl ManualClock ===

impl ManualClock {
    pub(crate) fn advance(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.nanos.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::SeqCst))
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

// === impl TokioClock ===

impl Default for TokioClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

// === impl Script ===

impl Script {
    /// A quorum with this leader, and where its requests for read indexes arrive.
    pub(crate) fn new(leader: Option<u64>) -> (Self, mpsc::UnboundedReceiver<Asked>) {
        let (asked, requests) = mpsc::unbounded_channel();
        let shared = Shared {
            leader: watch::Sender::new(leader.map(member)),
            applied: watch::Sender::default(),
            proposed: Mutex::default(),
            answers: Mutex::default(),
            asked,
            on_view: Mutex::default(),
            state: Mutex::default(),
            log_time: watch::Sender::default(),
        };
        let shared = Arc::new(shared);
        (Self { shared }, requests)
    }

    pub(crate) fn set_leader(&self, leader: Option<u64>) {
        self.shared.leader.send_replace(leader.map(member));
    }

    /// What the leader's clock says.
    pub(crate) fn set_log_time(&self, ms: u64) {
        self.shared.log_time.send_replace(LogTime::from_ms(ms));
    }

    pub(crate) fn set_applied(&self, index: u64) {
        self.shared.applied.send_replace(LogIndex::new(index));
    }

    /// Lets the cluster be founded, by the first entry of the log: revisions are log indexes then.
    pub(crate) fn found(&self, epoch: u64) {
        let command = Command::Found {
            cluster_id: ClusterId::new(7),
            epoch: Epoch::new(epoch),
        };
        assert_eq!(self.apply(1, &command), Outcome::Founded);
    }

    /// Applies a command at `index` and the log time of the leader's clock.
    pub(crate) fn apply(&self, index: u64, command: &Command) -> Outcome {
        let at = Position {
            index: LogIndex::new(index),
            time: *self.shared.log_time.borrow(),
            leadership: Leadership::NONE,
        };
        self.shared.state.lock().unwrap().apply(at, command).0
    }

    /// What the next proposals come to; those after them find no leader.
    pub(crate) fn answer_proposals(&self, answers: impl IntoIterator<Item = Result<Applied, ProposeError>>) {
        self.shared.answers.lock().unwrap().extend(answers);
    }

    /// Whom commands were proposed to, in this order.
    pub(crate) fn proposed_to(&self) -> Vec<u64> {
        let proposed = self.shared.proposed.lock().unwrap();
        proposed.iter().map(|(id, _)| id.get()).collect()
    }

    /// The commands that were proposed, in this order.
    pub(crate) fn proposed(&self) -> Vec<Bytes> {
        let proposed = self.shared.proposed.lock().unwrap();
        proposed.iter().map(|(_, command)| command.clone()).collect()
    }

    /// What happens just before the next view is taken.
    pub(crate) fn before_view(&self, act: impl FnOnce() + Send + 'static) {
        *self.shared.on_view.lock().unwrap() = Some(Box::new(act));
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl Quorum for Script {
    fn leader(&self) -> Option<MemberId> {
        *self.shared.leader.borrow()
    }

    async fn leader_known(&self) {
        let mut leader = self.shared.leader.subscribe();
        leader.wait_for(Option::is_some).await.unwrap();
    }

    async fn propose(&self, leader: MemberId, command: Bytes, _: Duration) -> Result<Applied, ProposeError> {
        self.shared.proposed.lock().unwrap().push((leader, command));
        let answer = self.shared.answers.lock().unwrap().pop_front();
        answer.unwrap_or(Err(ProposeError::NotLeader(None)))
    }

    async fn read_index(&self, leader: MemberId, _: Duration) -> Result<LogIndex, ReadIndexError> {
        let (answer, answered) = oneshot::channel();
        self.shared.asked.send(Asked { leader, answer }).unwrap();
        answered.await.unwrap()
    }

    async fn wait_applied(&self, index: LogIndex) -> Result<(), Stopping> {
        let mut applied = self.shared.applied.subscribe();
        applied.wait_for(|applied| *applied >= index).await.unwrap();
        Ok(())
    }

    fn view(&self) -> Arc<State> {
        if let Some(act) = self.shared.on_view.lock().unwrap().take() {
            act();
        }
        let mut state = self.shared.state.lock().unwrap().clone();
        state.advance(*self.shared.applied.borrow());
        Arc::new(state)
    }

    fn log_time(&self) -> LogTime {
        *self.shared.log_time.borrow()
    }
}

// === impl Asked ===

impl Asked {
    pub(crate) fn answer(self, answer: Result<u64, ReadIndexError>) {
        self.answer.send(answer.map(LogIndex::new)).unwrap();
    }
}
