//! Leases that are held at servers that do what they are told, in simulated time.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use super::*;
use crate::peers::{Answered, Renewing};

/// Servers in memory.
#[derive(Default)]
struct Fake {
    next: AtomicU64,
    /// The doors behind which nobody renews.
    silent: Vec<usize>,
    /// How often each door renewed each lease.
    renewed: Arc<Mutex<BTreeMap<(usize, u64), u64>>>,
    revoked: AtomicU64,
    registered: AtomicU64,
    /// The lease that has lapsed whenever it is renewed.
    lapsing: Option<u64>,
}

impl Target for Fake {
    fn doors(&self) -> usize {
        3
    }

    async fn grant(&self, _door: usize, _ttl: LeaseTtl) -> Result<u64, String> {
        Ok(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn register(&self, _door: usize, _behind: usize, leases: &[u64]) -> Result<(), String> {
        self.registered.fetch_add(leases.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn revoke(&self, _door: usize, _lease: u64) {
        self.revoked.fetch_add(1, Ordering::Relaxed);
    }

    fn renew(&self, door: usize) -> Renewing {
        let (frames, mut waiting) = mpsc::unbounded_channel::<(u64, Vec<u64>)>();
        let (told, answers) = mpsc::channel(8);
        let (renewed, lapsing) = (Arc::clone(&self.renewed), self.lapsing);
        let is_silent = self.silent.contains(&door);
        let mut pump = JoinSet::new();
        pump.spawn(async move {
            while let Some((frame, leases)) = waiting.recv().await {
                if is_silent {
                    continue;
                }
                let lapsed = leases.iter().filter(|lease| Some(**lease) == lapsing).count() as u64;
                for lease in &leases {
                    *renewed.lock().unwrap().entry((door, *lease)).or_default() += 1;
                }
                let answered = Answered {
                    frame,
                    renewed: leases.len() as u64 - lapsed,
                    lapsed,
                };
                let _unheard = told.send(answered).await;
            }
        });
        Renewing {
            frames,
            answers,
            _pump: pump,
        }
    }

    async fn log_index(&self) -> Result<u64, String> {
        Ok(7)
    }

    async fn lapsed(&self, _leases: &[u64]) -> Result<u64, String> {
        Ok(0)
    }
}

fn plan() -> HoldPlan {
    HoldPlan {
        peer: Peer::Quorate,
        endpoints: vec!["127.0.0.1:1".parse().unwrap()],
        leases: 3_000,
        ttl: LeaseTtl::from_ms(6_000).unwrap(),
        time: Duration::from_secs(20),
        register: false,
        pids: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn every_lease_is_renewed_each_third_of_its_time_at_its_own_server() {
    let target = Arc::new(Fake::default());
    let plan = HoldPlan {
        register: true,
        ..plan()
    };
    let figures = hold_at(Arc::clone(&target), &plan).await.unwrap();
    assert!(figures.is_held(), "{figures:?}");
    // 3,000 leases each 2 s.
    assert!((figures.renewals_per_second - 1_500.0).abs() < 10.0, "{figures:?}");
    assert_eq!((figures.log_entries_from_renewals, figures.server_cores), (0, None));
    let renewed = target.renewed.lock().unwrap();
    assert_eq!(renewed.len(), 3_000, "each at one server");
    let doors = [0, 1, 2].map(|wanted| renewed.keys().filter(|(door, _)| *door == wanted).count());
    assert_eq!(doors, [1_000; 3]);
    // 2 s before it counts, 20 s, and 1 s afterwards.
    assert!(renewed.values().all(|count| (11..=13).contains(count)), "{renewed:?}");
    assert_eq!(target.revoked.load(Ordering::Relaxed), 3_000);
    assert_eq!(target.registered.load(Ordering::Relaxed), 3_000);
}

#[tokio::test(start_paused = true)]
async fn what_a_silent_server_owes_is_late_and_renewed_at_another() {
    let target = Arc::new(Fake {
        silent: vec![1],
        ..Fake::default()
    });
    let figures = hold_at(Arc::clone(&target), &plan()).await.unwrap();
    // It was found out before it counted.
    assert!(figures.is_held(), "{figures:?}");
    assert!((figures.renewals_per_second - 1_500.0).abs() < 10.0, "{figures:?}");
    let all_silent = Fake {
        silent: vec![0, 1, 2],
        ..Fake::default()
    };
    let figures = hold_at(Arc::new(all_silent), &plan()).await.unwrap();
    assert!(figures.late_renewals >= 29_000, "{figures:?}");
    assert!(figures.renewals_per_second.abs() < f64::EPSILON, "{figures:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_lapses_is_seen() {
    let target = Fake {
        lapsing: Some(1_234),
        ..Fake::default()
    };
    let figures = hold_at(Arc::new(target), &plan()).await.unwrap();
    assert!((11..=13).contains(&figures.false_lapses), "{figures:?}");
}

#[tokio::test]
async fn a_plan_without_leases_time_or_servers_or_with_too_many_leases_is_refused() {
    for plan in [
        HoldPlan { leases: 0, ..plan() },
        HoldPlan {
            leases: LEASES_MAX + 1,
            ..plan()
        },
        HoldPlan {
            time: Duration::ZERO,
            ..plan()
        },
        HoldPlan {
            endpoints: Vec::new(),
            ..plan()
        },
    ] {
        assert!(matches!(hold(&plan).await, Err(Error::Plan(_))));
    }
}
