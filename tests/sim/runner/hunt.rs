//! Looks for the planted bugs, one after the other, and tells how many seeds it takes to find each.

use std::{collections::BTreeMap, ops::Range, process::ExitCode};

use quorate_model::planted::Planted;
use serde_json::{Value, json};

use super::{
    Pool,
    options::{Options, PLANTED},
    say,
};

/// Runs all seeds with each of the bugs. A bug that no seed finds fails the hunt.
pub(super) fn hunt(options: &Options, bugs: &[Planted]) -> ExitCode {
    let found: BTreeMap<&str, Vec<u64>> = bugs.iter().map(|bug| (bug.name(), finders(options, *bug))).collect();
    let report: BTreeMap<&str, Value> = found
        .iter()
        .map(|(bug, finders)| (*bug, describe(finders, &options.seeds)))
        .collect();
    for (bug, told) in &report {
        say(&format!("PLANTED: {bug} {told}"));
    }
    options.report(&json!({ "planted": report }));
    let missed: Vec<_> = found
        .iter()
        .filter(|(_, finders)| finders.is_empty())
        .map(|(bug, _)| *bug)
        .collect();
    let (passed, failed) = (found.len() - missed.len(), missed.len());
    let word = if missed.is_empty() { "ok" } else { "FAILED" };
    say(&format!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out\n"
    ));
    if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The seeds that find a bug.
fn finders(options: &Options, bug: Planted) -> Vec<u64> {
    let mut pool = Pool::new(
        options.seeds.clone(),
        options.processes,
        vec![(PLANTED, bug.name().to_owned())],
    );
    let mut finders = Vec::new();
    while let Some(verdict) = pool.next() {
        let seed = verdict.seed;
        let Some(problem) = verdict.problems.iter().flat_map(|problem| problem.lines()).next() else {
            say(&format!("{}: seed {seed} does not find it", bug.name()));
            continue;
        };
        say(&format!("{}: seed {seed} finds it: {problem}", bug.name()));
        finders.push(seed);
    }
    finders.sort_unstable();
    finders
}

/// How many seeds it takes, from each seed on, until one finds the bug: the median, and the most.
fn describe(finders: &[u64], seeds: &Range<u64>) -> Value {
    let needed = seeds.clone().filter_map(|from| {
        let next = finders.iter().find(|seed| **seed >= from)?;
        Some(next - from + 1)
    });
    let mut needed: Vec<u64> = needed.collect();
    needed.sort_unstable();
    json!({
        "seeds": seeds.end - seeds.start,
        "found": finders.len(),
        "medianSeedsNeeded": needed.get(needed.len() / 2),
        "mostSeedsNeeded": needed.last(),
    })
}
