//! What raft is asked for says who stays, also to whoever has to finish it.

use super::*;

fn id(id: u64) -> MemberId {
    id.try_into().unwrap()
}

fn info(id: u64, calling: Calling) -> MemberInfo {
    MemberInfo {
        peer_address: format!("10.0.0.{id}:7400").parse().unwrap(),
        client_address: format!("10.0.0.{id}:7300").parse().unwrap(),
        calling,
    }
}

/// Members 1 to 4, in which these vote, the last of the sets being what is wanted.
fn membership(configs: &[&[u64]], callings: [Calling; 4]) -> Membership {
    let configs = configs.iter().map(|ids| ids.iter().copied().collect()).collect();
    let members = (1..).zip(callings).map(|(id, calling)| (id, info(id, calling)));
    Membership::new(configs, members.collect::<BTreeMap<_, _>>()).unwrap()
}

const V: Calling = Calling::Voter;
const L: Calling = Calling::Learner;

fn set(number: u64, calling: Calling) -> Change {
    ChangeMembers::SetNodes(BTreeMap::from([(number, info(number, calling))]))
}

fn batch<const N: usize>(changes: [Change; N], retain: bool) -> Plan {
    Plan {
        change: ChangeMembers::Batch(changes.into()),
        retain,
    }
}

#[test]
fn a_learner_that_is_promoted_is_called_to_vote() {
    let members = membership(&[&[1, 2, 3]], [V, V, V, L]);
    let add = ChangeMembers::AddVoterIds(BTreeSet::from([4]));
    assert_eq!(
        plan(&members, MembershipChange::Promote(id(4))),
        batch([set(4, V), add.clone()], true)
    );
    let called = membership(&[&[1, 2, 3]], [V; 4]);
    assert_eq!(plan(&called, MembershipChange::Promote(id(4))), batch([add], true));
}

#[test]
fn a_voter_that_is_demoted_is_called_to_be_a_learner_and_one_that_is_removed_is_not() {
    let members = membership(&[&[1, 2, 3]], [V, V, V, L]);
    let remove = ChangeMembers::RemoveVoters(BTreeSet::from([3]));
    assert_eq!(
        plan(&members, MembershipChange::Demote(id(3))),
        batch([set(3, L), remove.clone()], true)
    );
    assert_eq!(plan(&members, MembershipChange::Remove(id(3))), batch([remove], false));
    let leave = ChangeMembers::RemoveNodes(BTreeSet::from([4]));
    assert_eq!(plan(&members, MembershipChange::Remove(id(4))), batch([leave], true));
}

#[test]
fn a_successor_takes_the_place_of_a_voter_in_one_change() {
    let members = membership(&[&[1, 2, 3]], [V, V, V, Calling::Successor(id(3))]);
    let remove = ChangeMembers::RemoveVoters(BTreeSet::from([3]));
    let add = ChangeMembers::AddVoterIds(BTreeSet::from([4]));
    let replace = MembershipChange::Replace { old: id(3), new: id(4) };
    assert_eq!(plan(&members, replace), batch([set(4, V), remove, add], false));
}

#[test]
fn the_successor_of_a_learner_is_a_learner() {
    let members = membership(&[&[1, 2]], [V, V, L, Calling::Successor(id(3))]);
    let leave = ChangeMembers::RemoveNodes(BTreeSet::from([3]));
    let replace = MembershipChange::Replace { old: id(3), new: id(4) };
    assert_eq!(plan(&members, replace), batch([set(4, L), leave], true));
}

#[test]
fn nobody_goes_unless_a_change_is_half_done() {
    assert!(leaving(&membership(&[&[1, 2, 3]], [V, V, V, L])).is_empty());
    assert!(leaving(&Membership::default()).is_empty());
}

#[test]
fn whoever_finishes_a_change_knows_who_was_to_stay() {
    let finish = |callings| {
        let half_done = membership(&[&[1, 2, 3], &[1, 2, 4]], callings);
        plan(&half_done, MembershipChange::Finish)
    };
    let leave = |ids: &[u64]| batch([ChangeMembers::RemoveNodes(ids.iter().copied().collect())], true);
    assert_eq!(finish([V, V, V, V]), leave(&[3]), "member 3 was removed or replaced");
    assert_eq!(finish([V, V, L, V]), leave(&[]), "member 3 was demoted");
}

#[test]
fn a_leader_that_fell_between_the_two_entries_of_a_change_does_not_say_that_nothing_was_done() {
    let fell = || MembershipError::NotLeader(Some(id(2)));
    assert!(matches!(
        looked_at_again(fell(), true),
        MembershipError::NotLeader(Some(_))
    ));
    assert!(matches!(
        looked_at_again(fell(), false),
        MembershipError::OutcomeUnknown(_)
    ));
    let refused = MembershipError::Refused("no".to_owned());
    assert!(matches!(looked_at_again(refused, false), MembershipError::Refused(_)));
}
