//! What the log time asks for, as simply as can be.

use quorate_model::{Availability, InstanceKey, LeaseId, LogTime, Revision, limits};
use quorate_state::{Event, Outcome};

use super::{Done, Naive, instances::shared};

impl Naive {
    /// Ages what has lapsed, as much as one entry may, all that lapsed with one entry together.
    pub(super) fn age_lapses(&mut self) -> usize {
        let all = self.leases.iter().filter_map(|held| Some(held.lapsed?.lapse));
        let due = all.filter(|lapse| self.is_recent(lapse) && lapse.recent_until <= self.log_time());
        let mut places: Vec<_> = due
            .map(|lapse| (lapse.recent_until.as_ms(), lapse.revision.get()))
            .collect();
        places.sort_unstable();
        places.dedup();
        let (mut count, mut cost) = (0, 0);
        for place in places {
            if cost >= limits::EVENTS_PER_ENTRY_MAX {
                return count;
            }
            let of_it = self.leases.iter().filter(|held| {
                let lapse = held.lapsed.map(|state| state.lapse);
                lapse.is_some_and(|lapse| (lapse.recent_until.as_ms(), lapse.revision.get()) == place)
            });
            let ids: Vec<LeaseId> = of_it.map(|held| held.lease.id).collect();
            cost += ids.iter().map(|id| 1 + self.kept_by(*id).len()).sum::<usize>();
            count += ids.len();
            self.aged_to = place;
        }
        self.aged_to = (self.log_time_ms, u64::MAX);
        count
    }

    /// There is never so much else in a test of this model that it would not fit into one entry.
    pub(super) fn pass_time(&mut self, now: Revision) -> Done {
        let time = self.log_time();
        let mut count = self.age_lapses();
        let mut events = self.take_overrides(|known| known.expires_at.is_some_and(|at| at <= time));
        count += events.len();
        count += self.disable_drained(now, &mut events);
        count += self.drop_due_guards(now, &mut events);
        count += self.expire_leases(&mut events);
        let count = u32::try_from(count).expect("few");
        (Outcome::TimePassed { count }, self.settled(now, events))
    }

    fn disable_drained(&mut self, now: Revision, events: &mut Vec<Event>) -> usize {
        let time = self.log_time();
        let instances = self.instances.iter_mut();
        let mut drained: Vec<_> = instances
            .filter(|instance| instance.drains_until.is_some_and(|until| until <= time))
            .collect();
        drained.sort_by_key(|instance| (instance.drains_until, instance.key.clone()));
        let count = drained.len();
        events.extend(drained.into_iter().map(|instance| {
            let previous = Some(shared(instance));
            instance.availability = Availability::Disabled;
            instance.drains_until = None;
            instance.modify_revision = now;
            let instance = shared(instance);
            Event::Put { instance, previous }
        }));
        count
    }

    fn expire_leases(&mut self, events: &mut Vec<Event>) -> usize {
        let time = self.log_time();
        let lapsed = self
            .leases
            .iter()
            .filter_map(|held| Some((held.lapsed?.expires_at, held.lease.id)));
        let mut due: Vec<(LogTime, LeaseId)> = lapsed.filter(|(at, _)| *at <= time).collect();
        due.sort();
        due.truncate(limits::EVENTS_PER_ENTRY_MAX);
        let (mut count, mut seen) = (0, 0);
        for (_, id) in &due {
            seen += self.kept_by(*id).len();
            if seen > limits::EVENTS_PER_ENTRY_MAX && count > 0 {
                break;
            }
            count += 1;
            let held = self.held(*id).expect("it is there");
            let (revision, stays) = (held.lapsed.expect("it has").lapse.revision, held.lease.remove_after);
            let keys: Vec<InstanceKey> = self.kept_by(*id);
            let instances: Vec<_> = keys.iter().filter_map(|key| self.get(key)).collect();
            let until = self.time_begins_anew(&instances, revision);
            let until = until
                .map(|begin| begin.plus_ms(stays.as_ms()))
                .filter(|until| *until > time);
            match until {
                Some(until) => self.postpone(*id, until),
                None => events.extend(self.end(*id)),
            }
        }
        count
    }

    fn postpone(&mut self, id: LeaseId, until: LogTime) {
        for held in self.leases.iter_mut().filter(|held| held.lease.id == id) {
            held.lapsed.as_mut().expect("it has lapsed").expires_at = until;
        }
    }

    /// When the state has something to do of its own accord.
    pub(crate) fn next_due(&self) -> Option<LogTime> {
        let overrides = self.overrides.iter().filter_map(|known| known.expires_at);
        let drains = self.instances.iter().filter_map(|instance| instance.drains_until);
        let leases = self.leases.iter().filter_map(|held| Some(held.lapsed?.expires_at));
        let guards = self.guards.iter().map(super::guards::deadline);
        let all = self.leases.iter().filter_map(|held| Some(held.lapsed?.lapse));
        let ageing = all
            .filter(|lapse| self.is_recent(lapse))
            .map(|lapse| lapse.recent_until);
        overrides.chain(drains).chain(leases).chain(guards).chain(ageing).min()
    }
}
