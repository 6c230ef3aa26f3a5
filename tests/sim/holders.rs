//! Holders: clients that hold leases, and one who looks what becomes of them.
//!
//! Each holder renews what it holds as a holder has to that keeps its promise. One lease of each dies on the way. An
//! observer asks all the time which leases have lapsed and which instances a default answer holds. What may not be:
//!
//! - a lease lapses within its TTL after a renewal was sent that was answered;
//! - a lease lapses that is renewed as promised, whatever becomes of the members;
//! - a lease that is not renewed any more stays longer than the bound allows;
//! - an answer collapses when most holders of a zone fall silent, or one of these has to register again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quorate_client::{Builder, Client, Error, LeaseOptions, Lifetime, RegisterOptions};
use quorate_model::{Consistency, Filter, LeaseId, LeaseTtl, RemoveAfter, Renewal, ServiceName};
use quorate_tests::{id, parts, registration, service};

/// How many holders there are, and how many leases each holds that are to live.
const HOLDERS: u32 = 5;
const LEASES_PER_HOLDER: u32 = 5;

/// The holders that fall silent with their zone: 60 % of all.
const ZONE_HOLDERS: u32 = 3;

/// The fewest instances that a default answer may hold of those that are to live: lapses up to the guard's share, or too
/// few to be looked at, may be out.
const ANSWERED_LEAST: usize = (HOLDERS * LEASES_PER_HOLDER) as usize - 4;

/// Between two looks of the observer.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long leases stay that have lapsed: none is to go in a run.
const REMOVE_AFTER_MS: u64 = 120_000;

/// All that is known of leases. Clones are the same books.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holders {
    books: Arc<Mutex<Books>>,
    /// Whether the zone has fallen silent.
    silence: Arc<AtomicBool>,
    /// Whether no holder runs.
    suspension: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Books {
    leases: BTreeMap<LeaseId, Entry>,
    /// When the zone fell silent for the first time.
    silent_since: Option<Duration>,
    problems: BTreeSet<String>,
    renewals: u64,
    looks: u64,
    lapses: u64,
    latest_ms: u64,
}

/// What is known of one lease.
#[derive(Debug, Clone, Copy)]
struct Entry {
    holder: u32,
    ttl: Duration,
    /// The last renewal that was answered: when it was sent, and when it was answered.
    answered: (Duration, Duration),
    /// When its holder had sent its last renewal and waited for it, if that was its last.
    died: Option<Duration>,
    lapsed: bool,
}

/// What the members say of the time that does not count, since a moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slack {
    /// The most that any member has left out.
    pub(crate) uncounted: Duration,
    /// The time in which no leader would have let leases lapse.
    pub(crate) unarmed: Duration,
    /// Times that leases were given their full TTL, and restarts that may hide one.
    pub(crate) resets: u32,
}

// === impl Holders ===

impl Holders {
    /// The hosts of all holders, by their names.
    pub(crate) fn numbers() -> impl Iterator<Item = u32> {
        1..=HOLDERS
    }

    /// Lets the zone fall silent, or speak again.
    pub(crate) fn silence(&self, silent: bool) {
        self.silence.store(silent, Ordering::Relaxed);
        if silent {
            self.lock().silent_since.get_or_insert(now());
        }
    }

    /// Has no holder run, or all again.
    pub(crate) fn suspend(&self, suspended: bool) {
        self.suspension.store(suspended, Ordering::Relaxed);
    }

    fn are_suspended(&self) -> bool {
        self.suspension.load(Ordering::Relaxed)
    }

    /// Waits while no holder runs. Then each takes another moment until it has come to itself.
    async fn wake(&self, number: u32, ttl: Duration) {
        if !self.are_suspended() {
            return;
        }
        while self.are_suspended() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(ttl / 6 * number / HOLDERS).await;
    }

    /// Holds leases for ever. `dies_at` is when it stops to renew one of them.
    pub(crate) async fn hold(self, number: u32, builder: Builder, ttl: Duration, dies_at: Duration) -> turmoil::Result {
        let granting = builder.clone().deadline(Duration::from_secs(20)).build()?;
        let mut live = Vec::new();
        for place in 0..LEASES_PER_HOLDER {
            live.push(self.open(&granting, number, &service("fleet"), place, ttl).await?);
        }
        let own = service(&format!("dying-{number}"));
        let dying = self.open(&granting, number, &own, 0, ttl).await?;
        // A holder tries every third of the TTL, and gives each try a sixth of it.
        let renewing = builder.deadline(ttl / 3).build()?;
        loop {
            self.wake(number, ttl).await;
            let begun = now();
            let is_silent = number <= ZONE_HOLDERS && self.silence.load(Ordering::Relaxed);
            let lives_on = begun < dies_at;
            if !is_silent {
                let mut held = live.clone();
                held.extend(lives_on.then_some(dying));
                self.renew(&renewing, held).await;
            }
            if !lives_on {
                self.note_death(dying);
            }
            let pause = (begun + ttl / 3).saturating_sub(now());
            tokio::time::sleep(pause.max(Duration::from_millis(5))).await;
        }
    }

    async fn open(
        &self,
        client: &Client,
        holder: u32,
        of: &ServiceName,
        place: u32,
        ttl: Duration,
    ) -> Result<LeaseId, Error> {
        let options = LeaseOptions {
            ttl: LeaseTtl::try_from(ttl).expect("a valid TTL"),
            remove_after: RemoveAfter::from_ms(REMOVE_AFTER_MS).ok(),
            ..LeaseOptions::default()
        };
        loop {
            let begun = now();
            let Ok(granted) = client.grant_lease(options.clone()).await else {
                continue;
            };
            let lease = granted.value.lease;
            let entry = Entry {
                holder,
                ttl,
                // A grant is no renewal: nothing is promised before it is answered.
                answered: (begun, now()),
                died: None,
                lapsed: false,
            };
            self.lock().leases.insert(lease, entry);
            let kept = RegisterOptions {
                lifetime: Lifetime::Lease(lease),
                ..registration(parts(80))
            };
            let instance = id(&format!("{holder}-{place}"));
            while client.register(of, &instance, kept.clone()).await.is_err() {
                self.renew(client, vec![lease]).await;
            }
            return Ok(lease);
        }
    }

    /// Renews leases, again and again until it is answered or time for the next renewal.
    async fn renew(&self, client: &Client, leases: Vec<LeaseId>) {
        let begun = now();
        loop {
            let sent = now();
            if let Ok(answer) = client.renew(leases.clone()).await {
                let mut books = self.lock();
                for renewed in answer.value {
                    books.note_renewal(renewed.lease, renewed.renewal, sent);
                }
                return;
            }
            if now() >= begun + Duration::from_millis(500) || self.are_suspended() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn note_death(&self, lease: LeaseId) {
        if let Some(entry) = self.lock().leases.get_mut(&lease) {
            entry.died.get_or_insert(now());
        }
    }

    /// Looks for ever what has become of leases. `slack` says what the members leave out.
    pub(crate) async fn observe(self, builder: Builder, slack: impl Fn(Duration) -> Slack) -> turmoil::Result {
        let client = builder.deadline(Duration::from_secs(1)).build()?;
        let client = client.with_consistency(Consistency::Linearizable);
        let mut least = 0;
        loop {
            let asked = now();
            if let Ok(answer) = client.list_leases(false).await {
                let lapsed = answer
                    .value
                    .iter()
                    .filter(|state| state.lapsed)
                    .map(|state| state.lease.id);
                let lapsed: BTreeSet<LeaseId> = lapsed.collect();
                self.lock().note_look(&lapsed, asked, now(), &slack);
            }
            if let Ok(answer) = client.resolve(&service("fleet"), Filter::default()).await {
                let count = answer.value.instances.len();
                least = least.max(count.min(ANSWERED_LEAST));
                if count < least {
                    self.lock().problems.insert(format!(
                        "a default answer of the fleet shrank to {count}, below {least}"
                    ));
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What is to be said of the run, and what was counted.
    pub(crate) fn verdict(&self) -> (Vec<String>, [(&'static str, u64); 4]) {
        let books = self.lock();
        let counts = [
            ("leases/renewals answered", books.renewals),
            ("leases/looks", books.looks),
            ("leases/lapses of dead leases", books.lapses),
            ("leases/longest ms after the TTL", books.latest_ms),
        ];
        (books.problems.iter().cloned().collect(), counts)
    }

    /// Whether all leases that died have been seen lapsed.
    pub(crate) fn dead_are_out(&self) -> bool {
        self.lock()
            .leases
            .values()
            .all(|entry| entry.died.is_none() || entry.lapsed)
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Books ===

impl Books {
    fn note_renewal(&mut self, lease: LeaseId, renewal: Renewal, sent: Duration) {
        self.renewals += 1;
        let was_silent = self.silent_since.is_some();
        let Some(entry) = self.leases.get_mut(&lease) else {
            return;
        };
        entry.answered = (sent, now());
        let may_lapse = entry.holder <= ZONE_HOLDERS && was_silent;
        match renewal {
            Renewal::Live => {}
            Renewal::Revived if may_lapse => {}
            Renewal::Revived | Renewal::Unknown => {
                let problem = format!("lease {lease} was renewed as promised, and found {renewal}: {entry:?}");
                self.problems.insert(problem);
            }
        }
    }

    /// Notes which leases had lapsed in an answer that was asked for and given at these moments.
    fn note_look(
        &mut self,
        lapsed: &BTreeSet<LeaseId>,
        asked: Duration,
        given: Duration,
        slack: &impl Fn(Duration) -> Slack,
    ) {
        self.looks += 1;
        for (lease, entry) in &mut self.leases {
            let (sent, answered) = entry.answered;
            if lapsed.contains(lease) {
                // What the answer shows comes after the renewal only if that had been answered before.
                if answered <= asked && given < sent + entry.ttl {
                    self.problems
                        .insert(format!("lease {lease} lapsed too early, seen at {given:?}: {entry:?}"));
                }
                if let Some(died) = entry.died.filter(|_| !std::mem::replace(&mut entry.lapsed, true)) {
                    self.lapses += 1;
                    let late = given.saturating_sub(died + entry.ttl);
                    self.latest_ms = self.latest_ms.max(u64::try_from(late.as_millis()).unwrap_or(u64::MAX));
                }
            } else if let Some(died) = entry.died.filter(|_| !entry.lapsed) {
                let Slack {
                    uncounted,
                    unarmed,
                    resets,
                } = slack(died);
                let bound = entry.ttl.mul_f64(1.11) + Duration::from_secs(3);
                // Nothing lapses without a leader, and up to three seconds of that count for leases each time.
                let more =
                    unarmed + uncounted.mul_f64(1.06) + (entry.ttl.mul_f64(1.06) + Duration::from_secs(2)) * resets;
                if asked > died + bound + more {
                    self.problems.insert(format!(
                        "lease {lease} is not renewed and has not lapsed at {asked:?}, {uncounted:?}, \
                         {unarmed:?} unarmed and {resets} resets allowed for: {entry:?}"
                    ));
                }
            }
        }
    }
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
