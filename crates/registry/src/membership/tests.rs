//! Whom a joining node must not be taken for.

use quorate_consensus::{Calling, Member, MemberInfo, MemberRole};
use quorate_model::limits;

use super::{
    join::{LeadersView, Newcomer, Standing, fits, standing},
    *,
};
use crate::testing::member as id;

/// How long a leader has led that knows who is silent.
const LONG: Duration = Duration::from_secs(60);

/// A member whose doors are on this port and the one before.
pub(super) fn member(number: u64, port: u16, role: MemberRole) -> Member {
    Member {
        id: id(number),
        info: info(port),
        role,
        matched: None,
        last_heard: None,
    }
}

pub(super) fn info(port: u16) -> MemberInfo {
    MemberInfo {
        peer_address: format!("127.0.0.1:{port}").parse().unwrap(),
        client_address: format!("127.0.0.1:{}", port - 1).parse().unwrap(),
        calling: Calling::Voter,
    }
}

/// How a node with `info` stands to `members`, which member 1 leads, and of whom the last has the highest id that was given out.
fn stands(members: &[Member], known: Option<MemberId>, info: &MemberInfo) -> Standing {
    stands_after(LONG, members, known, info)
}

fn stands_after(led_for: Duration, members: &[Member], known: Option<MemberId>, info: &MemberInfo) -> Standing {
    let last = members.iter().map(|member| member.id).max();
    let view = LeadersView {
        members,
        leader: id(1),
        led_for,
    };
    standing(view, Newcomer { info, known }, |id| last >= Some(id))
}

fn successor(of: u64, port: u16) -> MemberInfo {
    MemberInfo {
        calling: Calling::Successor(id(of)),
        ..info(port)
    }
}

#[track_caller]
fn reason(standing: Standing) -> String {
    match standing {
        Standing::Early(reason) | Standing::InTheWay(reason) => reason,
        Standing::New | Standing::Member(_) => panic!("{standing:?}"),
    }
}

#[test]
fn a_node_at_a_fresh_address_is_let_in() {
    let members = [member(1, 7401, MemberRole::Voter)];
    assert_eq!(stands(&members, None, &info(7402)), Standing::New);
}

#[test]
fn a_node_that_asks_again_is_a_member_already() {
    let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, MemberRole::Learner)];
    assert_eq!(stands(&members, Some(id(2)), &info(7402)), Standing::Member(id(2)));
}

#[test]
fn a_wiped_node_does_not_come_back_as_the_member_it_was() {
    for role in [MemberRole::Voter, MemberRole::Learner] {
        let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, role)];
        let reason = reason(stands(&members, None, &info(7402)));
        for part in ["belongs to member 2", "--replace 2", "quorate member remove 2"] {
            assert!(reason.contains(part), "{reason}");
        }
    }
}

#[test]
fn a_node_does_not_take_the_client_door_of_another() {
    let members = [member(1, 7401, MemberRole::Voter)];
    let taken = MemberInfo {
        client_address: members[0].info.client_address.clone(),
        ..info(7402)
    };
    let reason = reason(stands(&members, None, &taken));
    assert!(
        reason.contains("the client address 127.0.0.1:7400 belongs to member 1"),
        "{reason}"
    );
}

#[test]
fn a_node_that_moves_while_it_joins_is_told_where_it_has_joined() {
    let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, MemberRole::Learner)];
    let reason = reason(stands(&members, Some(id(2)), &info(7409)));
    assert!(reason.contains("127.0.0.1:7402"), "{reason}");
}

#[test]
fn a_cluster_takes_64_members_and_not_one_more() {
    // Two ports each, one after the other.
    let member = |number: u64| member(number, 7400 + 2 * u16::try_from(number).unwrap(), MemberRole::Learner);
    let mut members: Vec<_> = (1..limits::MEMBERS_MAX as u64).map(member).collect();
    assert_eq!(stands(&members, None, &info(9000)), Standing::New);
    members.push(member(64));
    assert!(matches!(stands(&members, None, &info(9000)), Standing::InTheWay(_)));
    assert_eq!(stands(&members, Some(id(64)), &info(7528)), Standing::Member(id(64)));
}

#[test]
fn members_with_long_names_are_as_many_as_a_snapshot_has_room_for() {
    let named = |number: usize| {
        let host = format!("{}.{}.{}.d{number:057}", "a".repeat(63), "b".repeat(63), "c".repeat(63));
        let door = |port: u16| format!("{host}:{port}").parse().unwrap();
        MemberInfo {
            peer_address: door(17_401),
            client_address: door(17_301),
            calling: Calling::Voter,
        }
    };
    let mut members = Vec::new();
    let reason = loop {
        let number = members.len() + 1;
        match stands(&members, None, &named(number)) {
            Standing::New => members.push(Member {
                info: named(number),
                ..member(number as u64, 7_402, MemberRole::Learner)
            }),
            standing @ (Standing::Member(_) | Standing::Early(_) | Standing::InTheWay(_)) => break reason(standing),
        }
    };
    assert!((50..limits::MEMBERS_MAX).contains(&members.len()), "{}", members.len());
    assert!(reason.contains("shorter names"), "{reason}");
    assert_eq!(
        stands(&members, None, &info(7402)),
        Standing::New,
        "a short one fits still"
    );
}

#[test]
fn a_successor_comes_when_its_predecessor_is_gone_and_may_have_its_doors() {
    let heard = |ms| Member {
        last_heard: Some(Duration::from_millis(ms)),
        ..member(2, 7402, MemberRole::Voter)
    };
    let after = |led_for, last_heard: Member, port| {
        let members = [member(1, 7401, MemberRole::Voter), last_heard];
        stands_after(Duration::from_millis(led_for), &members, None, &successor(2, port))
    };
    for port in [7402, 7409] {
        assert_eq!(after(60_000, heard(3_000), port), Standing::New);
        let early = after(60_000, heard(2_999), port);
        assert!(matches!(early, Standing::Early(_)), "{early:?}");
    }
    let unheard = || member(2, 7402, MemberRole::Voter);
    assert_eq!(after(3_000, unheard(), 7402), Standing::New);
    // A leader that is new has heard nobody yet.
    let early = after(2_999, unheard(), 7402);
    assert!(matches!(early, Standing::Early(_)), "{early:?}");
}

#[test]
fn a_leader_that_lives_is_not_succeeded_however_long_it_has_not_heard_itself() {
    let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, MemberRole::Voter)];
    for port in [7401, 7409] {
        let standing = stands(&members, None, &successor(1, port));
        let Standing::Early(reason) = standing else {
            panic!("{standing:?}");
        };
        assert!(reason.contains("member 1 leads"), "{reason}");
    }
}

#[test]
fn the_only_voter_is_not_succeeded_and_the_node_is_told_what_to_do() {
    let members = [member(1, 7401, MemberRole::Voter), member(2, 7402, MemberRole::Learner)];
    let standing = stands(&members, None, &successor(1, 7409));
    let Standing::InTheWay(reason) = standing else {
        panic!("{standing:?}");
    };
    for part in ["the only voter", "without --replace", "quorate member remove 1"] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn a_successor_has_one_predecessor_and_takes_no_other_door() {
    let mut members = vec![member(1, 7401, MemberRole::Voter), member(2, 7402, MemberRole::Voter)];
    let other_door = reason(stands(&members, None, &successor(2, 7401)));
    assert!(other_door.contains("belongs to member 1"), "{other_door}");
    let nobody = reason(stands(&members, None, &successor(9, 7409)));
    assert!(nobody.contains("no member 9"), "{nobody}");

    let mut heir = member(3, 7403, MemberRole::Learner);
    heir.info.calling = Calling::Successor(id(2));
    members.push(heir);
    assert_eq!(
        stands(&members, Some(id(3)), &successor(2, 7403)),
        Standing::Member(id(3))
    );
    let second = reason(stands(&members, None, &successor(2, 7409)));
    assert!(second.contains("member 3 is to take the place of member 2"), "{second}");
}

#[test]
fn a_member_that_was_added_is_the_node_with_the_same_doors() {
    let added = member(4, 7404, MemberRole::Learner);
    assert_eq!(fits(&added, &info(7404)), Ok(()));
    let elsewhere = MemberInfo {
        client_address: "127.0.0.1:9999".parse().unwrap(),
        ..info(7404)
    };
    let refused = fits(&added, &elsewhere).unwrap_err();
    assert!(refused.contains("127.0.0.1:7403, not 127.0.0.1:9999"), "{refused}");
    let refused = fits(&added, &successor(3, 7404)).unwrap_err();
    assert!(refused.contains("without --replace"), "{refused}");
}

#[test]
fn a_successor_of_a_member_that_was_removed_comes_like_any_other() {
    let members = [member(1, 7401, MemberRole::Voter), member(3, 7403, MemberRole::Voter)];
    assert_eq!(stands(&members, None, &successor(2, 7402)), Standing::New);
}
