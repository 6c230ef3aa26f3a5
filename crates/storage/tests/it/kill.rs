//! kill -9, again and again, on one directory: at work, and while it is being opened.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::Read as _,
    path::Path,
    process::Child,
    thread,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{common::tries, history::History, victim};

/// Kills of each test; another number is given as `QUORATE_TEST_KILLS`.
fn kills() -> u64 {
    tries("QUORATE_TEST_KILLS", 30) as u64
}

/// The seed of a random test: given, or drawn and printed.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("QUORATE_SEED").map_or_else(
        |_| RandomState::new().build_hasher().finish(),
        |seed| seed.parse().unwrap(),
    );
    println!("repeat with QUORATE_SEED={seed}");
    seed
}

/// Kills the victim after it has printed `bytes`, and hears what it said to the end.
fn kill_after(mut victim: Child, bytes: usize, history: &mut History) {
    let mut stdout = victim.stdout.take().unwrap();
    let mut heard = vec![0; bytes];
    let mut len = 0;
    while len < bytes {
        match stdout.read(&mut heard[len..]).unwrap() {
            0 => break,
            more => len += more,
        }
    }
    victim.kill().unwrap();
    heard.truncate(len);
    stdout.read_to_end(&mut heard).unwrap();
    victim.wait().unwrap();
    history.print(&heard);
    history.died();
}

/// Kills the victim some time after its start: mostly while it opens the directory.
fn kill_in(mut victim: Child, delay: Duration, history: &mut History) {
    thread::sleep(delay);
    victim.kill().unwrap();
    let output = victim.wait_with_output().unwrap();
    history.print(&output.stdout);
    history.died();
}

fn check(history: &mut History, dir: &Path, round: u64) {
    if let Err(problem) = history.check(dir) {
        panic!("after kill {round}: {problem}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_to_kill_9_at_work() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    for round in 0..kills() {
        let victim = victim::spawn(dir.path(), rng.random(), (round + 1) * 1_000_000, 1_000_000, &[]);
        kill_after(victim, rng.random_range(200..6000), &mut history);
        check(&mut history, dir.path(), round);
    }
    assert!(
        history.acks() > 2 * kills(),
        "only {} acknowledgements: nothing was tested",
        history.acks()
    );
    println!("{} kills, {} acknowledgements", kills(), history.acks());
}

#[test]
fn a_directory_opens_after_any_number_of_kills_during_its_open() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    for round in 0..kills() {
        let victim = victim::spawn(dir.path(), rng.random(), (round + 1) * 1_000_000, 1_000_000, &[]);
        if round % 4 == 3 {
            // Something must be there that an open could lose.
            kill_after(victim, 2000, &mut history);
        } else {
            kill_in(victim, Duration::from_micros(rng.random_range(0..60_000)), &mut history);
        }
        check(&mut history, dir.path(), round);
    }
    assert!(history.acks() > 0, "no round got to work");
    println!("{} kills, {} acknowledgements", kills(), history.acks());
}
