//! What the members say of themselves, seen by one who asks all of them all the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quorate_client::{Answer, Builder, Client, Role, Status};

use crate::{holders::Slack, network::client_door};

/// Between two questions to one member.
const PERIOD: Duration = Duration::from_millis(150);

/// What was seen. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sightings(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// The last that each host said, and when.
    newest: BTreeMap<usize, (Duration, Answer<Status>)>,
    /// The highest term that each member has said that it is in.
    terms: BTreeMap<u64, u64>,
    /// The hash of each state that anybody has told, and who did.
    hashes: BTreeMap<u64, (String, u64)>,
    /// Comparisons of hashes that members told of the same state.
    compared: u64,
    problems: BTreeSet<String>,
    /// Whether a member has said that the cluster is read-only.
    read_only: bool,
    /// What each host has said that does not count for leases, and when it said more than before.
    uncounted: BTreeMap<usize, Vec<(Duration, Duration)>>,
    /// When a host had given leases their full time, or had begun anew and may have.
    resets: Vec<Duration>,
    /// When a host said that it would let leases lapse.
    armed: Vec<Duration>,
    /// The last that each host said of the two.
    lessors: BTreeMap<usize, (Duration, u64)>,
}

// === impl Sightings ===

impl Sightings {
    /// Asks a host for ever.
    pub(crate) async fn look(self, host: usize, name: Arc<str>, builder: Builder) -> turmoil::Result {
        let builder = builder.endpoints([client_door(&name)]).discover(false);
        let client: Client = builder.deadline(Duration::from_millis(500)).build()?;
        loop {
            if let Ok(answer) = client.status().await {
                let now = turmoil::sim_elapsed().unwrap_or_default();
                self.lock().note(host, now, answer);
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// The last that a host said, if it is not older than `since`.
    pub(crate) fn of(&self, host: usize, since: Duration) -> Option<Answer<Status>> {
        let seen = self.lock();
        let (at, answer) = seen.newest.get(&host)?;
        (*at >= since).then(|| answer.clone())
    }

    /// The host that said most lately that it leads.
    pub(crate) fn leader(&self) -> Option<usize> {
        let seen = self.lock();
        let leaders = seen.newest.iter().filter(|(_, (_, it))| it.value.role == Role::Leader);
        leaders
            .max_by_key(|(_, (at, it))| (it.header.term, *at))
            .map(|(host, _)| *host)
    }

    /// Whether a member has said that the cluster is read-only since this was asked last.
    pub(crate) fn take_read_only(&self) -> bool {
        std::mem::take(&mut self.lock().read_only)
    }

    /// What the members have left out for leases since a moment.
    pub(crate) fn slack(&self, since: Duration) -> Slack {
        let seen = self.lock();
        // What was told at most one look after it had happened.
        let since = since.saturating_sub(PERIOD * 4);
        let of_host = |told: &Vec<(Duration, Duration)>| -> Duration {
            told.iter().filter(|(at, _)| *at >= since).map(|(_, more)| *more).sum()
        };
        Slack {
            unarmed: seen.unarmed(since),
            uncounted: seen.uncounted.values().map(of_host).sum(),
            resets: u32::try_from(seen.resets.iter().filter(|at| **at >= since).count()).unwrap_or(u32::MAX),
        }
    }

    /// How often two members told of the same state, and what they told that cannot be.
    pub(crate) fn verdict(&self) -> (u64, Vec<String>) {
        let seen = self.lock();
        (seen.compared, seen.problems.iter().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Seen ===

impl Seen {
    fn note(&mut self, host: usize, now: Duration, answer: Answer<Status>) {
        let (member, term) = (answer.header.member_id.get(), answer.header.term.get());
        let highest = self.terms.entry(member).or_default();
        if term < *highest {
            let problem = format!("member {member} is in term {term} at {now:?}, and was in term {highest} before");
            self.problems.insert(problem);
        }
        *highest = term.max(*highest);
        self.read_only |= answer.value.read_only.is_some();
        self.compare(member, &answer);
        self.note_lessor(host, now, &answer.value);
        self.newest.insert(host, (now, answer));
    }

    /// The time since a moment in which no leader said that it would let leases lapse, but for what may pass between two
    /// looks.
    fn unarmed(&self, since: Duration) -> Duration {
        let now = turmoil::sim_elapsed().unwrap_or_default();
        let said = self.armed.iter().copied().filter(|at| *at > since).chain([now]);
        let gaps = said.scan(since, |before, at| {
            Some(at.saturating_sub(std::mem::replace(before, at)))
        });
        gaps.filter(|gap| *gap > PERIOD * 4).sum()
    }

    /// A host that says less than before has begun anew.
    fn note_lessor(&mut self, host: usize, now: Duration, status: &Status) {
        if status.leases.armed {
            self.armed.push(now);
        }
        let told = (status.leases.uncounted, status.leases.resets);
        let known = self.lessors.insert(host, told).unwrap_or_default();
        let is_new = told.0 < known.0 || told.1 < known.1;
        let (uncounted, resets) = if is_new { Default::default() } else { known };
        let more = told.0.saturating_sub(uncounted);
        if !more.is_zero() {
            self.uncounted.entry(host).or_default().push((now, more));
        }
        if is_new || told.1 > resets {
            self.resets.push(now);
        }
    }

    fn compare(&mut self, member: u64, answer: &Answer<Status>) {
        let (revision, hash) = (answer.header.revision.get(), answer.value.state_hash.to_string());
        match self.hashes.get(&revision) {
            None => drop(self.hashes.insert(revision, (hash, member))),
            Some((known, teller)) if *known != hash => {
                let problem = format!(
                    "at revision {revision} member {member} has the state {hash}, and member {teller} had {known}"
                );
                self.problems.insert(problem);
            }
            Some((_, teller)) => self.compared += u64::from(*teller != member),
        }
    }
}
