//! The judges of a record: whether what clients were told can be true of one registry that keeps its promises.
//!
//! Each check is a function of the [`Record`] alone, and each looks at it in another way: [`linearizable`] knows only
//! when something was asked and answered, [`revisions`] takes the revisions that answers name for the order of
//! everything, [`once`] follows each write by the value that it states, [`stale`] by the clock, and [`durable`] looks
//! at what is left in the end. What cannot be decided counts as a violation, never as a pass.

mod durable;
mod linearizable;
mod model;
mod once;
mod revisions;
#[cfg(test)]
mod sample;
mod search;
mod shape;
mod span;
mod stale;
#[cfg(test)]
mod tests;
mod timeline;

use std::{collections::BTreeMap, fmt};

pub use durable::durable;
pub use linearizable::{linearizable, linearizable_within};
pub use once::once;
pub use revisions::revisions;
pub use shape::shape;
pub use stale::stale;

use crate::record::{Operation, Outcome, Record};

/// What a check has looked at: how many of what.
pub type Stats = BTreeMap<&'static str, u64>;

/// Operations that prove that a promise was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub what: String,
    /// The operations and states that prove it, as text.
    pub proof: Vec<String>,
}

/// What all checks have found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was looked at: counts of the record, and then those of each check.
    pub counts: BTreeMap<&'static str, Stats>,
    /// What each check that failed has found.
    pub violations: BTreeMap<&'static str, Violation>,
}

/// One of the checks.
type Check = fn(&Record) -> Result<Stats, Violation>;

/// All of them, by their names.
const CHECKS: [(&str, Check); 6] = [
    ("shape", shape),
    ("linearizable", linearizable),
    ("revisions", revisions),
    ("once", once),
    ("stale", stale),
    ("durable", durable),
];

/// Makes all checks.
pub fn check_all(record: &Record) -> Report {
    let mut report = Report {
        counts: BTreeMap::from([("record", counts(record))]),
        violations: BTreeMap::new(),
    };
    for (name, check) in CHECKS {
        match check(record) {
            Ok(stats) => drop(report.counts.insert(name, stats)),
            Err(violation) => drop(report.violations.insert(name, violation)),
        }
    }
    report
}

fn counts(record: &Record) -> Stats {
    let count = |wanted: fn(&Operation) -> bool| {
        let found = record.operations.iter().filter(|operation| wanted(operation));
        found.count() as u64
    };
    let reads = record.answers().count() as u64;
    let linearizable = record.answers().filter(|(read, ..)| read.is_linearizable()).count() as u64;
    let keyed = record.writes().filter(|(write, _)| write.sent.session.is_some());
    let unknown = record.writes().filter(|(_, write)| write.outcome == Outcome::Unknown);
    Stats::from([
        ("operations", record.operations.len() as u64),
        ("writes", record.writes().count() as u64),
        ("writes in sessions", keyed.count() as u64),
        ("writes acknowledged", count(Operation::is_acknowledged)),
        ("writes refused", count(|it| matches!(it.outcome, Outcome::Refused(_)))),
        ("not done", count(|it| it.outcome == Outcome::NotDone)),
        ("writes of unknown outcome", unknown.count() as u64),
        ("reads answered", reads),
        ("linearizable reads", linearizable),
    ])
}

// === impl Violation ===

impl Violation {
    /// A promise that these operations show to be broken.
    fn of<'a>(what: impl Into<String>, proof: impl IntoIterator<Item = &'a Operation>) -> Self {
        Self {
            what: what.into(),
            proof: proof.into_iter().map(ToString::to_string).collect(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.proof.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl std::error::Error for Violation {}

// === impl Report ===

impl Report {
    /// Whether no check has found anything.
    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }

    /// One of the counts; 0 if there is none.
    pub fn count(&self, check: &str, what: &str) -> u64 {
        let found = self.counts.get(check).and_then(|stats| stats.get(what));
        found.copied().unwrap_or_default()
    }

    /// The same for a program.
    pub fn to_json(&self) -> serde_json::Value {
        let violation = |violation: &Violation| serde_json::json!({ "what": violation.what, "proof": violation.proof });
        let violations: serde_json::Map<_, _> = self
            .violations
            .iter()
            .map(|(check, found)| ((*check).to_owned(), violation(found)))
            .collect();
        serde_json::json!({ "counts": self.counts, "violations": violations })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (check, stats) in &self.counts {
            write!(f, "{check}:")?;
            for (what, count) in stats {
                write!(f, " {count} {what};")?;
            }
            writeln!(f)?;
        }
        for (check, violation) in &self.violations {
            writeln!(f, "VIOLATION ({check}): {violation}")?;
        }
        Ok(())
    }
}
