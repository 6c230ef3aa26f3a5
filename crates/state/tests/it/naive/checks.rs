//! Checks, as simply as can be.

use quorate_model::{
    CheckName, CheckOutput, CheckState, Generation, Health, InstanceKey, InstanceParts, InstanceSpec, MemberId,
    Revision, Verdict, assigned,
};
use quorate_state::{CheckReport, Effect, Event, Mutated, Outcome, Rejection};

use super::{Done, Naive, instances, instances::shared};

/// What is known of each check of `spec`, if it goes on from `old`.
pub(super) fn carried(old: Option<&InstanceParts>, spec: &InstanceSpec) -> Box<[CheckState]> {
    let mut states = vec![];
    for check in spec.checks() {
        let mut state = CheckState::unknown();
        for (known, found) in old.iter().flat_map(|old| old.spec.checks().iter().zip(&old.checks)) {
            if known.name == check.name && known.endpoint == check.endpoint && known.probe == check.probe {
                state = found.clone();
            }
        }
        states.push(state);
    }
    states.into()
}

/// So many votes of those who are to look are enough: counted anew from all of them.
fn follows(before: Health, votes: &[(MemberId, Verdict)], looking: usize, quorum: usize) -> Health {
    let needed = quorum.min(looking);
    let critical = votes
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Critical)
        .count();
    let good = votes.len() - critical;
    if critical >= needed {
        return Health::Critical;
    }
    if good + needed > looking {
        let warns = votes.iter().any(|(_, verdict)| *verdict == Verdict::Warning);
        return if warns { Health::Warning } else { Health::Passing };
    }
    before
}

impl Naive {
    pub(super) fn set_probers(&mut self, now: Revision, members: &[MemberId]) -> Done {
        let mut wanted = members.to_vec();
        wanted.sort();
        wanted.dedup();
        let before = self.probers.as_ref().map(|(_, members)| members.clone());
        let effect = if before.unwrap_or_default() == wanted {
            Effect::Unchanged
        } else {
            self.probers = Some((now, wanted));
            Effect::Changed
        };
        (Outcome::ProbersSet { effect }, vec![])
    }

    pub(super) fn report_checks(
        &mut self,
        now: Revision,
        probers: Revision,
        reporter: MemberId,
        items: &[CheckReport],
    ) -> Done {
        let (mut count, mut events) = (0, vec![]);
        for item in items {
            let Some((named, members)) = self.probers.clone() else {
                continue;
            };
            let place = self.instances.iter().position(|instance| instance.key == item.key);
            let Some(instance) = place.map(|place| &mut self.instances[place]) else {
                continue;
            };
            let place = instance.spec.checks().iter().position(|check| check.name == item.check);
            let Some((place, check)) = place.map(|place| (place, instance.spec.checks().as_slice()[place].clone()))
            else {
                continue;
            };
            let looking = assigned(&members, &item.key, &item.check, check.vantage.points());
            let is_meant = named == probers && instance.generation == item.generation && looking.contains(&reporter);
            if !is_meant || !check.probe.is_active() {
                continue;
            }
            let before = instance.checks[place].clone();
            let mut votes: Vec<_> = before
                .votes
                .iter()
                .copied()
                .filter(|vote| looking.contains(&vote.0))
                .collect();
            votes.retain(|vote| vote.0 != reporter);
            votes.push((reporter, item.verdict));
            votes.sort();
            let health = follows(before.health, &votes, looking.len(), check.vantage.quorum().into());
            let is_seen = health != before.health;
            let output = if is_seen {
                item.output.clone()
            } else {
                before.output.clone()
            };
            let after = CheckState { health, votes, output };
            if after == before {
                continue;
            }
            let previous = shared(instance);
            instance.checks[place] = after;
            count += 1;
            if is_seen {
                instance.modify_revision = now;
                events.push(Event::Put {
                    instance: shared(instance),
                    previous: Some(previous),
                });
            }
        }
        (Outcome::ChecksReported { count }, self.settled(now, events))
    }

    pub(super) fn report_check(
        &mut self,
        now: Revision,
        key: &InstanceKey,
        generation: Option<Generation>,
        name: &CheckName,
        (verdict, output): (Verdict, &CheckOutput),
    ) -> instances::Done {
        let known = self.get(key).map(|instance| instance.spec.checks().get(name).cloned());
        let mut refused = None;
        let done = self.change(now, key, generation, |instance| {
            let Some(check) = known.flatten() else {
                refused = Some(Rejection::CheckNotFound);
                return None;
            };
            if check.probe.is_active() {
                let reason =
                    format!("the members make the check {name} themselves: only one of kind `reported` is reported");
                refused = Some(Rejection::Invalid { reason });
                return None;
            }
            let place = instance.spec.checks().iter().position(|other| other.name == *name);
            let state = &mut instance.checks[place.expect("it was found")];
            let health = Health::from(verdict);
            (state.health != health).then(|| {
                *state = CheckState {
                    health,
                    votes: vec![],
                    output: output.clone(),
                };
            })
        });
        let (outcome, events) = done?;
        match (refused, outcome) {
            (Some(rejection), _) => Err(rejection),
            (
                None,
                Mutated::Updated {
                    generation,
                    revision,
                    effect,
                },
            ) => Ok((
                Mutated::CheckReported {
                    generation,
                    revision,
                    effect,
                },
                events,
            )),
            (None, other) => panic!("a change comes to an update: {other:?}"),
        }
    }

    /// What a patch of the endpoints leaves without one.
    pub(super) fn unfit(&self, key: &InstanceKey, patch: &quorate_model::InstancePatch) -> Option<Rejection> {
        let endpoints = patch.endpoints.as_ref()?;
        let problem = self.get(key)?.spec.checks().fit(endpoints).err()?;
        Some(Rejection::Invalid {
            reason: problem.to_string(),
        })
    }
}
