//! Runs seeds, each in a process of its own, and sums up what came of them.

#[cfg(quorate_planted)]
mod hunt;
mod options;
mod pool;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    plan::Plan,
    telemetry,
    verdict::{Total, Verdict},
    world,
};
use options::Options;
use pool::Pool;

/// Lines that are shown of a run that failed.
const SHOWN_LINES: usize = 40;

/// How a failing seed is run again.
const COMMAND: &str = "cargo test --profile sim -p quorate-tests --test sim";

/// What the process of one seed, or of many, does.
pub(crate) fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(problem) => {
            say(&format!("the simulation cannot run: {problem}"));
            return ExitCode::FAILURE;
        }
    };
    if let Some(seed) = options.one {
        return run_one(seed);
    }
    #[cfg(quorate_planted)]
    if let Some(bugs) = options::hunted() {
        return hunt::hunt(&options, &bugs);
    }
    run_all(&options)
}

fn run_one(seed: u64) -> ExitCode {
    telemetry::start();
    #[cfg(quorate_planted)]
    options::plant();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let verdict = world::run(&Plan::of(seed), directory.path());
    say(&verdict.to_json().to_string());
    ExitCode::SUCCESS
}

fn run_all(options: &Options) -> ExitCode {
    let begun = now();
    let mut verdicts = options.known();
    let waiting: Vec<u64> = options
        .seeds
        .clone()
        .filter(|seed| !verdicts.contains_key(seed))
        .collect();
    say(&format!(
        "\nrunning {} seeds, {} of them known already",
        options.seeds.clone().count(),
        verdicts.len()
    ));
    let mut pool = Pool::new(waiting, options.processes, Vec::new());
    while let Some(verdict) = pool.next() {
        show(&verdict);
        options.keep(&verdict);
        verdicts.insert(verdict.seed, verdict);
    }
    conclude(options, &verdicts, begun.elapsed())
}

/// Says what came of all, and whether that is good.
fn conclude(options: &Options, verdicts: &BTreeMap<u64, Verdict>, took: Duration) -> ExitCode {
    let mut total = Total::default();
    let wanted = options.seeds.clone().filter_map(|seed| verdicts.get(&seed));
    wanted.for_each(|verdict| total.add(verdict));
    for (name, count) in &total.faults {
        say(&format!("FIRED: {name} {count}"));
    }
    for (what, count) in &total.counts {
        say(&format!("COUNT: {what} {count}"));
    }
    let too_rare = if options.is_set { total.too_rare() } else { Vec::new() };
    for problem in &too_rare {
        say(&format!("TOO RARE: {problem}"));
    }
    for verdict in &total.failed {
        say(&format!(
            "FAILED: seed {}; to repeat it: QUORATE_SEEDS={} {COMMAND}",
            verdict.seed, verdict.seed
        ));
    }
    options.report(&json!({ "secondsOfTheLastRun": took.as_secs(), "total": total.to_json() }));
    let broken = total.failed.len() as u64;
    let (passed, failed) = (total.seeds - broken, broken + too_rare.len() as u64);
    let word = if failed == 0 { "ok" } else { "FAILED" };
    say(&format!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        took.as_secs_f64()
    ));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn show(verdict: &Verdict) {
    let seed = verdict.seed;
    if verdict.problems.is_empty() {
        let (writes, simulated_ms) = (verdict.count("record/writes acknowledged"), verdict.simulated_ms);
        say(&format!(
            "test seed_{seed} ... ok ({writes} writes, {simulated_ms} ms simulated)"
        ));
        return;
    }
    say(&format!("test seed_{seed} ... FAILED"));
    for problem in &verdict.problems {
        let lines: Vec<&str> = problem.lines().take(SHOWN_LINES).collect();
        say(&format!("  {}", lines.join("\n  ")));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long the machine takes, not the simulation"
)]
fn now() -> Instant {
    Instant::now()
}

fn say(line: &str) {
    // Nothing can be told to anyone when the stream is closed.
    drop(writeln!(io::stdout(), "{line}"));
}
