//! What may never be seen, looked at after each tick.

use std::collections::BTreeSet;

use quorate_storage::Slot;
use quorate_tests::record::Operation;

use crate::node::Host;

/// Looks at disks while a run goes on.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    /// Acknowledged writes that were looked at.
    seen: usize,
    checked: u64,
    problems: BTreeSet<String>,
}

// === impl Invariants ===

impl Invariants {
    /// How many acknowledged writes have been looked at.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    /// How many acknowledgements were held against the disks.
    pub(crate) fn checked(&self) -> u64 {
        self.checked
    }

    /// What was seen that may not be.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> + use<'_> {
        self.problems.iter().cloned()
    }

    /// Looks at all disks, and at the writes that were `acknowledged` since the last look, of a cluster of so many voters.
    pub(crate) fn look(&mut self, acknowledged: &[Operation], hosts: &[Host], voters: usize) {
        self.seen += acknowledged.len();
        for operation in acknowledged {
            self.check_durable(operation, hosts, voters);
        }
        for host in hosts {
            self.check_disk(host);
        }
    }

    /// What is acknowledged is on the disks of a majority, synced.
    fn check_durable(&mut self, operation: &Operation, hosts: &[Host], voters: usize) {
        let Some(revision) = operation.acknowledged_at() else {
            return;
        };
        self.checked += 1;
        let ends = hosts.iter().filter_map(|host| host.disk.durable_indexes());
        let holders = ends.filter(|(_, last)| *last >= revision).count();
        if holders <= voters / 2 {
            self.problems.insert(format!(
                "acknowledged at revision {revision}, but only {holders} disks of {voters} voters have it: {operation:?}"
            ));
        }
    }

    /// What a disk holds can be opened again whenever the power fails: the log goes on where its purged part ends, and
    /// a vote that others may have been told of is not forgotten.
    fn check_disk(&mut self, host: &Host) {
        if let Some(gap) = host.disk.durable_gap() {
            self.problems.insert(format!("{}: {gap}", host.name));
        }
        // While a sync fails the node is about to end, and has told nobody.
        if !host.disk.is_failing() && !host.disk.is_durable(Slot::Vote) {
            self.problems.insert(format!("{}: its vote is not durable", host.name));
        }
    }
}
