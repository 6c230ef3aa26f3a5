//! Members hang, fall behind and are cut off: what they answer is never staler than they say, never beyond a bound,
//! and never older than what was asked for.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use quorate_client::{DEADLINE_DEFAULT, Error};
use quorate_model::{Consistency, Filter, MaxStaleness, Revision};
use quorate_proto::registry::{self as pb, consistency::Mode, registry_client::RegistryClient};
use quorate_tests::{
    Cluster, History, Load, Member, Outcome, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, figure, seed, service,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{task::JoinSet, time::Instant};
use tonic::{Code, Request, transport::Channel};

use crate::wire;

/// Samples of stale reads that are wanted, of all members together.
const STALE_SAMPLES: usize = 10_000;

/// Samples of each other mode, at least.
const OTHER_SAMPLES: usize = 300;

/// Answers that lacked a write that was acknowledged before they were asked for, at least: without any, nothing would
/// have been tested.
const BEHIND_SAMPLES: usize = 50;

/// Times that a member hangs.
const PAUSES: usize = 30;

/// The bounds that are asked for: the tighter ones need a confirmation of their own each time, which takes its time
/// while members hang.
const TIGHT_MS: [u64; 2] = [20, 110];
const WIDE_MS: [u64; 2] = [250, 1_000];

/// How long a sample may take: longer than most pauses, so that those asked for meanwhile are answered.
const SAMPLE_TIME: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
enum Asked {
    Stale,
    Bounded(u64),
    AtLeast(u64),
}

/// One answer.
#[derive(Debug, Clone, Copy)]
struct Sample {
    member: u64,
    what: Asked,
    asked_at: Instant,
    revision: u64,
    stated: Option<Duration>,
}

/// A time in which a member did nothing.
#[derive(Debug, Clone, Copy)]
struct Pause {
    member: u64,
    from: Instant,
    to: Instant,
}

/// Readers that read from each member until they are stopped.
struct Readers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// The newest revision that any answer has shown.
    newest: AtomicU64,
    stale: AtomicUsize,
    by_member: Mutex<BTreeMap<u64, usize>>,
    samples: Mutex<Vec<Sample>>,
}

#[tokio::test]
async fn no_answer_is_staler_than_it_says_nor_older_than_what_was_asked_for() {
    let cluster = Cluster::start(3).await;
    let seed = seed();
    let load = Load::start(&cluster, 6, seed);
    load.acknowledges(100, READY_WITHIN).await;
    let readers = Readers::start(&cluster).await;
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut pauses = Vec::new();
    for round in 0..PAUSES {
        let is_long = round % 10 == 9;
        let member = if is_long {
            cluster.leader().await
        } else {
            cluster.member(rng.random_range(1..=3))
        };
        member.pause_now().await;
        let from = Instant::now();
        if is_long {
            // Until there is another leader, of which this one does not know.
            load.acknowledges(20, READY_WITHIN).await;
        } else {
            readers
                .take(rng.random_range(50..300), |it| it != member.number())
                .await;
        }
        let to = Instant::now();
        member.resume();
        pauses.push(Pause {
            member: member.number(),
            from,
            to,
        });
        readers.take(30, |it| it == member.number()).await;
    }
    let samples = readers.finish().await;
    let history = load.stop().await;
    judge(&samples, &pauses, &history);
    cluster.converge(SETTLED_WITHIN).await;
}

/// Fails unless every sample kept what it promised.
fn judge(samples: &[Sample], pauses: &[Pause], history: &History) {
    let missing_since = missing_since(history);
    let (mut stale, mut bounded, mut at_least, mut unstated) = (0, 0, 0, 0);
    let (mut behind, mut worst, mut closest) = (0, Duration::ZERO, 0.0_f64);
    for sample in samples {
        // The first write that the answer lacks, among all later ones, was acknowledged so long before.
        let later = missing_since.range(sample.revision + 1..).next();
        let truth = later.map_or(Duration::ZERO, |(_, since)| {
            sample.made_after(pauses).saturating_duration_since(*since)
        });
        if !truth.is_zero() {
            behind += 1;
            worst = worst.max(truth);
        }
        match sample.stated {
            Some(stated) => {
                assert!(stated >= truth, "truly {truth:?} behind: {sample:?}");
                if !truth.is_zero() {
                    closest = closest.max(truth.as_secs_f64() / stated.as_secs_f64());
                }
            }
            None => unstated += 1,
        }
        match sample.what {
            Asked::Stale => stale += 1,
            Asked::Bounded(max_ms) => {
                bounded += 1;
                let max = Duration::from_millis(max_ms);
                assert!(sample.stated.is_some_and(|stated| stated <= max), "{sample:?}");
            }
            Asked::AtLeast(revision) => {
                at_least += 1;
                assert!(sample.revision >= revision, "{sample:?}");
            }
        }
    }
    figure(format_args!(
        "{stale} stale, {bounded} bounded, {at_least} at-least answers; {behind} lacked an acknowledged write, for up \
         to {worst:?}, and {closest:.3} of what was stated at most; {unstated} said nothing of their staleness; 0 were staler than they said"
    ));
    assert!(stale >= STALE_SAMPLES && bounded >= OTHER_SAMPLES && at_least >= OTHER_SAMPLES);
    assert!(behind >= BEHIND_SAMPLES, "hardly any answer was behind");
}

/// By revision: when a state that lacks this write, or any later one, began to lack one that was acknowledged.
fn missing_since(history: &History) -> BTreeMap<u64, Instant> {
    let acknowledged = history
        .operations()
        .iter()
        .filter_map(|operation| match operation.outcome {
            Outcome::Acknowledged(revision) => Some((revision.get(), operation.ended)),
            Outcome::NotDone | Outcome::Unknown => None,
        });
    let by_revision: BTreeMap<u64, Instant> = acknowledged.collect();
    let mut earliest = None;
    let from_the_last = by_revision.into_iter().rev().map(|(revision, ended)| {
        let since = earliest.map_or(ended, |earliest: Instant| earliest.min(ended));
        earliest = Some(since);
        (revision, since)
    });
    from_the_last.collect()
}

#[tokio::test]
async fn a_member_that_is_cut_off_answers_what_it_knows_and_refuses_what_it_cannot_know() {
    let cluster = Cluster::start(3).await;
    let followers = cluster.followers().await;
    let (alone, others) = (followers[0], [cluster.leader().await, followers[1]]);
    let mut client = wire::registry(alone).await;
    let before = resolve(&mut client, Mode::Linearizable(pb::consistency::Linearizable {})).await;
    let before = before.expect("a whole cluster answers");
    let at_least = |epoch, revision| Mode::AtLeast(pb::consistency::AtLeast { epoch, revision });
    let bounded = |max_staleness_ms| Mode::Bounded(pb::consistency::Bounded { max_staleness_ms });

    for other in others {
        other.pause();
    }
    let stale = eventually(READY_WITHIN, "the stated staleness grows", async || {
        let header = resolve(&mut client, Mode::Stale(pb::consistency::Stale {})).await;
        let header = header.map_err(|status| status.to_string())?;
        ensure(header.staleness_ms >= Some(2_000), format!("{header:?}")).map(|()| header)
    })
    .await;
    assert!(stale.revision >= before.revision);
    let seen = resolve(&mut client, at_least(before.epoch, before.revision)).await;
    seen.expect("what is there needs nobody");
    resolve(&mut client, bounded(60_000))
        .await
        .expect("a bound that is kept needs nobody");
    for consistency in [
        Consistency::Bounded {
            max_staleness: MaxStaleness::from_ms(500).expect("more than 0"),
        },
        Consistency::AtLeast {
            epoch: None,
            revision: Revision::new(before.revision + 1_000),
        },
        Consistency::Linearizable,
    ] {
        let asked_at = Instant::now();
        let client = alone.client().with_consistency(consistency);
        let refused = client.resolve(&service("nobody"), Filter::default()).await.unwrap_err();
        assert!(
            matches!(refused, Error::Unavailable { .. } | Error::Deadline { .. }),
            "{consistency:?}: {refused}"
        );
        let waited = asked_at.elapsed();
        assert!(
            waited < DEADLINE_DEFAULT + Duration::from_secs(2),
            "{consistency:?}: {waited:?}"
        );
    }
    for other in others {
        other.resume();
    }

    alone.wait_ready().await;
    resolve(&mut client, bounded(500))
        .await
        .expect("the cluster is whole again");
    let ahead = resolve(&mut client, at_least(0, before.revision + 1_000))
        .await
        .unwrap_err();
    assert_eq!(
        (ahead.code(), wire::reason(&ahead)),
        (Code::FailedPrecondition, "REVISION_AHEAD")
    );
    let other = resolve(&mut client, at_least(before.epoch + 1, 1)).await.unwrap_err();
    assert_eq!(
        (other.code(), wire::reason(&other)),
        (Code::FailedPrecondition, "EPOCH_MISMATCH")
    );
}

/// The header of an answer to a question that costs little.
async fn resolve(client: &mut RegistryClient<Channel>, mode: Mode) -> Result<pb::ResponseHeader, tonic::Status> {
    let mut request = Request::new(pb::ResolveRequest {
        service: "nobody".to_owned(),
        consistency: Some(pb::Consistency { mode: Some(mode) }),
        ..pb::ResolveRequest::default()
    });
    request.set_timeout(SAMPLE_TIME);
    let answer = client.resolve(request).await?.into_inner();
    Ok(answer.header.expect("every answer has a header"))
}

// === impl Sample ===

impl Sample {
    /// A moment before which the answer cannot have been made: when it was asked for, or, if its member did nothing
    /// then, when that went on.
    fn made_after(&self, pauses: &[Pause]) -> Instant {
        let pause = pauses
            .iter()
            .find(|pause| pause.member == self.member && (pause.from..pause.to).contains(&self.asked_at));
        pause.map_or(self.asked_at, |pause| pause.to)
    }
}

// === impl Readers ===

impl Readers {
    /// Sets readers of each mode going, at each member.
    async fn start(cluster: &Cluster) -> Self {
        let mut readers = Self {
            shared: Arc::default(),
            tasks: JoinSet::new(),
        };
        for member in cluster.members() {
            for reader in 0..8 {
                readers.add(member, reader).await;
            }
        }
        readers
    }

    async fn add(&mut self, member: &Member, reader: usize) {
        let (shared, mut client) = (Arc::clone(&self.shared), wire::registry(member).await);
        let member = member.number();
        self.tasks.spawn(async move {
            for round in 0.. {
                if shared.stop.load(Ordering::Relaxed) {
                    break;
                }
                let what = match reader {
                    0 => Asked::Bounded(TIGHT_MS[round % TIGHT_MS.len()]),
                    1 => Asked::Bounded(WIDE_MS[round % WIDE_MS.len()]),
                    2 => Asked::AtLeast(shared.newest.load(Ordering::Relaxed)),
                    _ => Asked::Stale,
                };
                let asked_at = Instant::now();
                match resolve(&mut client, what.mode()).await {
                    Ok(header) => shared.add(Sample {
                        member,
                        what,
                        asked_at,
                        revision: header.revision,
                        stated: header.staleness_ms.map(Duration::from_millis),
                    }),
                    Err(status) => assert!(what.may_fail_with(status.code()), "{what:?}: {status}"),
                }
            }
        });
    }

    /// Waits for `count` more samples of the members that are wanted.
    async fn take(&self, count: usize, is_wanted: impl Fn(u64) -> bool) {
        let taken = || {
            let by_member = self.shared.by_member.lock().unwrap_or_else(PoisonError::into_inner);
            by_member
                .iter()
                .filter(|(member, _)| is_wanted(**member))
                .map(|(_, count)| count)
                .sum::<usize>()
        };
        let wanted = taken() + count;
        eventually(SETTLED_WITHIN, "samples are taken", async || {
            ensure(taken() >= wanted, format!("{} of {wanted}", taken()))
        })
        .await;
    }

    /// Waits until there are enough samples, and stops.
    async fn finish(self) -> Vec<Sample> {
        let taken = || self.shared.stale.load(Ordering::Relaxed);
        eventually(SETTLED_WITHIN, "there are enough samples", async || {
            ensure(taken() >= STALE_SAMPLES, format!("{} stale ones", taken()))
        })
        .await;
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        std::mem::take(&mut self.shared.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Shared ===

impl Shared {
    fn add(&self, sample: Sample) {
        self.newest.fetch_max(sample.revision, Ordering::Relaxed);
        if matches!(sample.what, Asked::Stale) {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        let mut by_member = self.by_member.lock().unwrap_or_else(PoisonError::into_inner);
        *by_member.entry(sample.member).or_default() += 1;
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
    }
}

// === impl Asked ===

impl Asked {
    fn mode(self) -> Mode {
        match self {
            Self::Stale => Mode::Stale(pb::consistency::Stale {}),
            Self::Bounded(max_staleness_ms) => Mode::Bounded(pb::consistency::Bounded { max_staleness_ms }),
            Self::AtLeast(revision) => Mode::AtLeast(pb::consistency::AtLeast { epoch: 0, revision }),
        }
    }

    /// Time may run out at a member that hangs, and a quorum may be missing; nothing else may be wrong, and a stale
    /// read needs nobody.
    fn may_fail_with(self, code: Code) -> bool {
        let out_of_time = matches!(code, Code::DeadlineExceeded | Code::Cancelled);
        match self {
            Self::Stale => out_of_time,
            Self::Bounded(_) | Self::AtLeast(_) => out_of_time || code == Code::Unavailable,
        }
    }
}
