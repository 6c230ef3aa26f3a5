//! What was found by checks, and what follows from it.

use crate::{Check, CheckOutput, Checks, Health, InvalidValue, MemberId, Vantage};

/// What somebody who has looked says about a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It works.
    Passing,
    /// It works, with something to look at.
    Warning,
    /// It does not work.
    Critical,
}

/// What was found by a check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CheckState {
    /// What follows from the votes.
    pub health: Health,
    /// What each member that has told anything has found last, in the order of their ids.
    pub votes: Vec<(MemberId, Verdict)>,
    /// What the last change of the health was told with.
    pub output: CheckOutput,
}

// === impl Verdict ===

impl From<Verdict> for Health {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passing => Self::Passing,
            Verdict::Warning => Self::Warning,
            Verdict::Critical => Self::Critical,
        }
    }
}

impl TryFrom<Health> for Verdict {
    type Error = InvalidValue;

    fn try_from(health: Health) -> Result<Self, InvalidValue> {
        match health {
            Health::Passing => Ok(Self::Passing),
            Health::Warning => Ok(Self::Warning),
            Health::Critical => Ok(Self::Critical),
            Health::Unknown => Err(InvalidValue::new(
                "verdict",
                "whoever has looked knows; use passing, warning or critical",
            )),
        }
    }
}

// === impl CheckState ===

impl CheckState {
    /// The state of a check that nobody has looked at yet.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            health: Health::Unknown,
            votes: Vec::new(),
            output: CheckOutput::default(),
        }
    }

    /// The states of the `new` checks where the `old` ones have come to `states`, one for each in their order: what finds
    /// the same goes on, and of the others nothing is known.
    pub fn carried_over(old: &Checks, states: &[Self], new: &Checks) -> Box<[Self]> {
        let state_of = |check: &Check| {
            let known = old.iter().zip(states).find(|(before, _)| before.finds_the_same(check));
            known.map_or_else(Self::unknown, |(_, state)| state.clone())
        };
        new.iter().map(state_of).collect()
    }

    /// What `member` has found, if it has told.
    pub fn vote_of(&self, member: MemberId) -> Option<Verdict> {
        let place = self.votes.binary_search_by_key(&member, |(voter, _)| *voter).ok()?;
        self.votes.get(place).map(|(_, verdict)| *verdict)
    }

    /// The state once the one of the `assigned` members has found `verdict` and tells it with `output`. What members
    /// have found that are not assigned is forgotten. The output is kept only if the health changes by it.
    #[must_use]
    pub fn after_vote(
        &self,
        member: MemberId,
        verdict: Verdict,
        output: CheckOutput,
        assigned: &[MemberId],
        vantage: Vantage,
    ) -> Self {
        let mut votes = self.votes.clone();
        votes.retain(|(voter, _)| *voter != member && assigned.contains(voter));
        let place = votes.partition_point(|(voter, _)| *voter < member);
        votes.insert(place, (member, verdict));
        let health = follows(self.health, &votes, assigned, vantage);
        self.turned(health, votes, output)
    }

    /// The state once whoever runs the instance has told `verdict` with `output`, for a check that nobody else makes.
    #[must_use]
    pub fn after_report(&self, verdict: Verdict, output: CheckOutput) -> Self {
        self.turned(verdict.into(), Vec::new(), output)
    }

    fn turned(&self, health: Health, votes: Vec<(MemberId, Verdict)>, output: CheckOutput) -> Self {
        let output = if health == self.health {
            self.output.clone()
        } else {
            output
        };
        Self { health, votes, output }
    }
}

/// What follows from the votes of those who are assigned: critical if as many as have to agree find it so, and good if
/// those who find it good are so many that the others cannot. Where neither is the case yet, because some have not
/// told, it stays as it was: whoever has not told finds what is so already.
fn follows(before: Health, votes: &[(MemberId, Verdict)], assigned: &[MemberId], vantage: Vantage) -> Health {
    let count = |verdict| {
        let those = votes
            .iter()
            .filter(|(voter, vote)| *vote == verdict && assigned.contains(voter));
        those.count()
    };
    // Fewer than asked for may be there, and then all of them are enough.
    let needed = usize::from(vantage.quorum()).min(assigned.len());
    let (good, critical) = (
        count(Verdict::Passing) + count(Verdict::Warning),
        count(Verdict::Critical),
    );
    if good + critical == 0 {
        before
    } else if critical >= needed {
        Health::Critical
    } else if assigned.len() - good < needed {
        match count(Verdict::Warning) {
            0 => Health::Passing,
            _ => Health::Warning,
        }
    } else {
        before
    }
}

/// The health of an instance of whose checks these are the healths: the worst of them, where what is not known is worse
/// than a warning and better than critical; passing, if there is none.
pub fn worst_of(healths: impl IntoIterator<Item = Health>) -> Health {
    let severity = |health: &Health| match health {
        Health::Passing => 0,
        Health::Warning => 1,
        Health::Unknown => 2,
        Health::Critical => 3,
    };
    healths.into_iter().max_by_key(severity).unwrap_or(Health::Passing)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::Probe;

    const HEALTHS: [Health; 4] = [Health::Passing, Health::Warning, Health::Unknown, Health::Critical];

    fn member(id: u64) -> MemberId {
        id.try_into().unwrap()
    }

    /// The state after the votes (member, verdict), of which `of` members were assigned and `quorum` have to agree.
    fn after(before: Health, votes: &[(u64, Verdict)], of: u64, quorum: u32) -> Health {
        let assigned: Vec<MemberId> = (1..=of).map(member).collect();
        let vantage = Vantage::new(7, Some(quorum)).unwrap();
        let begin = CheckState {
            health: before,
            ..CheckState::unknown()
        };
        let ended = votes.iter().fold(begin, |state, (voter, verdict)| {
            state.after_vote(member(*voter), *verdict, CheckOutput::default(), &assigned, vantage)
        });
        ended.health
    }

    #[test]
    fn the_worst_check_makes_the_health() {
        assert_eq!(worst_of([]), Health::Passing);
        for (place, worst) in HEALTHS.into_iter().enumerate() {
            for better in HEALTHS.into_iter().take(place + 1) {
                assert_eq!(worst_of([better, worst, better]), worst);
            }
        }
    }

    #[test]
    fn one_of_one_decides() {
        use Verdict::{Critical, Passing, Warning};
        for before in HEALTHS {
            assert_eq!(after(before, &[(1, Critical)], 1, 1), Health::Critical);
            assert_eq!(after(before, &[(1, Warning)], 1, 1), Health::Warning);
            assert_eq!(after(before, &[(1, Passing)], 1, 1), Health::Passing);
            assert_eq!(after(before, &[], 1, 1), before);
        }
    }

    #[test]
    fn two_of_three_decide() {
        use Verdict::{Critical, Passing};
        assert_eq!(after(Health::Passing, &[(1, Critical)], 3, 2), Health::Passing);
        assert_eq!(
            after(Health::Passing, &[(1, Critical), (3, Critical)], 3, 2),
            Health::Critical
        );
        assert_eq!(after(Health::Unknown, &[(1, Passing)], 3, 2), Health::Unknown);
        assert_eq!(
            after(Health::Unknown, &[(1, Passing), (2, Passing)], 3, 2),
            Health::Passing
        );
        let changed = [(1, Critical), (2, Critical), (2, Passing)];
        assert_eq!(
            after(Health::Passing, &changed, 3, 2),
            Health::Critical,
            "the third has not told"
        );
        let all = [(1, Critical), (2, Critical), (2, Passing), (3, Passing)];
        assert_eq!(after(Health::Passing, &all, 3, 2), Health::Passing);
    }

    #[test]
    fn where_fewer_look_than_have_to_agree_all_of_them_are_enough() {
        let votes = [(1, Verdict::Critical), (2, Verdict::Critical)];
        assert_eq!(after(Health::Passing, &votes[..1], 2, 5), Health::Passing);
        assert_eq!(after(Health::Passing, &votes, 2, 5), Health::Critical);
    }

    #[test]
    fn what_others_have_found_is_forgotten() {
        let vantage = Vantage::new(3, Some(2)).unwrap();
        let told = |state: &CheckState, id, assigned: &[MemberId]| {
            state.after_vote(member(id), Verdict::Critical, CheckOutput::default(), assigned, vantage)
        };
        let first = told(&CheckState::unknown(), 1, &[member(1), member(2), member(3)]);
        assert_eq!(first.vote_of(member(1)), Some(Verdict::Critical));
        let second = told(&first, 2, &[member(2), member(3), member(4)]);
        assert_eq!(second.votes, [(member(2), Verdict::Critical)]);
        assert_eq!(second.health, Health::Unknown, "one of the three has told");
    }

    #[test]
    fn the_output_is_that_of_the_last_change() {
        let output = |text: &str| CheckOutput::cut(text);
        let state = CheckState::unknown().after_report(Verdict::Critical, output("no answer"));
        assert_eq!((state.health, state.output.as_str()), (Health::Critical, "no answer"));
        let same = state.after_report(Verdict::Critical, output("still none"));
        assert_eq!(same, state);
    }

    #[test]
    fn what_was_found_stays_where_the_same_is_looked_at() {
        let check = |name: &str, probe: Probe| Check::new(name.parse().unwrap(), probe);
        let checks = |checks: Vec<Check>| Checks::try_from(checks).unwrap();
        let old = checks(vec![
            check("a", Probe::Tcp),
            check("b", Probe::Tcp),
            check("c", Probe::Tcp),
        ]);
        let found = |verdict| CheckState::unknown().after_report(verdict, CheckOutput::default());
        let states = [
            found(Verdict::Passing),
            found(Verdict::Warning),
            found(Verdict::Critical),
        ];
        let rarer = Check {
            vantage: Vantage::new(3, None).unwrap(),
            ..check("c", Probe::Tcp)
        };
        let new = checks(vec![rarer, check("d", Probe::Tcp), check("b", Probe::Reported)]);
        let carried = CheckState::carried_over(&old, &states, &new);
        assert_eq!(
            *carried,
            [states[2].clone(), CheckState::unknown(), CheckState::unknown()]
        );
    }

    #[test]
    fn whoever_has_looked_knows() {
        for health in [Health::Passing, Health::Warning, Health::Critical] {
            assert_eq!(Verdict::try_from(health).map(Health::from), Ok(health));
        }
        assert!(Verdict::try_from(Health::Unknown).is_err());
    }

    fn verdicts() -> impl Strategy<Value = Vec<(u64, Verdict)>> {
        let verdict = select(&[Verdict::Passing, Verdict::Warning, Verdict::Critical][..]);
        vec((1..=9_u64, verdict), 0..20)
    }

    proptest! {
        #[test]
        fn once_all_have_told_the_votes_alone_decide(votes in verdicts(), of in 1..=7_u64, quorum in 1..=7_u32) {
            let assigned_votes: Vec<_> = votes.into_iter().filter(|(voter, _)| *voter <= of).collect();
            let all_told: Vec<_> = (1..=of).map(|voter| (voter, Verdict::Passing)).chain(assigned_votes).collect();
            let decided = after(Health::Unknown, &all_told, of, quorum);
            prop_assert_ne!(decided, Health::Unknown);
            let last = |voter| all_told.iter().rev().find(|(who, _)| *who == voter).map(|(_, verdict)| *verdict);
            let critical = (1..=of).filter(|voter| last(*voter) == Some(Verdict::Critical)).count();
            let needed = usize::try_from(u64::from(quorum).min(of)).unwrap();
            prop_assert_eq!(decided == Health::Critical, critical >= needed);
        }

        #[test]
        fn the_votes_are_in_order_and_each_member_has_one(votes in verdicts(), of in 1..=7_u64) {
            let assigned: Vec<MemberId> = (1..=of).map(member).collect();
            let mut state = CheckState::unknown();
            for (voter, verdict) in votes.into_iter().filter(|(voter, _)| *voter <= of) {
                let output = CheckOutput::default();
                state = state.after_vote(member(voter), verdict, output, &assigned, Vantage::default());
                prop_assert_eq!(state.vote_of(member(voter)), Some(verdict));
                prop_assert!(state.votes.is_sorted_by(|one, other| one.0 < other.0));
            }
        }
    }
}
