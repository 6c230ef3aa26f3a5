//! What came of one run, and what of many.

use std::{collections::BTreeMap, hash::Hasher as _};

use quorate_tests::{checker::check_all, record::Record};
use serde_json::{Value, json};

use crate::{fault::Kind, plan::Plan};

/// Acknowledged writes and linearizable reads without which a run says nothing.
const WRITES_LEAST: u64 = 150;
const READS_LEAST: u64 = 100;

/// What came of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) seed: u64,
    /// What may not be; empty if all is well.
    pub(crate) problems: Vec<String>,
    /// How often each fault fired.
    pub(crate) faults: BTreeMap<String, u64>,
    /// What the checkers have counted, as `check/what`.
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) hashes_compared: u64,
    pub(crate) snapshots_installed: u64,
    pub(crate) acknowledgements_checked: u64,
    pub(crate) simulated_ms: u64,
    /// The same for each run of the seed.
    pub(crate) trace: u64,
}

// === impl Verdict ===

impl Verdict {
    /// What the record says, and what was seen besides.
    pub(crate) fn of(plan: &Plan, record: &Record, mut problems: Vec<String>) -> Self {
        let report = check_all(record);
        problems.extend(
            report
                .violations
                .iter()
                .map(|(check, found)| format!("{check}: {found}")),
        );
        let counts = report.counts.iter().flat_map(|(check, stats)| {
            stats
                .iter()
                .map(move |(what, count)| (format!("{check}/{what}"), *count))
        });
        Self {
            seed: plan.seed,
            problems,
            counts: counts.collect(),
            trace: fingerprint(record),
            ..Self::default()
        }
    }

    /// A run in which too little happened is no run.
    pub(crate) fn note_coverage(&mut self, plan: &Plan) {
        for planned in &plan.faults {
            let fired = self.faults.get(planned.kind.name()).copied().unwrap_or(0);
            let wanted = plan.faults.iter().filter(|it| it.kind == planned.kind).count() as u64;
            if fired < wanted {
                let name = planned.kind.name();
                self.problems
                    .push(format!("{name} was to fire {wanted} times, and fired {fired} times"));
            }
        }
        let least = [
            ("record/writes acknowledged", WRITES_LEAST),
            ("record/linearizable reads", READS_LEAST),
        ];
        for (what, least) in least {
            let count = self.count(what);
            if count < least {
                self.problems.push(format!(
                    "too little traffic: {count} {what}, at least {least} are wanted"
                ));
            }
        }
        self.problems.sort();
        self.problems.dedup();
    }

    /// One of the counts.
    pub(crate) fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// One line of JSON.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "seed": self.seed,
            "problems": self.problems,
            "faults": self.faults,
            "counts": self.counts,
            "hashesCompared": self.hashes_compared,
            "snapshotsInstalled": self.snapshots_installed,
            "acknowledgementsChecked": self.acknowledgements_checked,
            "simulatedMs": self.simulated_ms,
            "trace": self.trace,
        })
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let number = |name: &str| value.get(name)?.as_u64();
        let counts = |name: &str| -> Option<BTreeMap<String, u64>> {
            let entries = value.get(name)?.as_object()?.iter();
            entries
                .map(|(name, count)| Some((name.clone(), count.as_u64()?)))
                .collect()
        };
        let problems = value.get("problems")?.as_array()?.iter();
        Some(Self {
            seed: number("seed")?,
            problems: problems
                .map(|problem| problem.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            faults: counts("faults")?,
            counts: counts("counts")?,
            hashes_compared: number("hashesCompared")?,
            snapshots_installed: number("snapshotsInstalled")?,
            acknowledgements_checked: number("acknowledgementsChecked")?,
            simulated_ms: number("simulatedMs")?,
            trace: number("trace")?,
        })
    }

    /// A run of which there is no verdict, because its process ended without one.
    pub(crate) fn failed(seed: u64, problem: String) -> Self {
        Self {
            seed,
            problems: vec![problem],
            ..Self::default()
        }
    }
}

/// The sum of several verdicts, for the table and for the evidence.
#[derive(Debug, Default)]
pub(crate) struct Total {
    pub(crate) seeds: u64,
    pub(crate) failed: Vec<Verdict>,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) counts: BTreeMap<String, u64>,
}

// === impl Total ===

impl Total {
    pub(crate) fn add(&mut self, verdict: &Verdict) {
        self.seeds += 1;
        let besides = [
            ("state hashes compared", verdict.hashes_compared),
            ("snapshots installed", verdict.snapshots_installed),
            ("acknowledgements held against disks", verdict.acknowledgements_checked),
            ("simulated ms", verdict.simulated_ms),
        ];
        let besides = besides.map(|(what, count)| (what.to_owned(), count));
        add(&mut self.faults, verdict.faults.clone());
        add(&mut self.counts, verdict.counts.clone());
        add(&mut self.counts, besides);
        if !verdict.problems.is_empty() {
            self.failed.push(verdict.clone());
        }
    }

    /// Which kinds of faults fired less often than the committed table wants of so many runs.
    pub(crate) fn too_rare(&self) -> Vec<String> {
        let kinds = Kind::ALL.iter().filter_map(|kind| {
            let fired = self.faults.get(kind.name()).copied().unwrap_or(0);
            let least = kind.least_in_fifty() * self.seeds / 50;
            (fired < least).then(|| format!("{} fired {fired} times, at least {least} are wanted", kind.name()))
        });
        kinds.collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        let failed: Vec<Value> = self.failed.iter().map(Verdict::to_json).collect();
        json!({ "seeds": self.seeds, "failed": failed, "faults": self.faults, "counts": self.counts })
    }
}

fn add(sum: &mut BTreeMap<String, u64>, counts: impl IntoIterator<Item = (String, u64)>) {
    for (what, count) in counts {
        // What is the most of one run is the most of all of them.
        let is_most = what.contains("longest") || what.contains("at most");
        let total = sum.entry(what).or_default();
        *total = if is_most { count.max(*total) } else { *total + count };
    }
}

/// By what two runs are told apart: all that clients did and were told, and when.
fn fingerprint(record: &Record) -> u64 {
    // The same in each process, which no other hasher of the standard library promises.
    let mut hasher = std::hash::DefaultHasher::new();
    for operation in &record.operations {
        hasher.write(operation.to_string().as_bytes());
    }
    hasher.finish()
}
