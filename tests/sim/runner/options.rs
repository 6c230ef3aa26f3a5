//! What is to be run: from the environment, since `cargo test` gives all test programs the same arguments.

use std::{collections::BTreeMap, fs, io::Write as _, ops::Range, path::PathBuf, thread::available_parallelism};

#[cfg(quorate_planted)]
use quorate_model::planted::Planted;
use serde_json::{Value, json};

use super::{COMMAND, say};
use crate::verdict::Verdict;

/// Runs one seed in this process.
pub(super) const ONE: &str = "--one-seed";

/// Which seeds: `A..B`, or one.
const SEEDS: &str = "QUORATE_SEEDS";

/// Where the sum is written as JSON. What came of each seed is kept beside it, so that a run that was interrupted goes
/// on where it ended.
const EVIDENCE: &str = "QUORATE_SIM_EVIDENCE";

/// How many processes at a time.
const PROCESSES: &str = "QUORATE_SIM_PROCESSES";

/// The committed version that is run, for the evidence.
const COMMIT: &str = "QUORATE_COMMIT";

/// Which planted bug this process has: its name, or `all` of them, one after the other.
#[cfg(quorate_planted)]
pub(super) const PLANTED: &str = "QUORATE_PLANTED";

#[cfg(quorate_planted)]
const ALL_PLANTED: &str = "all";

/// The seeds of a run of CI: some minutes with two processors and little optimisation.
const SET: Range<u64> = 1..25;

/// Seeds that are enough for the table of faults.
const SEEDS_OF_A_SET: u64 = 24;

/// What is to be run.
pub(super) struct Options {
    /// Only this one, in this process.
    pub(super) one: Option<u64>,
    pub(super) seeds: Range<u64>,
    /// Whether the seeds are enough for the committed table of faults.
    pub(super) is_set: bool,
    pub(super) processes: usize,
    evidence: Option<PathBuf>,
}

// === impl Options ===

impl Options {
    /// Reads them; nothing, if nothing is to be run.
    pub(super) fn read() -> Result<Option<Self>, String> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let one = match &arguments[..] {
            [flag, seed] if flag == ONE => Some(seed.parse().map_err(|_| format!("{seed:?} is no seed"))?),
            arguments if is_other(arguments) => return Ok(None),
            _ => None,
        };
        let given = variable(SEEDS).map(|text| parse_seeds(&text)).transpose()?;
        let seeds = given.unwrap_or(SET);
        let processes = match variable(PROCESSES) {
            Some(text) => text
                .parse()
                .map_err(|_| format!("{PROCESSES} is a number, and not {text:?}"))?,
            None => available_parallelism().map_or(1, usize::from),
        };
        let evidence = variable(EVIDENCE).map(PathBuf::from);
        Ok(Some(Self {
            one,
            is_set: seeds.end - seeds.start >= SEEDS_OF_A_SET,
            seeds,
            processes: processes.max(1),
            evidence,
        }))
    }

    /// What came of the seeds of an interrupted run.
    pub(super) fn known(&self) -> BTreeMap<u64, Verdict> {
        let Some(path) = self.kept_in() else {
            return BTreeMap::new();
        };
        let text = fs::read_to_string(path).unwrap_or_default();
        let values = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let verdicts = values.filter_map(|value| Verdict::from_json(&value));
        let wanted = verdicts.filter(|verdict| self.seeds.contains(&verdict.seed));
        wanted.map(|verdict| (verdict.seed, verdict)).collect()
    }

    /// Keeps what came of a seed, for a run that goes on after this one.
    pub(super) fn keep(&self, verdict: &Verdict) {
        let Some(path) = self.kept_in() else {
            return;
        };
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let kept = file.and_then(|mut file| writeln!(file, "{}", verdict.to_json()));
        if let Err(error) = kept {
            say(&format!(
                "what came of seed {} is not kept in {}: {error}",
                verdict.seed,
                path.display()
            ));
        }
    }

    /// Writes what is to be told, and of what, if it was asked for.
    pub(super) fn report(&self, told: &Value) {
        let Some(path) = &self.evidence else {
            return;
        };
        let Range { start, end } = self.seeds;
        let report = json!({
            "command": format!("{SEEDS}={start}..{end} {COMMAND}"),
            "commit": variable(COMMIT).unwrap_or_else(|| "unknown".to_owned()),
            "processors": available_parallelism().map_or(1, usize::from),
            "told": told,
        });
        let text = serde_json::to_string_pretty(&report).expect("JSON of ours");
        if let Err(error) = fs::write(path, text + "\n") {
            say(&format!("the sum is not written to {}: {error}", path.display()));
        }
    }

    fn kept_in(&self) -> Option<PathBuf> {
        self.evidence.as_deref().map(|path| path.with_extension("jsonl"))
    }
}

/// Whether `cargo test` was asked for other tests, or for a list of them.
fn is_other(arguments: &[String]) -> bool {
    let lists = arguments
        .iter()
        .any(|argument| argument == "--list" || argument == "--ignored");
    let mut names = arguments.iter().filter(|argument| !argument.starts_with('-'));
    lists || names.any(|name| !"simulation".contains(name.as_str()) && name.parse::<u64>().is_err())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| {
        let parsed = text.trim().parse::<u64>();
        parsed.map_err(|_| format!("{SEEDS} is a seed or A..B, and not {text:?}"))
    };
    let range = if let Some((start, end)) = text.split_once("..") {
        number(start)?..number(end)?
    } else {
        let seed = number(text)?;
        seed..seed.saturating_add(1)
    };
    if range.is_empty() {
        return Err(format!(
            "{SEEDS}={text} names no seed: the end of A..B is not run itself"
        ));
    }
    Ok(range)
}

/// Lets this process have the bug that was chosen for it.
#[cfg(quorate_planted)]
pub(super) fn plant() {
    if let Some(bugs) = hunted() {
        bugs.first().expect("a hunt is for something").choose();
    }
}

/// The planted bugs that are looked for, if any are.
#[cfg(quorate_planted)]
pub(super) fn hunted() -> Option<Vec<Planted>> {
    let name = variable(PLANTED)?;
    if name == ALL_PLANTED {
        return Some(Planted::ALL.to_vec());
    }
    Some(vec![name.parse().expect("the name of a planted bug")])
}
