//! What three real nodes do to their files is recorded under load, and replayed into the images that a power cut may
//! leave: the nodes start from them, and all that was acknowledged before the cut is there.
//!
//! Snapshots, purges and elections happen all the time, and leaders are deposed while nobody hears them, so that they
//! have to take entries back. The recorder and the model of a disk are those of the storage's own test, which says
//! more of them; they need `cc`, which linking needs anyway, and no root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use quorate_client::{Answer, Reason, Role, Status};
use quorate_model::{Consistency, InstanceId, ServiceName, Term};
use quorate_tests::{
    Cluster, Evidence, History, Load, Member, READY_WITHIN, SETTLED_WITHIN, Surroundings, ensure, eventually, figure,
    id, parts, registration, seed, service, skip,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::time::Instant;

use self::replay::{Disk, Operation, Syncs};

#[expect(dead_code, reason = "what a node prints acknowledges nothing")]
#[path = "../../crates/storage/tests/it/power_loss/replay.rs"]
mod replay;

const RECORDER: &str = "crates/storage/tests/it/power_loss/recorder.c";

/// How many images of each member; another number is given as `QUORATE_TEST_POWER_IMAGES`.
const IMAGES: usize = 6;

/// Images of the run that has to fail.
const PLANTED_IMAGES: usize = 8;

const MEMBERS: u64 = 3;

/// Writers at a time: some are always in flight when the power is cut.
const WRITERS: usize = 6;

/// Acknowledged writes before the first moment: the first snapshot is behind them.
const WARM: usize = 150;

/// Between two leaders that are deposed there are so many moments.
const MOMENTS_PER_LEADER: usize = 8;

/// How long a leader that nobody hears is given to answer. It cannot.
const UNHEARD: Duration = Duration::from_millis(200);

/// Snapshots and purges all the time, elections soon, and no ballast, which would be a part of every image.
const CONFIGURATION: &str = "snapshot_every_entries = 100\nlog_keep_entries = 10\ndisk_ballast_bytes = 0\n\
                             heartbeat_ms = 50\nelection_timeout_min_ms = 250\nelection_timeout_max_ms = 500\n";

/// How these figures are taken again.
const COMMAND: &str = "cargo build --release && QUORATE_TEST_BINARY=target/release/quorate QUORATE_TEST_EVIDENCE=1 \
                       QUORATE_TEST_POWER_IMAGES=300 TMPDIR=/dev/shm \
                       cargo test -p quorate-tests --test it -- power_images::nothing --nocapture";

/// A moment at which the power might have been cut.
struct Moment {
    /// What was acknowledged until then has to be there.
    at: Instant,
    /// A term that the members had come to. It takes a later one to lead them after the cut.
    term: Term,
    /// How long the record of each member was.
    recorded: Vec<usize>,
}

/// One member, as far as it was recorded.
struct Recorded {
    disk: Disk,
    operations: std::iter::Peekable<std::vec::IntoIter<(usize, Operation)>>,
}

/// Nodes that were recorded, and are down.
struct Recording {
    cluster: Cluster,
    history: History,
    moments: Vec<Moment>,
    members: Vec<Recorded>,
    /// Leaders that had to take back what nobody else had.
    deposed: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_by_real_nodes_is_lost_to_a_power_cut() {
    let images = env::var("QUORATE_TEST_POWER_IMAGES").map_or(IMAGES, |images| images.parse().unwrap());
    let seed = seed();
    let evidence = Evidence::begin("power-loss", COMMAND, seed);
    let mut rng = StdRng::seed_from_u64(seed);
    let Some(recording) = Recording::make(images, &mut rng).await else {
        return;
    };
    let (acknowledged, deposed) = (recording.history.counts().0 as u64, recording.deposed);
    let snapshots = recording.snapshots();
    assert!(snapshots > 0 && deposed > 0, "{snapshots} snapshots, {deposed} leaders");
    let Checked {
        acknowledged: checked,
        problems,
    } = recording.check(Syncs::All, &mut rng).await;
    assert_eq!(problems, [""; 0]);
    figure(format_args!(
        "{images} power cuts of {MEMBERS} members: {acknowledged} writes acknowledged and looked for {checked} times, \
         {snapshots} snapshots, {deposed} leaders deposed; nothing lost"
    ));
    // Getting here means that the last two are what they have to be.
    let figures = [
        ("images", images as u64 * MEMBERS),
        ("power_cuts_of_all_members", images as u64),
        ("acknowledged_writes", acknowledged),
        ("acknowledged_writes_looked_for", checked),
        ("snapshots_written", snapshots),
        ("leaders_that_took_entries_back", deposed),
        ("acknowledged_writes_lost", 0),
        ("images_unopenable", 0),
    ];
    if let Some(evidence) = evidence {
        evidence.keep(&figures);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_nodes_that_acknowledged_without_fdatasync_would_be_caught() {
    let mut rng = StdRng::seed_from_u64(seed());
    let Some(recording) = Recording::make(PLANTED_IMAGES, &mut rng).await else {
        return;
    };
    let problems = recording.check(Syncs::WithoutData, &mut rng).await.problems;
    figure(format_args!(
        "{} of {PLANTED_IMAGES} power cuts show the planted fault: {:?}",
        problems.len(),
        problems.first()
    ));
    assert_ne!(problems, [""; 0], "a harness that cannot fail proves nothing");
}

/// What images came to.
#[derive(Default)]
struct Checked {
    acknowledged: u64,
    problems: Vec<String>,
}

// === impl Recording ===

impl Recording {
    /// Records members under load until there are so many moments. None where there is no compiler.
    async fn make(moments: usize, rng: &mut StdRng) -> Option<Self> {
        let cluster = Cluster::start_with(MEMBERS, CONFIGURATION).await;
        let recorder = build_recorder(cluster.files())?;
        cluster.kill_all();
        let before: Vec<Disk> = cluster.members().iter().map(|it| Disk::load(&it.data())).collect();
        for member in cluster.members() {
            member.surround(Surroundings {
                environment: vec![
                    ("LD_PRELOAD".to_owned(), recorder.clone().into()),
                    ("RECORD_BELOW".to_owned(), member.data().into()),
                    ("RECORD_TO".to_owned(), record(member).into()),
                ],
                ..Surroundings::default()
            });
            member.start();
        }
        for member in cluster.members() {
            member.wait_ready().await;
        }
        let load = Load::start(&cluster, WRITERS, rng.random());
        let (moments, deposed) = collect(&cluster, &load, moments, rng).await;
        let history = load.stop().await;
        cluster.kill_all();
        let members = cluster.members().iter().zip(before).map(|(member, disk)| {
            member.surround(Surroundings::default());
            let operations = replay::parse(&fs::read(record(member)).unwrap());
            let operations = operations.into_iter().peekable();
            Recorded { disk, operations }
        });
        let members = members.collect();
        Some(Self {
            cluster,
            history,
            moments,
            members,
            deposed,
        })
    }

    /// How many snapshots were written.
    fn snapshots(&self) -> u64 {
        let operations = self.members.iter().flat_map(|member| member.operations.clone());
        let is_snapshot = |operation: &(usize, Operation)| {
            let Operation::Rename { to, .. } = &operation.1 else {
                return false;
            };
            to.parent().is_some_and(|parent| parent.ends_with("snapshots"))
        };
        operations.filter(is_snapshot).count() as u64
    }

    /// Starts the members from an image of each moment, and tells what they lack.
    async fn check(mut self, syncs: Syncs, rng: &mut StdRng) -> Checked {
        let mut checked = Checked::default();
        for (number, moment) in (1..).zip(&self.moments) {
            for ((member, recorded), upto) in self
                .cluster
                .members()
                .iter()
                .zip(&mut self.members)
                .zip(&moment.recorded)
            {
                recorded.replay(*upto, syncs);
                fs::remove_dir_all(member.data()).unwrap();
                fs::create_dir(member.data()).unwrap();
                recorded.disk.write_image(&member.data(), &member.data(), rng);
            }
            let history = self.history.until(moment.at);
            checked.acknowledged += history.counts().0 as u64;
            if let Err(problem) = start_from_images(&self.cluster, &history, moment.term).await {
                let of = self.moments.len();
                checked.problems.push(format!("power cut {number} of {of}: {problem}"));
            }
            self.cluster.kill_all();
        }
        checked
    }
}

// === impl Recorded ===

impl Recorded {
    /// Does what is in the record up to this length.
    fn replay(&mut self, upto: usize, syncs: Syncs) {
        while let Some((_, operation)) = self.operations.next_if(|(end, _)| *end <= upto) {
            self.disk.apply(&operation, syncs);
        }
    }
}

/// Builds the recorder, or says loudly why not.
fn build_recorder(into: &Path) -> Option<PathBuf> {
    let library = into.join("recorder.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(crate::tree::root().join(RECORDER))
        .arg("-ldl");
    match cc.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("cc is there and fails: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            skip(&format!("the recorder needs a C compiler: {error}"));
            None
        }
    }
}

/// Where the record of a member goes.
fn record(member: &Member) -> PathBuf {
    member.data().with_extension("record")
}

/// Moments under load, at random, and how many leaders were deposed meanwhile.
async fn collect(cluster: &Cluster, load: &Load, count: usize, rng: &mut StdRng) -> (Vec<Moment>, u64) {
    let (mut moments, mut deposed) = (Vec::new(), 0);
    let mut term = Term::ZERO;
    load.acknowledges(WARM, SETTLED_WITHIN).await;
    while moments.len() < count {
        // The first moments are in the middle of what a deposed leader leaves behind.
        if moments.len().is_multiple_of(MOMENTS_PER_LEADER) {
            load.acknowledges(20, SETTLED_WITHIN).await;
            term = depose(cluster).await;
            deposed += 1;
        } else {
            load.acknowledges(rng.random_range(1..30), SETTLED_WITHIN).await;
        }
        moments.push(moment(cluster, term, rng).await);
    }
    (moments, deposed)
}

/// Stops the time of all members, one after the other, as a power cut might. What any of them has told another by
/// then is in its record.
async fn moment(cluster: &Cluster, term: Term, rng: &mut StdRng) -> Moment {
    let at = Instant::now();
    let mut order: Vec<&Member> = cluster.members().iter().collect();
    order.shuffle(rng);
    for member in &order {
        member.pause();
    }
    for member in cluster.members() {
        member.pause_now().await;
    }
    let len = |member: &Member| usize::try_from(fs::metadata(record(member)).unwrap().len()).unwrap();
    let recorded = cluster.members().iter().map(len).collect();
    cluster.members().iter().for_each(Member::resume);
    Moment { at, term, recorded }
}

/// Leaves the leader alone with a write that nobody else gets, until another one leads: it has to take it back.
/// Returns the term of the other one.
async fn depose(cluster: &Cluster) -> Term {
    let leader = cluster.leader().await;
    let others: Vec<_> = cluster
        .members()
        .iter()
        .filter(|it| it.number() != leader.number())
        .collect();
    for other in &others {
        // In order, so that what they did is recorded to the end. What stands still could be spoken to later.
        other.terminate().await;
    }
    let alone = status(leader).await;
    let unheard = (service("unheard"), id(&alone.header.term.to_string()));
    register_unheard(cluster, leader, &unheard).await;
    eventually(READY_WITHIN, "the leader has entries of its own", async || {
        let now = status(leader).await;
        ensure(
            now.value.last_log_index > alone.value.last_log_index,
            format!("{now:?}"),
        )
    })
    .await;
    leader.pause_now().await;
    for other in &others {
        other.start();
    }
    let (other, term) = eventually(READY_WITHIN, "another one leads", async || {
        for other in &others {
            let now = other.status().await.map_err(|error| error.to_string())?;
            if now.value.role == Role::Leader && now.value.ready {
                return Ok((other, now.header.term));
            }
        }
        Err("nobody leads".to_owned())
    })
    .await;
    let read = other.client().with_consistency(Consistency::Linearizable);
    let found = read.get_instance(&unheard.0, &unheard.1).await;
    assert_eq!(found.unwrap_err().reason(), Some(Reason::NotFound));
    leader.resume();
    term
}

/// Gives the leader a write that cannot be acknowledged.
async fn register_unheard(cluster: &Cluster, leader: &Member, (service, id): &(ServiceName, InstanceId)) {
    let skipped = usize::try_from(leader.number() - 1).unwrap();
    let client = cluster.client_builder(skipped).deadline(UNHEARD).build().unwrap();
    let answer = client.register(service, id, registration(parts(80))).await;
    assert!(answer.is_err(), "acknowledged by nobody: {answer:?}");
}

async fn status(member: &Member) -> Answer<Status> {
    member.wait_until("answers", READY_WITHIN, |_| true).await
}

/// Starts all members, and tells what is not as `history` says that it has to be.
async fn start_from_images(cluster: &Cluster, history: &History, term: Term) -> Result<(), String> {
    cluster.members().iter().for_each(Member::start);
    let answers = eventually(SETTLED_WITHIN, "all members come to the same revision", async || {
        let mut answers = Vec::new();
        for member in cluster.members() {
            if !member.is_running() {
                let log = member.log();
                let last = log.lines().next_back().unwrap_or_default();
                return Ok(Err(format!("member {} does not start: {last}", member.number())));
            }
            answers.push(member.status().await.map_err(|error| error.to_string())?);
        }
        let settled =
            |answer: &Answer<Status>| answer.value.ready && answer.header.revision == answers[0].header.revision;
        ensure(answers.iter().all(settled), format!("{answers:#?}")).map(|()| Ok(answers))
    })
    .await?;
    if let Some(answer) = answers
        .iter()
        .find(|it| it.value.state_hash != answers[0].value.state_hash)
    {
        return Err(format!("members differ at the same revision: {answer:?}"));
    }
    if answers[0].header.term <= term {
        return Err(format!("term {} again, after {term}", answers[0].header.term));
    }
    for member in cluster.members() {
        let found = history.read_back(member.client(), Consistency::Stale).await;
        let problems = history.check(&found);
        ensure(
            problems.is_empty(),
            format!("member {}: {}", member.number(), problems.join("\n")),
        )?;
    }
    Ok(())
}
