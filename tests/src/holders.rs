//! Holders of leases that keep their promise: each lease is renewed every third of its TTL, through whichever member
//! answers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quorate_client::{Client, LeaseOptions, Lifetime, RegisterOptions};
use quorate_model::{Generation, LeaseId, LeaseTtl, Renewal};
use tokio::{task::JoinSet, time::Instant};

use crate::{Cluster, id, parts, registration, service};

/// Grants and registrations under way at a time.
const AT_ONCE: usize = 64;

/// Holders of leases, each of which keeps one instance. They renew until this is dropped.
#[derive(Debug)]
pub struct Holders {
    held: Vec<Held>,
    shared: Arc<Shared>,
    /// Aborted when dropped.
    _renewing: JoinSet<()>,
}

/// A lease and what it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The lease.
    pub lease: LeaseId,
    /// The generation of its instance.
    pub generation: Generation,
}

#[derive(Debug, Default)]
struct Shared {
    /// The places of those that are not renewed.
    silent: Mutex<BTreeSet<usize>>,
    seen: Mutex<Seen>,
}

/// What renewals were answered with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many were answered.
    pub answered: u64,
    /// How many leases were found revived, one count for each time.
    pub revived: u64,
    /// How many leases were not known, one count for each time.
    pub unknown: u64,
}

// === impl Holders ===

impl Holders {
    /// Grants so many leases and registers an instance with each: `holder-0` and so on of the service. Renews them through
    /// all members.
    pub async fn settle(cluster: &Cluster, of: &str, count: usize, ttl: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let held = settled(cluster, of, count, ttl).await;
        let mut renewing = JoinSet::new();
        let members = cluster.members().len();
        for lane in 0..members {
            let client = cluster.client_builder(lane).deadline(ttl / 4);
            let client = client.build().expect("a cluster with members");
            let mine = (0..count).filter(|place| place % members == lane);
            let mine: Vec<(usize, LeaseId)> = mine.map(|place| (place, held[place].lease)).collect();
            renewing.spawn(renew(client, mine, ttl, Arc::clone(&shared)));
        }
        Self {
            held,
            shared,
            _renewing: renewing,
        }
    }

    /// What is held, in the order of the instances.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// Lets these holders fall silent.
    pub fn silence(&self, places: impl IntoIterator<Item = usize>) {
        self.silent().extend(places);
    }

    /// Lets all holders speak.
    pub fn speak(&self) {
        self.silent().clear();
    }

    /// What renewals have been answered with so far.
    pub fn seen(&self) -> Seen {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn silent(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.shared.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn settled(cluster: &Cluster, of: &str, count: usize, ttl: Duration) -> Vec<Held> {
    let client = cluster.client();
    let mut held: Vec<Option<Held>> = vec![None; count];
    let mut settling = JoinSet::new();
    for place in 0..count {
        if settling.len() >= AT_ONCE
            && let Some(settled) = settling.join_next().await
        {
            let (place, one) = settled.expect("nobody panics while it settles");
            held[place] = Some(one);
        }
        let (client, of) = (client.clone(), of.to_owned());
        settling.spawn(async move { (place, settle_one(&client, &of, place, ttl).await) });
    }
    while let Some(settled) = settling.join_next().await {
        let (place, one) = settled.expect("nobody panics while it settles");
        held[place] = Some(one);
    }
    held.into_iter().map(|one| one.expect("all have settled")).collect()
}

async fn settle_one(client: &Client, of: &str, place: usize, ttl: Duration) -> Held {
    let options = LeaseOptions {
        ttl: LeaseTtl::try_from(ttl).expect("a valid TTL"),
        ..LeaseOptions::default()
    };
    let granted = client.grant_lease(options).await.expect("a lease is granted");
    let lease = granted.value.lease;
    let kept = RegisterOptions {
        lifetime: Lifetime::Lease(lease),
        ..registration(parts(80))
    };
    let registered = client
        .register(&service(of), &id(&format!("holder-{place}")), kept)
        .await;
    let generation = registered.expect("an instance is registered").value.generation;
    Held { lease, generation }
}

async fn renew(client: Client, leases: Vec<(usize, LeaseId)>, ttl: Duration, shared: Arc<Shared>) {
    loop {
        let begun = Instant::now();
        let speaking: Vec<LeaseId> = {
            let silent = shared.silent.lock().unwrap_or_else(PoisonError::into_inner);
            let speaking = leases.iter().filter(|(place, _)| !silent.contains(place));
            speaking.map(|(_, lease)| *lease).collect()
        };
        if !speaking.is_empty() {
            while begun.elapsed() < ttl / 3 {
                if let Ok(answer) = client.renew(speaking.clone()).await {
                    let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
                    for renewed in answer.value {
                        seen.answered += 1;
                        seen.revived += u64::from(renewed.renewal == Renewal::Revived);
                        seen.unknown += u64::from(renewed.renewal == Renewal::Unknown);
                    }
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        tokio::time::sleep_until(begun + ttl / 3).await;
    }
}
