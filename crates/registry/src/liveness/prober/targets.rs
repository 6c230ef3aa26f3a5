//! What is on the list, and how far each of it has come.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use futures::stream::AbortHandle;
use quorate_model::{CheckName, InstanceId, ServiceKey, Verdict};

use super::{
    Assigned, Target,
    places::Last,
    schedule::{Due, TargetId},
    streak::Streak,
};

/// What is on the list, by id and by service. As large as the list, which is as large as the catalog makes it.
#[derive(Debug, Default)]
pub(super) struct Targets {
    slots: BTreeMap<TargetId, Slot>,
    services: BTreeMap<ServiceKey, Service>,
    next: u64,
}

/// A target, and how far it has come.
#[derive(Debug)]
pub(super) struct Slot {
    group: Arc<[Target]>,
    place: usize,
    pub(super) stage: Stage,
    pub(super) streak: Streak,
    /// How the last probe went.
    pub(super) last: Option<Last>,
    /// Whether it is looked at in the moment of the interval that was drawn for it.
    pub(super) is_spread: bool,
    /// What was handed to the cluster, and when, while that has not come back.
    pub(super) told: Option<(Verdict, Duration)>,
}

/// Where a target is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nobody has put it down.
    Aside,
    /// In the schedule.
    Waiting(Due),
    /// Looked at.
    Running(Look),
}

/// A look that has not ended.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) due: Due,
    pub(super) began: Duration,
    /// Whether the leader was confirmed when it began.
    pub(super) confirmed: bool,
    pub(super) abort: AbortHandle,
}

/// The targets of a service, in order, with their ids.
#[derive(Debug)]
struct Service {
    group: Arc<[Target]>,
    ids: Vec<TargetId>,
}

/// What a new list has changed.
#[derive(Debug, Default)]
pub(super) struct Swapped {
    pub(super) gone: Vec<(TargetId, Slot)>,
    pub(super) come: Vec<TargetId>,
}

// === impl Slot ===

impl Slot {
    fn new(group: &Arc<[Target]>, place: usize) -> Self {
        Self {
            group: Arc::clone(group),
            place,
            stage: Stage::Aside,
            streak: Streak::default(),
            last: None,
            is_spread: false,
            told: None,
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.group[self.place]
    }

    /// The target, for whoever outlives the slot.
    pub(super) fn shared(&self) -> (Arc<[Target]>, usize) {
        (Arc::clone(&self.group), self.place)
    }

    /// Takes the target in its new form, which is the same work.
    fn renew(&mut self, group: &Arc<[Target]>, place: usize) {
        (self.group, self.place) = (Arc::clone(group), place);
        let known = self.target().known();
        self.told = self.told.filter(|(verdict, _)| known != (*verdict).into());
    }
}

// === impl Targets ===

impl Targets {
    pub(super) fn get_mut(&mut self, id: TargetId) -> Option<&mut Slot> {
        self.slots.get_mut(&id)
    }

    /// Takes a new list. What is on it with the same work as before goes on where it was.
    pub(super) fn swap(&mut self, assigned: &Assigned) -> Swapped {
        let mut swapped = Swapped::default();
        let services = std::mem::take(&mut self.services);
        let (mut known, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = services
            .into_iter()
            .partition(|(key, _)| assigned.services.contains_key(key));
        for id in gone.into_values().flat_map(|service| service.ids) {
            self.drop(id, &mut swapped);
        }
        for (key, group) in &assigned.services {
            let before = known.remove(key);
            let service = match before {
                Some(same) if Arc::ptr_eq(&same.group, group) => same,
                other => self.swap_service(other.as_ref(), group, &mut swapped),
            };
            self.services.insert(key.clone(), service);
        }
        swapped
    }

    fn swap_service(&mut self, before: Option<&Service>, group: &Arc<[Target]>, swapped: &mut Swapped) -> Service {
        let mut known: BTreeMap<(InstanceId, CheckName), TargetId> = BTreeMap::new();
        for (target, id) in before
            .into_iter()
            .flat_map(|before| before.group.iter().zip(&before.ids))
        {
            known.insert(name(target), *id);
        }
        let mut ids = Vec::with_capacity(group.len());
        for (place, target) in group.iter().enumerate() {
            let id = known.remove(&name(target));
            ids.push(match id {
                Some(id) if self.renewed(id, group, place) => id,
                other => {
                    if let Some(id) = other {
                        self.drop(id, swapped);
                    }
                    self.add(Slot::new(group, place), swapped)
                }
            });
        }
        for id in known.into_values() {
            self.drop(id, swapped);
        }
        Service {
            group: Arc::clone(group),
            ids,
        }
    }

    /// Lets a slot go on with the target, if that is the same work as its own.
    fn renewed(&mut self, id: TargetId, group: &Arc<[Target]>, place: usize) -> bool {
        let Entry::Occupied(mut slot) = self.slots.entry(id) else {
            return false;
        };
        let is_same_work = slot.get().target().is_same_work(&group[place]);
        if is_same_work {
            slot.get_mut().renew(group, place);
        }
        is_same_work
    }

    fn add(&mut self, slot: Slot, swapped: &mut Swapped) -> TargetId {
        let id = TargetId(self.next);
        self.next += 1;
        self.slots.insert(id, slot);
        swapped.come.push(id);
        id
    }

    fn drop(&mut self, id: TargetId, swapped: &mut Swapped) {
        if let Some(slot) = self.slots.remove(&id) {
            swapped.gone.push((id, slot));
        }
    }
}

fn name(target: &Target) -> (InstanceId, CheckName) {
    (target.instance.key().id.clone(), target.check().name.clone())
}
