//! Whom a joining node must not be taken for.

use super::*;
use crate::testing::member as id;

/// A member whose doors are on this port and the one before.
pub(super) fn member(number: u64, port: u16, role: MemberRole) -> Member {
    Member {
        id: id(number),
        info: info(port),
        role,
        matched: None,
    }
}

pub(super) fn info(port: u16) -> MemberInfo {
    MemberInfo {
        peer_address: format!("127.0.0.1:{port}").parse().unwrap(),
        client_address: format!("127.0.0.1:{}", port - 1).parse().unwrap(),
        calling: Calling::Voter,
    }
}

#[test]
fn a_node_at_a_fresh_address_is_let_in() {
    let members = [member(1, 7401, MemberRole::Voter)];
    assert_eq!(standing(&members, None, &info(7402)), Standing::New);
}

#[test]
fn a_node_that_asks_again_is_a_member_already() {
    let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, MemberRole::Learner)];
    assert_eq!(standing(&members, Some(id(2)), &info(7402)), Standing::Member(id(2)));
}

#[test]
fn a_wiped_node_does_not_come_back_as_the_member_it_was() {
    for role in [MemberRole::Voter, MemberRole::Learner] {
        let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, role)];
        let Standing::InTheWay(reason) = standing(&members, None, &info(7402)) else {
            panic!("member 2 has this address");
        };
        assert!(
            reason.contains("belongs to member 2: join at an address that no member has"),
            "{reason}"
        );
    }
}

#[test]
fn a_node_does_not_take_the_client_door_of_another() {
    let members = [member(1, 7401, MemberRole::Voter)];
    let taken = MemberInfo {
        client_address: members[0].info.client_address.clone(),
        ..info(7402)
    };
    let Standing::InTheWay(reason) = standing(&members, None, &taken) else {
        panic!("member 1 has this door");
    };
    assert!(
        reason.contains("the client address 127.0.0.1:7400 belongs to member 1"),
        "{reason}"
    );
}

#[test]
fn a_node_that_moves_while_it_joins_is_told_where_it_has_joined() {
    let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, MemberRole::Learner)];
    let Standing::InTheWay(reason) = standing(&members, Some(id(2)), &info(7409)) else {
        panic!("member 2 has another address");
    };
    assert!(reason.contains("127.0.0.1:7402"), "{reason}");
}

#[test]
fn a_cluster_takes_64_members_and_not_one_more() {
    // Two ports each, one after the other.
    let member = |number: u64| member(number, 7400 + 2 * u16::try_from(number).unwrap(), MemberRole::Learner);
    let mut members: Vec<_> = (1..limits::MEMBERS_MAX as u64).map(member).collect();
    assert_eq!(standing(&members, None, &info(9000)), Standing::New);
    members.push(member(64));
    assert!(matches!(standing(&members, None, &info(9000)), Standing::InTheWay(_)));
    assert_eq!(standing(&members, Some(id(64)), &info(7528)), Standing::Member(id(64)));
}
