//! The power of all disks of a cluster is cut at once, under load: what was acknowledged is there, and members agree.
//!
//! Each member has its data on an ext4 file system of its own, which is told to stop where it stands. That takes root.
//! `docs/benchmarks.md` says how to do it a hundred times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
};

use quorate_tests::{Cluster, Evidence, History, Load, Member, PowerDisk, SETTLED_WITHIN, figure, seed, skip};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

/// How often the power is cut; another number is given as `QUORATE_TEST_POWER_CUTS`.
const CUTS: u64 = 3;

/// After so many cuts a new cluster is taken, so that reading back all that was ever written stays cheap.
const CUTS_PER_CLUSTER: u64 = 10;

const MEMBERS: u64 = 3;

/// Writers at a time: some are always in flight when the power is cut.
const WRITERS: usize = 8;

/// The file system of one member. Sparse: what is not used takes no room.
const DISK_MIB: u64 = 192;

/// Snapshots and purges all the time, on disks without room to spare.
const CONFIGURATION: &str = "snapshot_every_entries = 100\nlog_keep_entries = 10\n\
                             min_free_disk_bytes = 1048576\ndisk_ballast_bytes = 0\n";

/// How these figures are taken again.
const COMMAND: &str = "cargo build --release && QUORATE_TEST_BINARY=target/release/quorate QUORATE_TEST_EVIDENCE=1 \
                       QUORATE_TEST_POWER_CUTS=100 cargo test -p quorate-tests --test it -- power_cut:: --nocapture";

/// What all cuts came to.
#[derive(Debug, Default)]
struct Tally {
    cuts: u64,
    acknowledged: u64,
    unknown: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_power_cut_of_all_disks_under_load() {
    let cuts = env::var("QUORATE_TEST_POWER_CUTS").map_or(CUTS, |cuts| cuts.parse().unwrap());
    let seed = seed();
    let evidence = Evidence::begin("power-cut", COMMAND, seed);
    let seed = evidence.as_ref().map_or(seed, Evidence::seed);
    let mut tally = evidence.as_ref().map(Tally::noted).unwrap_or_default();
    while tally.cuts < cuts {
        let disks: Result<Vec<_>, _> = (0..MEMBERS).map(|_| PowerDisk::make(DISK_MIB)).collect();
        let disks = match disks {
            Ok(disks) => disks,
            Err(problem) => return skip(&format!("no disk whose power can be cut: {problem}")),
        };
        let count = CUTS_PER_CLUSTER.min(cuts - tally.cuts);
        // What a cluster meets does not depend on which run comes to it.
        let mut rng = SmallRng::seed_from_u64(seed.wrapping_add(tally.cuts));
        cut_again_and_again(&disks, count, &mut rng, &mut tally).await;
        figure(format_args!("{tally:?}"));
        if let Some(evidence) = &evidence {
            evidence.note(&tally.figures());
        }
    }
    if let Some(evidence) = evidence {
        evidence.keep(&tally.figures());
    }
}

// === impl Tally ===

impl Tally {
    const CUTS: &str = "power_cuts_of_all_members";
    const ACKNOWLEDGED: &str = "acknowledged_writes";
    const UNKNOWN: &str = "writes_of_unknown_outcome";

    fn noted(evidence: &Evidence) -> Self {
        Self {
            cuts: evidence.noted(Self::CUTS),
            acknowledged: evidence.noted(Self::ACKNOWLEDGED),
            unknown: evidence.noted(Self::UNKNOWN),
        }
    }

    /// That there is a tally means that the last two of these numbers are what they have to be.
    fn figures(&self) -> [(&'static str, u64); 5] {
        [
            (Self::CUTS, self.cuts),
            (Self::ACKNOWLEDGED, self.acknowledged),
            (Self::UNKNOWN, self.unknown),
            ("acknowledged_writes_lost", 0),
            ("directories_unopenable", 0),
        ]
    }
}

/// Cuts the power of all members of a new cluster `count` times.
async fn cut_again_and_again(disks: &[PowerDisk], count: u64, rng: &mut SmallRng, tally: &mut Tally) {
    let cluster = start(disks).await;
    let mut history = History::default();
    for cut in 0..count {
        let load = Load::start_from(&cluster, WRITERS, rng.random(), cut << 32);
        load.acknowledges(rng.random_range(1..400), SETTLED_WITHIN).await;
        cut_power(&cluster, disks, rng);
        cluster.members().iter().for_each(Member::start);
        // The writers have to meet what comes back.
        load.acknowledges(1, SETTLED_WITHIN).await;
        history.extend(load.stop().await);
        cluster.assert_kept(&history).await;
        tally.cuts += 1;
    }
    let (acknowledged, _, unknown) = history.counts();
    tally.acknowledged += acknowledged as u64;
    tally.unknown += unknown as u64;
}

/// Members with their data on `disks`.
async fn start(disks: &[PowerDisk]) -> Cluster {
    let cluster = Cluster::empty_with(CONFIGURATION);
    for (number, disk) in (1..).zip(disks) {
        let data = disk.path().join("data");
        fs::create_dir(&data).unwrap();
        // A directory that is made for a member is there to stay.
        File::open(disk.path()).unwrap().sync_all().unwrap();
        symlink(data, cluster.files().join(format!("member-{number}"))).unwrap();
    }
    cluster.with_members(MEMBERS).await
}

/// Cuts the power of one disk after the other, as fast as it goes, and leaves nobody who could know of it.
fn cut_power(cluster: &Cluster, disks: &[PowerDisk], rng: &mut SmallRng) {
    let mut order: Vec<&PowerDisk> = disks.iter().collect();
    order.shuffle(rng);
    for disk in order {
        disk.cut();
    }
    cluster.kill_all();
    disks.iter().for_each(PowerDisk::power_on);
}

#[test]
fn a_disk_without_power_forgets_what_was_not_synced_and_nothing_else() {
    let disk = match PowerDisk::make(16) {
        Ok(disk) => disk,
        Err(problem) => return skip(&format!("no disk whose power can be cut: {problem}")),
    };
    let write = |name: &str| {
        let mut file = File::create(disk.path().join(name)).unwrap();
        file.write_all(name.as_bytes()).unwrap();
        file
    };
    write("synced").sync_all().unwrap();
    File::open(disk.path()).unwrap().sync_all().unwrap();
    drop(write("forgotten"));
    disk.cut();
    assert!(File::create(disk.path().join("late")).is_err(), "it has no power");
    disk.power_on();
    assert_eq!(fs::read_to_string(disk.path().join("synced")).unwrap(), "synced");
    let left = fs::read(disk.path().join("forgotten")).unwrap_or_default();
    assert_eq!(left, b"", "a disk that keeps everything shows nothing");
}
