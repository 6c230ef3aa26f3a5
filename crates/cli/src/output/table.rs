//! Answers as people read them: a table, and a line that says who answered.

use comfy_table::{ContentArrangement, Table, presets};

use super::{
    View,
    guard::GuardView,
    json::{
        ChangedView, DeregisteredView, EndpointView, HeaderView, InstanceView, InstancesView, LeaseStatusView,
        MemberView, PickedView, RegisteredView, ServicesView, StatusView,
    },
};

/// The names of the columns of instances.
const INSTANCE_NAMES: [&str; 12] = [
    "ID",
    "ENDPOINTS",
    "VERSION",
    "ZONE",
    "WEIGHT",
    "HEALTH",
    "AVAILABILITY",
    "LIVENESS",
    "OVERRIDES",
    "TAGS",
    "METADATA",
    "GENERATION",
];

/// Shown where there is nothing.
const NOTHING: &str = "-";

impl View for RegisteredView {
    fn table(&self) -> String {
        let Self {
            header,
            generation,
            change,
            lease_id,
        } = self;
        let lease = match lease_id {
            0 => String::new(),
            id => format!(", lease {id}"),
        };
        format!("{change}, generation {generation}{lease}; {}", header.line())
    }
}

impl View for ChangedView {
    fn table(&self) -> String {
        let done = if self.changed { "changed" } else { "it was so already" };
        format!("{done}, generation {}; {}", self.generation, self.header.line())
    }
}

impl View for DeregisteredView {
    fn table(&self) -> String {
        let done = if self.existed {
            "deregistered"
        } else {
            "it was not there"
        };
        format!("{done}; {}", self.header.line())
    }
}

impl View for InstancesView {
    fn table(&self) -> String {
        let table = table(INSTANCE_NAMES, self.instances.iter().map(InstanceView::row));
        let count = counted(self.instances.len() as u64, "instance");
        let mut lines = vec![with_summary(&table, &count, &self.header)];
        lines.extend(self.guards.iter().map(GuardView::line));
        lines.join("\n")
    }
}

impl View for PickedView {
    fn table(&self) -> String {
        let table = table(INSTANCE_NAMES, self.instance.iter().map(InstanceView::row));
        with_summary(
            &table,
            &counted(self.instance.iter().len() as u64, "instance"),
            &self.header,
        )
    }
}

impl View for ServicesView {
    fn table(&self) -> String {
        let rows = self.services.iter().map(|service| {
            [
                service.name.clone(),
                service.instances.to_string(),
                service.available.to_string(),
            ]
        });
        let table = table(["SERVICE", "INSTANCES", "AVAILABLE"], rows);
        with_summary(&table, &counted(self.services.len() as u64, "service"), &self.header)
    }
}

impl View for StatusView {
    fn table(&self) -> String {
        let names = ["MEMBER", "VOTE", "CLIENT DOOR", "PEER DOOR", "MATCHED"];
        let leader = self.header.leader_id;
        let members = table(names, self.members.iter().map(|member| member.row(leader)));
        let state = format!(
            "member {}: {}, {}, version {}\n\
             {}, {}; log {}, applied {}, state hash {}",
            self.header.member_id,
            self.role,
            if self.ready { "ready" } else { "not ready" },
            self.version,
            counted(self.services, "service"),
            counted(self.instances, "instance"),
            self.last_log_index,
            self.applied_index,
            self.state_hash,
        );
        let leases = self.leases.line();
        format!(
            "{members}\n{state}\n{leases}{}\n{}",
            self.disk_lines(),
            self.header.line()
        )
    }
}

// === impl StatusView ===

impl StatusView {
    /// What there is to say of disks, each in a line of its own.
    fn disk_lines(&self) -> String {
        let free = self
            .free_disk_bytes
            .map(|bytes| format!("\n{} MiB of disk free", bytes >> 20));
        let read_only = Some(&self.read_only).filter(|reason| !reason.is_empty());
        let read_only = read_only.map(|reason| format!("\nread-only: {reason}"));
        free.unwrap_or_default() + &read_only.unwrap_or_default()
    }
}

// === impl LeaseStatusView ===

impl LeaseStatusView {
    fn line(&self) -> String {
        let known = match (self.armed, self.complete) {
            (true, _) => "watched over here",
            (false, true) => "known here",
            (false, false) => "not all renewals known here yet",
        };
        format!("{}, {} lapsed; {known}", counted(self.leases, "lease"), self.lapsed)
    }
}

// === impl HeaderView ===

impl HeaderView {
    pub(super) fn line(&self) -> String {
        let Self {
            member_id,
            leader_id,
            revision,
            ..
        } = self;
        let role = match *leader_id {
            0 => "which knows no leader".to_owned(),
            leader if leader == *member_id => "the leader".to_owned(),
            leader => format!("led by {leader}"),
        };
        let staleness = self
            .staleness_ms
            .map_or(String::new(), |ms| format!(", at most {ms} ms behind"));
        let guards = match self.guards_raised {
            0 => String::new(),
            raised => format!(", {} raised", counted(raised.into(), "guard")),
        };
        format!("revision {revision} from member {member_id}, {role}{staleness}{guards}")
    }
}

// === impl InstanceView ===

impl InstanceView {
    fn row(&self) -> [String; 12] {
        let endpoints = self.endpoints.iter().map(EndpointView::text);
        let metadata = self
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}={}", printable(value)));
        [
            self.id.clone(),
            listed(endpoints),
            or_nothing(&self.version),
            or_nothing(&self.zone),
            self.weight.to_string(),
            self.health.to_owned(),
            self.availability.to_owned(),
            self.liveness.to_owned(),
            listed(self.overrides.iter().map(ToString::to_string)),
            listed(self.tags.iter().cloned()),
            listed(metadata),
            self.generation.to_string(),
        ]
    }
}

// === impl EndpointView ===

impl EndpointView {
    fn text(&self) -> String {
        let Self { protocol, shown, .. } = self;
        if protocol.is_empty() {
            shown.clone()
        } else {
            format!("{protocol}://{shown}")
        }
    }
}

// === impl MemberView ===

impl MemberView {
    pub(super) fn row(&self, leader: u64) -> [String; 5] {
        let vote = match (self.voter, self.id == leader) {
            (true, true) => "leader",
            (true, false) => "voter",
            (false, _) => "learner",
        };
        [
            self.id.to_string(),
            vote.to_owned(),
            self.client_address.clone(),
            self.peer_address.clone(),
            self.matched_index.map_or(NOTHING.to_owned(), |index| index.to_string()),
        ]
    }
}

pub(super) fn table<const N: usize>(names: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(names);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn with_summary(table: &str, count: &str, header: &HeaderView) -> String {
    format!("{table}\n\n{count}; {}", header.line())
}

pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn listed(texts: impl Iterator<Item = String>) -> String {
    or_nothing(&texts.collect::<Vec<_>>().join(","))
}

pub(super) fn or_nothing(text: &str) -> String {
    if text.is_empty() {
        NOTHING.to_owned()
    } else {
        text.to_owned()
    }
}

/// A metadata value in one line: it may hold tabs and line ends.
fn printable(value: &str) -> String {
    value.escape_debug().to_string()
}
