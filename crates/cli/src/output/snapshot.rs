//! What is in a snapshot, for programs and for people.

use std::path::Path;

use quorate_server::{SNAPSHOT_FORMAT, SnapshotSummary};
use serde::Serialize;

use super::{
    View,
    table::{counted, table},
};

/// What `snapshot save`, `inspect` and `restore` print.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotView {
    path: String,
    format_version: u16,
    file_bytes: u64,
    cluster_id: String,
    epoch: u64,
    revision: u64,
    applied_index: u64,
    term: u64,
    log_time_ms: u64,
    state_hash: String,
    services: u64,
    instances: u64,
    leases: u64,
    kept_outcomes: u64,
    overrides: u64,
    service_settings: u64,
    members: Vec<SavedMemberView>,
}

/// One member, as a snapshot knows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SavedMemberView {
    id: u64,
    peer_address: String,
    client_address: String,
    voter: bool,
}

// === impl SnapshotView ===

impl SnapshotView {
    /// What is in the snapshot at `path`: a file, or a directory that begins with it.
    pub(crate) fn new(path: &Path, summary: &SnapshotSummary) -> Self {
        let members = summary.members.iter().map(|member| SavedMemberView {
            id: member.id.get(),
            peer_address: member.info.peer_address.to_string(),
            client_address: member.info.client_address.to_string(),
            voter: member.voter,
        });
        Self {
            path: path.display().to_string(),
            format_version: SNAPSHOT_FORMAT,
            file_bytes: summary.file_len,
            cluster_id: summary.cluster_id.map(|id| id.to_string()).unwrap_or_default(),
            epoch: summary.epoch.get(),
            revision: summary.revision.get(),
            applied_index: summary.applied.get(),
            term: summary.term.get(),
            log_time_ms: summary.log_time.as_ms(),
            state_hash: summary.state_hash.to_string(),
            services: summary.services,
            instances: summary.instances,
            leases: summary.leases,
            kept_outcomes: summary.kept_outcomes,
            overrides: summary.overrides,
            service_settings: summary.service_settings,
            members: members.collect(),
        }
    }
}

impl View for SnapshotView {
    fn table(&self) -> String {
        let rows = self.members.iter().map(|member| {
            [
                member.id.to_string(),
                if member.voter { "voter" } else { "learner" }.to_owned(),
                member.client_address.clone(),
                member.peer_address.clone(),
            ]
        });
        let members = table(["MEMBER", "VOTE", "CLIENT DOOR", "PEER DOOR"], rows);
        let counts = [
            counted(self.services, "service"),
            counted(self.instances, "instance"),
            counted(self.leases, "lease"),
            counted(self.kept_outcomes, "kept outcome"),
            counted(self.overrides, "override"),
        ];
        format!(
            "{members}\n\n{}: whole, format {}, {} bytes\n\
             cluster {}, epoch {}, revision {}, index {} of term {}, log time {} ms\n\
             {}, settings of {}; state hash {}",
            self.path,
            self.format_version,
            self.file_bytes,
            self.cluster_id,
            self.epoch,
            self.revision,
            self.applied_index,
            self.term,
            self.log_time_ms,
            counts.join(", "),
            counted(self.service_settings, "service"),
            self.state_hash,
        )
    }
}

#[cfg(test)]
mod tests {
    use quorate_model::{ClusterId, Epoch, LogIndex, LogTime, MemberId, Revision, StateHash, Term};
    use quorate_server::{Calling, MemberInfo, SavedMember};

    use super::*;
    use crate::output::tests::check;

    fn member(id: u64, voter: bool) -> SavedMember {
        SavedMember {
            id: MemberId::try_from(id).unwrap(),
            info: MemberInfo {
                peer_address: format!("127.0.0.1:740{id}").parse().unwrap(),
                client_address: format!("127.0.0.1:730{id}").parse().unwrap(),
                calling: if voter { Calling::Voter } else { Calling::Learner },
            },
            voter,
        }
    }

    #[test]
    fn a_snapshot_is_printed_in_both_forms() {
        let summary = SnapshotSummary {
            cluster_id: Some(ClusterId::new(0x1234)),
            epoch: Epoch::new(7),
            revision: Revision::new(4_294_967_338),
            applied: LogIndex::new(42),
            term: Term::new(3),
            log_time: LogTime::from_ms(5_000),
            state_hash: StateHash::new(0xabcd),
            services: 1,
            instances: 2,
            leases: 3,
            kept_outcomes: 4,
            overrides: 5,
            service_settings: 6,
            members: vec![member(1, true), member(2, false)],
            file_len: 1_234,
        };
        check("snapshot", &SnapshotView::new(Path::new("backup.snap"), &summary));
    }
}
