//! What was written, what became of it, and whether that is what is found.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use quorate_client::Client;
use quorate_model::{Consistency, InstanceKey, MetadataKey, Revision, ServiceName};
use tokio::time::Instant;

use crate::{SETTLED_WITHIN, eventually};

/// The metadata key that carries what was written.
const VALUE: &str = "value";

/// What was done with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was registered with this value.
    Register(u64),
    /// It was taken out.
    Deregister,
}

/// What became of it, as far as its caller was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect at this revision.
    Acknowledged(Revision),
    /// It had no effect.
    NotDone,
    /// It had an effect, has yet to have it, or will have none.
    Unknown,
}

/// One write.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The instance.
    pub key: InstanceKey,
    /// What was done with it.
    pub action: Action,
    /// When it was asked for.
    pub started: Instant,
    /// When its outcome was known.
    pub ended: Instant,
    /// What became of it.
    pub outcome: Outcome,
}

/// An instance as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What was written last.
    pub value: u64,
    /// When.
    pub modified: Revision,
}

/// All writes of a run. Those on one instance came one after the other, in this order.
#[derive(Debug, Default)]
pub struct History(Vec<Operation>);

// === impl Operation ===

impl Operation {
    /// Whether its caller was told that it took effect.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.outcome, Outcome::Acknowledged(_))
    }

    /// What it leaves behind if it takes effect.
    fn effect(&self) -> Option<u64> {
        match self.action {
            Action::Register(value) => Some(value),
            Action::Deregister => None,
        }
    }
}

// === impl History ===

impl From<Vec<Operation>> for History {
    fn from(operations: Vec<Operation>) -> Self {
        Self(operations)
    }
}

impl History {
    /// The metadata that carries `value`.
    pub(crate) fn metadata(value: u64) -> quorate_model::Metadata {
        quorate_model::Metadata::parse([(VALUE, value.to_string())]).expect("short metadata")
    }

    /// Adds writes that came after all of these.
    pub fn extend(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// What can be said of these writes by one who knows nothing of what came after `moment`.
    #[must_use]
    pub fn until(&self, moment: Instant) -> Self {
        let begun = self.0.iter().filter(|operation| operation.started <= moment);
        let known = begun.cloned().map(|operation| match operation.outcome {
            Outcome::Acknowledged(_) | Outcome::NotDone if operation.ended > moment => Operation {
                outcome: Outcome::Unknown,
                ..operation
            },
            Outcome::Acknowledged(_) | Outcome::NotDone | Outcome::Unknown => operation,
        });
        Self(known.collect())
    }

    /// All writes.
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// How many were acknowledged, not done, and unknown.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Outcome) -> bool| self.0.iter().filter(|it| wanted(&it.outcome)).count();
        (
            count(|outcome| matches!(outcome, Outcome::Acknowledged(_))),
            count(|outcome| matches!(outcome, Outcome::NotDone)),
            count(|outcome| matches!(outcome, Outcome::Unknown)),
        )
    }

    /// Adds what was written after that.
    pub fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Time from `fault` to the end of the first acknowledged write that began after it.
    pub fn gap_after(&self, fault: Instant) -> Duration {
        let after = self.0.iter().filter(|it| it.is_acknowledged() && it.started >= fault);
        after
            .map(|it| it.ended - fault)
            .min()
            .expect("a write was acknowledged after the fault")
    }

    /// Longest time in which no write was acknowledged, beginning with the last one before `since`.
    pub fn longest_pause(&self, since: Instant) -> Duration {
        let acknowledged = self.0.iter().filter(|it| it.is_acknowledged());
        let mut ends: Vec<Instant> = acknowledged.map(|it| it.ended).collect();
        ends.sort();
        let first = ends.partition_point(|end| *end < since).saturating_sub(1);
        let pauses = ends[first..].windows(2).map(|pair| pair[1] - pair[0]);
        pauses.max().expect("writes were acknowledged")
    }

    /// Reads everything that these writes may have left, through `client`.
    pub async fn read_back(&self, client: &Client, consistency: Consistency) -> BTreeMap<InstanceKey, Found> {
        let services: BTreeSet<&ServiceName> = self.0.iter().map(|operation| &operation.key.service).collect();
        let value_key = MetadataKey::try_from(VALUE).expect("a valid key");
        let mut found = BTreeMap::new();
        for service in services {
            // On a busy machine a quorum may be slow to confirm a leader: that says nothing of what is there.
            let reader = client.with_consistency(consistency);
            let answer = eventually(SETTLED_WITHIN, "a service is listed", async || {
                reader.list_instances(service).await
            })
            .await;
            for instance in &answer.value.instances {
                let value = instance.spec().metadata().get(&value_key).expect("it carries a value");
                let value = value.as_str().parse().expect("the value is a number");
                let modified = instance.modify_revision();
                found.insert(instance.key().clone(), Found { value, modified });
            }
        }
        found
    }

    /// Compares what was written with what is `found` after everything has settled. Empty if all is well:
    /// no acknowledged write is lost, nothing appears that was not written or was said to be without effect.
    pub fn check(&self, found: &BTreeMap<InstanceKey, Found>) -> Vec<String> {
        let mut by_key: BTreeMap<&InstanceKey, Vec<&Operation>> = BTreeMap::new();
        for operation in &self.0 {
            by_key.entry(&operation.key).or_default().push(operation);
        }
        let unwritten = found.keys().filter(|key| !by_key.contains_key(key));
        let mut problems: Vec<String> = unwritten
            .map(|key| format!("{key}: found, but never written"))
            .collect();
        for (key, operations) in by_key {
            problems.extend(check_key(key, &operations, found.get(key).copied()));
        }
        problems
    }
}

/// The last acknowledged write stands, unless one of unknown outcome took effect after it.
fn check_key(key: &InstanceKey, operations: &[&Operation], found: Option<Found>) -> Option<String> {
    let mut last = (None, Revision::ZERO);
    let mut unknown = Vec::new();
    for operation in operations {
        match operation.outcome {
            Outcome::Acknowledged(revision) if revision < last.1 => {
                return Some(format!(
                    "{key}: revisions of acknowledged writes go back: {operations:#?}"
                ));
            }
            Outcome::Acknowledged(revision) => last = (operation.effect(), revision),
            Outcome::NotDone => {}
            Outcome::Unknown => unknown.push(operation.effect()),
        }
    }
    let (value, revision) = last;
    let stands = found.map(|found| found.value) == value;
    let superseded =
        unknown.contains(&found.map(|found| found.value)) && found.is_none_or(|found| found.modified > revision);
    (!stands && !superseded).then(|| format!("{key}: found {found:?} after {operations:#?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(action: Action, outcome: Outcome) -> Operation {
        let now = Instant::now();
        Operation {
            key: crate::key("s", "i"),
            action,
            started: now,
            ended: now,
            outcome,
        }
    }

    fn acknowledged(value: u64, revision: u64) -> Operation {
        operation(Action::Register(value), Outcome::Acknowledged(Revision::new(revision)))
    }

    fn is_well(operations: Vec<Operation>, found: Option<(u64, u64)>) -> bool {
        let found = found.map(|(value, revision)| {
            let modified = Revision::new(revision);
            (crate::key("s", "i"), Found { value, modified })
        });
        History::from(operations).check(&found.into_iter().collect()).is_empty()
    }

    #[test]
    fn a_lost_acknowledged_write_is_seen() {
        assert!(is_well(vec![acknowledged(1, 5)], Some((1, 5))));
        assert!(!is_well(vec![acknowledged(1, 5)], None));
        assert!(!is_well(vec![acknowledged(1, 5), acknowledged(2, 6)], Some((1, 5))));
        let gone = operation(Action::Deregister, Outcome::Acknowledged(Revision::new(6)));
        assert!(!is_well(vec![acknowledged(1, 5), gone], Some((1, 5))));
    }

    #[test]
    fn an_unknown_outcome_may_be_either_but_not_older_than_what_was_acknowledged() {
        let unknown = || operation(Action::Register(2), Outcome::Unknown);
        assert!(is_well(vec![acknowledged(1, 5), unknown()], Some((1, 5))));
        assert!(is_well(vec![acknowledged(1, 5), unknown()], Some((2, 6))));
        assert!(is_well(vec![unknown()], None));
        assert!(!is_well(vec![unknown(), acknowledged(3, 7)], Some((2, 6))));
    }

    #[test]
    fn what_was_not_done_or_never_written_does_not_appear() {
        let not_done = operation(Action::Register(1), Outcome::NotDone);
        assert!(!is_well(vec![not_done], Some((1, 5))));
        assert!(!is_well(Vec::new(), Some((1, 5))));
    }

    #[test]
    fn an_acknowledgement_that_is_still_to_come_says_nothing() {
        let mut history = History::from(vec![acknowledged(1, 5)]);
        let moment = history.0[0].ended;
        history.extend(History::from(vec![acknowledged(2, 6)]));
        (history.0[1].started, history.0[1].ended) = (moment, moment + Duration::from_millis(1));
        assert_eq!(history.until(moment).counts(), (1, 0, 1));
        history.0[1].started += Duration::from_millis(1);
        assert_eq!(history.until(moment).counts(), (1, 0, 0));
    }

    #[test]
    fn revisions_that_go_back_are_seen() {
        assert!(!is_well(vec![acknowledged(1, 6), acknowledged(2, 5)], Some((2, 5))));
    }
}
