//! Looks for an order in which everything that happened to one instance can have happened.
//!
//! The search of Wing and Gong, with Lowe's memory of what was tried: operations that overlap may come in any order,
//! others in that of time, and a set of operations that led to the same state before is not tried again. What may
//! never have happened is tried only where nothing else goes on.

use std::collections::HashSet;

use super::{
    model::{Happening, State},
    span::Span,
};

/// Orders that are tried for one instance, at most: far more than a history without fault takes.
pub(super) const STEPS_MAX: u64 = 400_000;

/// Operations of the order that are shown as proof.
const TAIL: usize = 6;

/// Something that happened within an interval of some axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The operation, by its number in the record.
    pub(super) operation: usize,
    /// It happened no earlier.
    pub(super) from: u64,
    /// It happened no later.
    pub(super) to: u64,
    /// Whether it may never have happened.
    pub(super) is_doubtful: bool,
    /// At which revision.
    pub(super) place: Span,
    pub(super) happening: Happening,
}

/// That there is no such order, or that none was found in time.
#[derive(Debug)]
pub(super) struct Stuck {
    pub(super) is_undecided: bool,
    /// The end of the longest order that was found.
    pub(super) order: Vec<usize>,
    pub(super) state: State,
    /// What none of which can come next.
    pub(super) next: Vec<usize>,
}

/// A state, and what has happened until then.
struct Frame {
    state: State,
    /// All that must have happened and comes before this one has happened.
    first: usize,
    /// What else has happened: the number of each, in order.
    ahead: Vec<usize>,
    /// What may come next, the best last.
    choices: Vec<usize>,
    has_doubtful: bool,
    /// What has led here.
    came_by: Option<usize>,
}

struct Search {
    /// What must have happened, by the beginning of its interval; behind it, what may have.
    entries: Vec<Entry>,
    /// How many must have.
    musts: usize,
}

/// Finds out whether `entries` have an order, and in how many steps.
pub(super) fn find_order(entries: Vec<Entry>, steps_max: u64) -> Result<u64, Box<Stuck>> {
    let search = Search::new(entries);
    let mut frames = vec![search.frame(State::default(), 0, Vec::new(), None)];
    let mut tried = HashSet::new();
    let mut best = (0, search.stuck(&frames, false));
    let mut steps = 0;
    while let Some(frame) = frames.last_mut() {
        if frame.first == search.musts {
            return Ok(steps);
        }
        let Some(choice) = frame.choices.pop() else {
            if frame.has_doubtful {
                frames.pop();
            } else {
                search.add_doubtful(frame);
            }
            continue;
        };
        steps += 1;
        if steps > steps_max {
            best.1.is_undecided = true;
            break;
        }
        let Some(state) = search.step(&frame.state, choice) else {
            continue;
        };
        let (first, ahead) = search.advance(frame, choice);
        if tried.insert((first, ahead.clone(), state)) {
            frames.push(search.frame(state, first, ahead, Some(choice)));
            if first > best.0 {
                best = (first, search.stuck(&frames, false));
            }
        }
    }
    Err(Box::new(best.1))
}

// === impl Search ===

impl Search {
    fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| (entry.is_doubtful, entry.from, entry.to));
        let musts = entries.partition_point(|entry| !entry.is_doubtful);
        Self { entries, musts }
    }

    fn step(&self, state: &State, choice: usize) -> Option<State> {
        let entry = &self.entries[choice];
        state.after(&entry.happening, entry.place)
    }

    fn frame(&self, state: State, first: usize, ahead: Vec<usize>, came_by: Option<usize>) -> Frame {
        let mut choices = self.next_musts(first, &ahead);
        // What has to happen soonest is the best guess.
        choices.sort_by_key(|choice| std::cmp::Reverse((self.entries[*choice].to, *choice)));
        Frame {
            state,
            first,
            ahead,
            choices,
            has_doubtful: false,
            came_by,
        }
    }

    /// What must happen, and can happen next.
    fn next_musts(&self, first: usize, ahead: &[usize]) -> Vec<usize> {
        let (mut next, mut latest) = (Vec::new(), u64::MAX);
        for choice in first..self.musts {
            let entry = &self.entries[choice];
            if entry.from > latest {
                break;
            }
            if ahead.binary_search(&choice).is_err() {
                next.push(choice);
                latest = latest.min(entry.to);
            }
        }
        next
    }

    /// Adds what may have happened here: last and so first, what lets something go on that must.
    fn add_doubtful(&self, frame: &mut Frame) {
        frame.has_doubtful = true;
        let musts = self.next_musts(frame.first, &frame.ahead);
        let latest = musts.iter().map(|must| self.entries[*must].to).min();
        let doubtful = (self.musts..self.entries.len()).filter(|choice| {
            let is_open = latest.is_none_or(|latest| self.entries[*choice].from <= latest);
            is_open && frame.ahead.binary_search(choice).is_err()
        });
        let mut rated: Vec<(bool, usize)> = doubtful
            .filter_map(|choice| {
                let state = self.step(&frame.state, choice)?;
                let helps = musts.iter().any(|must| self.step(&state, *must).is_some());
                Some((helps, choice))
            })
            .collect();
        rated.sort_unstable();
        frame.choices = rated.into_iter().map(|(_, choice)| choice).collect();
    }

    /// What has happened once `choice` has happened as well.
    fn advance(&self, frame: &Frame, choice: usize) -> (usize, Vec<usize>) {
        let (mut first, mut ahead) = (frame.first, frame.ahead.clone());
        let place = ahead.partition_point(|other| *other < choice);
        ahead.insert(place, choice);
        let run = ahead.iter().take_while(|number| {
            let is_next = **number == first && first < self.musts;
            first += usize::from(is_next);
            is_next
        });
        let passed = run.count();
        ahead.drain(..passed);
        (first, ahead)
    }

    fn stuck(&self, frames: &[Frame], is_undecided: bool) -> Stuck {
        let operation = |choice: usize| self.entries[choice].operation;
        let last = frames.last().expect("a search has a first frame");
        let tail = &frames[frames.len().saturating_sub(TAIL)..];
        let next = self.next_musts(last.first, &last.ahead);
        Stuck {
            is_undecided,
            order: tail.iter().filter_map(|frame| frame.came_by).map(operation).collect(),
            state: last.state,
            next: next.into_iter().map(operation).collect(),
        }
    }
}

// === impl Stuck ===

impl Stuck {
    /// The same in words, for whoever has to find out why.
    pub(super) fn into_violation(self, what: &str, record: &crate::record::Record) -> super::Violation {
        let verdict = if self.is_undecided {
            "undecided: no order was found within the limit of steps"
        } else {
            "there is no order in which all of it can have happened"
        };
        let line = |number: &usize| format!("  {}", record.operations[*number]);
        let mut proof = vec!["after".to_owned()];
        proof.extend(self.order.iter().map(line));
        proof.push(format!("which leaves {:?}, none of these can be next:", self.state));
        proof.extend(self.next.iter().map(line));
        super::Violation {
            what: format!("{what}: {verdict}"),
            proof,
        }
    }
}
