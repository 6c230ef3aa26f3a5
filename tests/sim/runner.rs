//! Runs seeds, each in a process of its own, and sums up what came of them.

mod options;

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use crate::{
    plan::Plan,
    telemetry,
    verdict::{Total, Verdict},
    world,
};
use options::Options;

/// A run that takes longer hangs: it takes some seconds, and some minutes without optimisation on a busy machine.
const RUN_MAX: Duration = Duration::from_secs(600);

/// Between two looks at the processes that run.
const LOOK: Duration = Duration::from_millis(20);

/// Lines that are shown of a run that failed.
const SHOWN_LINES: usize = 40;

/// How a failing seed is run again.
const COMMAND: &str = "cargo test --profile sim -p quorate-tests --test sim";

/// A run in another process.
struct Running {
    seed: u64,
    child: Child,
    files: tempfile::TempDir,
    begun: Instant,
}

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
    match options.one {
        Some(seed) => run_one(seed),
        None => run_all(&options),
    }
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
    let mut waiting: VecDeque<u64> = options
        .seeds
        .clone()
        .filter(|seed| !verdicts.contains_key(seed))
        .collect();
    say(&format!(
        "\nrunning {} seeds, {} of them known already",
        options.seeds.clone().count(),
        verdicts.len()
    ));
    let mut running: Vec<Running> = Vec::new();
    while !(waiting.is_empty() && running.is_empty()) {
        while running.len() < options.processes
            && let Some(seed) = waiting.pop_front()
        {
            running.push(Running::start(seed));
        }
        for place in (0..running.len()).rev() {
            if let Some(verdict) = running[place].verdict() {
                running.swap_remove(place);
                show(&verdict);
                options.keep(&verdict);
                verdicts.insert(verdict.seed, verdict);
            }
        }
        std::thread::sleep(LOOK);
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
    options.report(&total, took);
    let (failed, passed) = (
        total.failed.len() + too_rare.len(),
        total.seeds as usize - total.failed.len(),
    );
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

// === impl Running ===

impl Running {
    fn start(seed: u64) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str| fs::File::create(files.path().join(name)).expect("a file in a directory of ours");
        let child = Command::new(std::env::current_exe().expect("a program knows where it is"))
            .args([options::ONE, &seed.to_string()])
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("a program can be run again");
        Self {
            seed,
            child,
            files,
            begun: now(),
        }
    }

    /// What came of it, once it has ended.
    fn verdict(&mut self) -> Option<Verdict> {
        let ended = self.child.try_wait().expect("a child can be waited for");
        if ended.is_none() && self.begun.elapsed() < RUN_MAX {
            return None;
        }
        let problem = match ended {
            None => {
                // It may have ended this very moment.
                drop(self.child.kill());
                drop(self.child.wait());
                format!("it has not ended within {RUN_MAX:?}")
            }
            Some(status) => match self.told() {
                Some(verdict) if status.success() => return Some(verdict),
                Some(_) | None => format!("it ended with {status}"),
            },
        };
        let errors = read(&self.files.path().join("err"));
        let lines: Vec<&str> = errors.lines().collect();
        let tail = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        Some(Verdict::failed(self.seed, format!("{problem}\n{tail}")))
    }

    fn told(&self) -> Option<Verdict> {
        let output = read(&self.files.path().join("out"));
        let line = output.lines().last()?;
        Verdict::from_json(&serde_json::from_str(line).ok()?)
    }
}

fn read(path: &Path) -> String {
    fs::read(path).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
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
