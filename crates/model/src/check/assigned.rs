//! Which members probe what: rendezvous hashing.
//!
//! Each member draws a number for each check, by a hash of nothing but the two, and the highest ones have it. So when
//! a member goes, its checks are spread over the others and no other check moves; when one comes, it takes its share
//! and nothing else moves. Everybody has to come to the same choice for ever; hence xxh3 with fixed inputs.

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::{CheckName, InstanceKey, MemberId};

/// Those of the `probers`, each of whom is there once, that look at the check `name` of the instance `key`: `points` of
/// them, or all if there are fewer, the one that comes first at the head.
pub fn assigned(probers: &[MemberId], key: &InstanceKey, name: &CheckName, points: u8) -> Vec<MemberId> {
    let seed = hash_of(key, name);
    let mut drawn: Vec<(u64, MemberId)> = probers
        .iter()
        .map(|member| (xxh3_64_with_seed(&member.get().to_le_bytes(), seed), *member))
        .collect();
    drawn.sort_unstable_by(|one, other| other.cmp(one));
    drawn.truncate(points.into());
    drawn.into_iter().map(|(_, member)| member).collect()
}

/// The texts end with a byte that none of them contains, so that no two checks are the same bytes.
fn hash_of(key: &InstanceKey, name: &CheckName) -> u64 {
    let mut hasher = Xxh3::new();
    for text in [
        key.namespace.as_str(),
        key.service.as_str(),
        key.id.as_str(),
        name.as_str(),
    ] {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    }
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    fn member(id: u64) -> MemberId {
        id.try_into().unwrap()
    }

    fn key(id: &str) -> InstanceKey {
        InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "web".parse().unwrap(),
            id: id.parse().unwrap(),
        }
    }

    fn name() -> CheckName {
        "alive".parse().unwrap()
    }

    #[test]
    fn the_choice_is_fixed_for_ever() {
        let probers = [member(1), member(2), member(3), member(4), member(5)];
        let chosen = |id: &str| -> Vec<u64> {
            let chosen = assigned(&probers, &key(id), &name(), 5);
            chosen.into_iter().map(MemberId::get).collect()
        };
        assert_eq!(chosen("a"), [4, 2, 5, 3, 1]);
        assert_eq!(chosen("b"), [1, 5, 2, 3, 4]);
        assert_eq!(chosen("web-7f9c"), [5, 4, 1, 2, 3]);
    }

    #[test]
    fn every_member_has_about_the_same_share() {
        let probers = [member(1), member(2), member(3)];
        let mut shares = [0_u32; 3];
        for number in 0..3_000 {
            let [chosen] = assigned(&probers, &key(&format!("i-{number}")), &name(), 1)[..] else {
                panic!("one point, one member");
            };
            shares[usize::try_from(chosen.get() - 1).unwrap()] += 1;
        }
        assert!(shares.iter().all(|share| (900..=1_100).contains(share)), "{shares:?}");
    }

    #[test]
    fn texts_that_look_alike_together_are_apart() {
        let parted = |service: &str, id: &str| {
            let key = InstanceKey {
                service: service.parse().unwrap(),
                ..key(id)
            };
            hash_of(&key, &name())
        };
        assert_ne!(parted("ab", "c"), parted("a", "bc"));
    }

    fn probers() -> impl Strategy<Value = BTreeSet<u64>> {
        btree_set(1..1_000_u64, 1..12)
    }

    fn chosen(probers: &BTreeSet<u64>, id: &str, points: u8) -> Vec<MemberId> {
        let probers: Vec<MemberId> = probers.iter().copied().map(member).collect();
        assigned(&probers, &key(id), &name(), points)
    }

    proptest! {
        #[test]
        fn as_many_look_as_are_asked_for_or_there(probers in probers(), id in "[a-z0-9]{1,8}", points in 1..=7_u8) {
            let chosen = chosen(&probers, &id, points);
            prop_assert_eq!(chosen.len(), probers.len().min(points.into()));
            let apart: BTreeSet<_> = chosen.iter().collect();
            prop_assert_eq!(apart.len(), chosen.len());
        }

        #[test]
        fn the_order_of_the_members_does_not_matter(probers in probers(), id in "[a-z0-9]{1,8}", points in 1..=7_u8) {
            let backwards: Vec<MemberId> = probers.iter().rev().copied().map(member).collect();
            prop_assert_eq!(assigned(&backwards, &key(&id), &name(), points), chosen(&probers, &id, points));
        }

        #[test]
        fn a_member_that_goes_moves_nothing_but_its_own(
            probers in probers(),
            id in "[a-z0-9]{1,8}",
            points in 1..=7_u8,
            which: prop::sample::Index,
        ) {
            let before = chosen(&probers, &id, points);
            let gone = *which.get(&probers.iter().copied().collect::<Vec<_>>());
            let mut left = probers;
            left.remove(&gone);
            let after = chosen(&left, &id, points);
            let kept: Vec<MemberId> = before.iter().copied().filter(|chosen| chosen.get() != gone).collect();
            prop_assert_eq!(&after[..kept.len()], &kept[..]);
            if before.len() == kept.len() {
                prop_assert_eq!(after, before);
            } else {
                prop_assert!(after.len() <= kept.len() + 1);
            }
        }
    }
}
