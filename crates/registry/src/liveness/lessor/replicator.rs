//! Tells all members what is renewed, while this one leads, and counts who has noted how much.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use quorate_consensus::{Replicated, Replication, Table as Ages};
#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};
use quorate_model::{Leadership, LeaseId, MemberId};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{Shared, promotion::PART_LEASES};

/// How long a member hears nothing at most: then it is told that there is nothing.
const IDLE_MAX: Duration = Duration::from_millis(100);

/// How long a member has to note what it is told.
const NOTE_MAX: Duration = Duration::from_secs(1);

/// Between two tries with a member that does not answer.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// How long renewals gather before they are told: many come in a millisecond, and each message costs some.
const GATHER: Duration = Duration::from_millis(2);

/// How far each member has noted what is renewed.
#[derive(Debug, Default)]
struct Marks(Mutex<BTreeMap<MemberId, u64>>);

/// What one member is told, message by message.
struct Stream<'a> {
    shared: &'a Shared,
    marks: &'a Marks,
    tenure: Leadership,
    member: MemberId,
    /// The number of the next message.
    sequence: u64,
    has_told_all: bool,
}

/// What a message tells.
#[derive(Debug, Clone, Copy)]
enum Said {
    /// A part of all that there is, which is the truth.
    Truth,
    /// The last part of it.
    Everything,
    /// Some of what is renewed.
    Part,
    /// All that was renewed until after the membership at this index was the one that counts.
    News {
        /// The index of its entry.
        index: u64,
    },
}

/// Why a member is told nothing more for now.
enum Broken {
    /// It does not answer, or has lost the thread: it is told everything anew.
    Restart,
    /// There is a later leader.
    Deposed,
}

/// Tells everybody, until it is dropped.
pub(super) async fn run(shared: &Shared, tenure: Leadership) {
    let marks = Marks::default();
    let mut streams = FuturesUnordered::new();
    let mut told: BTreeSet<MemberId> = BTreeSet::new();
    let own = shared.consensus.identity().member_id;
    let mut updated = shared.updates.subscribe();
    loop {
        let members = shared.consensus.status().members;
        let others: BTreeSet<MemberId> = members.iter().map(|member| member.id).filter(|id| *id != own).collect();
        for id in others.difference(&told) {
            streams.push(tell(shared, &marks, tenure, *id));
        }
        told.extend(others);
        shared.count(&marks, tenure);
        tokio::select! {
            biased;
            Some(id) = streams.next() => {
                told.remove(&id);
            }
            // Where there is nobody to tell, this member alone is the majority.
            _ = updated.changed(), if told.is_empty() => {}
            // A member that comes or goes changes the majorities.
            () = sleep(IDLE_MAX) => {}
        }
    }
}

/// Tells one member, until it is none any more.
async fn tell(shared: &Shared, marks: &Marks, tenure: Leadership, member: MemberId) -> MemberId {
    while shared.consensus.member(member).is_some() {
        let mut stream = Stream {
            shared,
            marks,
            tenure,
            member,
            sequence: 0,
            has_told_all: false,
        };
        match stream.run().await {
            Err(Broken::Restart) => sleep(RETRY_AFTER).await,
            // This member learns it from raft.
            Err(Broken::Deposed) => std::future::pending().await,
            Ok(never) => match never {},
        }
    }
    marks.forget(member);
    member
}

fn gather() -> Duration {
    #[cfg(quorate_planted)]
    if planted::is(Planted::RenewalBeforeMajority) {
        return Duration::from_millis(1_500);
    }
    GATHER
}

// === impl Stream ===

impl Stream<'_> {
    async fn run(&mut self) -> Result<std::convert::Infallible, Broken> {
        let mut complete = self.shared.is_complete.subscribe();
        let mut updated = self.shared.updates.subscribe();
        loop {
            let is_complete = *complete.borrow_and_update() == Some(self.tenure);
            let mut from = self.shared.table().end();
            if is_complete {
                self.tell_all().await?;
            } else {
                self.send(Ages::new(), Said::Part).await?;
            }
            self.note(from);
            while !complete.has_changed().unwrap_or(false) {
                from = self.tell_news(from, &mut updated).await?;
            }
        }
    }

    /// Tells everything, which is the truth.
    async fn tell_all(&mut self) -> Result<(), Broken> {
        let mut after: Option<LeaseId> = None;
        loop {
            let now = self.shared.clock.now();
            let (part, next) = self.shared.table().ages(after, PART_LEASES, now);
            let said = if next.is_none() { Said::Everything } else { Said::Truth };
            self.send(part, said).await?;
            after = next;
            if after.is_none() {
                self.has_told_all = true;
                return Ok(());
            }
        }
    }

    /// Tells what was renewed since `from`, as soon as there is something, or that nothing was, and answers where the rest
    /// begins.
    async fn tell_news(&mut self, from: u64, updated: &mut watch::Receiver<()>) -> Result<u64, Broken> {
        updated.mark_unchanged();
        if self.shared.table().end() <= from {
            let _idle = timeout(IDLE_MAX, updated.changed()).await;
        }
        sleep(gather()).await;
        let now = self.shared.clock.now();
        // Before the end is looked up: whatever was answered by those of before is written down by then.
        let index = self.shared.consensus.electorate().index;
        let (news, end) = {
            let table = self.shared.table();
            (table.updates(from, PART_LEASES, now), table.end())
        };
        let Some((ages, next)) = news else {
            return Err(Broken::Restart);
        };
        let said = if next >= end { Said::News { index } } else { Said::Part };
        self.send(ages, said).await?;
        self.note(next);
        Ok(next)
    }

    async fn send(&mut self, table: Ages, said: Said) -> Result<(), Broken> {
        let told = Replication {
            leadership: self.tenure,
            sequence: self.sequence,
            membership_index: self.vouched_index(said),
            table,
            completes: matches!(said, Said::Everything),
            replaces: matches!(said, Said::Everything | Said::Truth),
        };
        self.sequence += 1;
        let answered = self
            .shared
            .consensus
            .replicate_renewals(self.member, &told, NOTE_MAX)
            .await;
        match answered {
            Some(Replicated::Kept) => Ok(()),
            Some(Replicated::Fenced(later)) if later > self.tenure => Err(Broken::Deposed),
            Some(Replicated::OutOfOrder | Replicated::Fenced(_)) | None => Err(Broken::Restart),
        }
    }

    /// The membership as of which the member has everything from before, once it has this message: only who knows all
    /// can say that, when it has told all.
    fn vouched_index(&self, said: Said) -> u64 {
        let knows_all = *self.shared.is_complete.borrow() == Some(self.tenure);
        match said {
            Said::News { index } if knows_all && self.has_told_all => index,
            Said::News { .. } | Said::Part | Said::Truth | Said::Everything => 0,
        }
    }

    fn note(&self, mark: u64) {
        self.marks.note(self.member, mark);
        self.shared.count(self.marks, self.tenure);
    }
}

// === impl Marks ===

impl Marks {
    fn note(&self, member: MemberId, mark: u64) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = marks.entry(member).or_default();
        *known = (*known).max(mark);
    }

    fn forget(&self, member: MemberId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&member);
    }

    fn of(&self, member: MemberId) -> u64 {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.get(&member).copied().unwrap_or(0)
    }
}

impl Shared {
    /// Notes that something is renewed that others are to be told.
    pub(super) fn updated(&self) {
        self.updates.send_replace(());
    }

    /// Finds out what a majority has noted, and tells those who wait for it. This member has noted everything.
    fn count(&self, marks: &Marks, tenure: Leadership) {
        let own = self.consensus.identity().member_id;
        let noted = self.table().noted_by(tenure);
        let electorate = self.consensus.electorate();
        let reached = electorate.reached(|id| if id == own { noted } else { marks.of(id) });
        self.noted.send_if_modified(|(leadership, mark)| {
            let is_more = *leadership == tenure && *mark < reached;
            if is_more {
                *mark = reached;
            }
            is_more
        });
    }
}
