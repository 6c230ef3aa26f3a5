//! What is said of a member, value by value.

use quorate_model::{ClusterId, Epoch, GuardCause, LogIndex, LogTime, MemberId, Revision, StateHash, Term};
use quorate_state::Guard;

use super::*;

fn status() -> Answer<NodeStatus> {
    let header = Header {
        cluster_id: ClusterId::new(0xabc),
        epoch: Epoch::ZERO,
        member_id: MemberId::try_from(2).unwrap(),
        term: Term::new(7),
        revision: Revision::new(41),
        leader: None,
        staleness: Some(Duration::from_millis(250)),
        guards_raised: 2,
    };
    let leases = LeaseStatus {
        leases: 30,
        lapsed: 4,
        armed: true,
        complete: false,
        renewals: 1_000_000,
        uncounted: Duration::from_millis(1_500),
        resets: 1,
    };
    let value = NodeStatus {
        role: Role::Leader,
        ready: true,
        last_log: LogIndex::new(43),
        applied: LogIndex::new(42),
        state_hash: StateHash::new(0),
        services: 3,
        instances: 33,
        members: Vec::new(),
        read_only: None,
        free_disk_bytes: None,
        leases,
    };
    Answer { header, value }
}

fn guards(scopes: impl IntoIterator<Item = GuardScope>) -> GuardList {
    let guard = Guard {
        revision: Revision::new(40),
        raised_at: LogTime::from_ms(0),
        drops_at: LogTime::from_ms(600_000),
        cause: GuardCause::Share,
        counts_from: Revision::ZERO,
    };
    let raised = scopes.into_iter().map(|scope| RaisedGuard {
        scope,
        guard,
        suspect: 5,
        leased: 20,
    });
    GuardList {
        guards: raised.collect(),
        now: LogTime::from_ms(0),
    }
}

#[test]
fn every_value_has_its_line() {
    let zone = GuardScope::Zone("eu-1".parse().unwrap());
    let text = render(&status(), &guards([zone, GuardScope::Cluster]));
    let version = env!("CARGO_PKG_VERSION");
    let info = format!(
        "quorate_info{{cluster_id=\"00000000000000000000000000000abc\",member_id=\"2\",version=\"{version}\"}} 1"
    );
    let expected = [
        info.as_str(),
        "quorate_term 7",
        "quorate_revision 41",
        "quorate_staleness_seconds 0.25",
        "quorate_guards_raised 2",
        "quorate_leader 1",
        "quorate_ready 1",
        "quorate_read_only 0",
        "quorate_log_last_index 43",
        "quorate_log_applied_index 42",
        "quorate_members 0",
        "quorate_services 3",
        "quorate_instances 33",
        "quorate_leases 30",
        "quorate_leases_lapsed 4",
        "quorate_lessor_armed 1",
        "quorate_lessor_complete 0",
        "quorate_renewals_total 1000000",
        "quorate_lease_resets_total 1",
        "quorate_lease_uncounted_seconds 1.5",
        "quorate_guard_leased_instances{scope=\"zone\",target=\"eu-1\",cause=\"share\"} 20",
        "quorate_guard_suspect_instances{scope=\"zone\",target=\"eu-1\",cause=\"share\"} 5",
        "quorate_guard_leased_instances{scope=\"cluster\",target=\"\",cause=\"share\"} 20",
        "quorate_guard_suspect_instances{scope=\"cluster\",target=\"\",cause=\"share\"} 5",
    ];
    let lines: Vec<&str> = text.lines().collect();
    let missing: Vec<_> = expected.iter().filter(|line| !lines.contains(line)).collect();
    assert!(missing.is_empty(), "{missing:?} of {text}");
    let values = lines.iter().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(values.count(), expected.len(), "{text}");
}

#[test]
fn what_is_not_known_has_no_line() {
    let mut status = status();
    status.header.staleness = None;
    let text = render(&status, &guards([]));
    assert!(
        !text.contains("staleness") && !text.contains("disk") && !text.contains("quorate_guard_"),
        "{text}"
    );
}

#[test]
fn no_more_guards_are_named_than_a_scraper_can_use() {
    let services = (0..GUARDS_NAMED_MAX + 5).map(|number| GuardScope::Namespace(format!("n{number}").parse().unwrap()));
    let text = render(&status(), &guards(services));
    let named = text
        .lines()
        .filter(|line| line.starts_with("quorate_guard_suspect_instances{"));
    assert_eq!(named.count(), GUARDS_NAMED_MAX);
}
