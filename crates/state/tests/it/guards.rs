//! Guards: when they are raised and dropped, and what they keep in answers.

mod dropping;
mod effects;
mod raising;
mod room;

use std::sync::Arc;

use quorate_model::{
    Filter, GuardCause, GuardScope, GuardShare, Instance, InstanceKey, LeaseId, Lifetime, Liveness, SettingsPatch,
};
use quorate_state::{Command, Event, Mutation, Outcome, RaisedGuard, Takeover};

use crate::samples::{Node, grant_staying, lapse, parts, revive, spec, web};

/// A node whose instances are kept by one lease each, which lives for 10 s and stays for 30 s.
pub(super) struct Fleet {
    pub(super) node: Node,
    pub(super) members: Vec<(InstanceKey, u64)>,
}

impl Fleet {
    pub(super) fn new() -> Self {
        Self {
            node: Node::founded(),
            members: vec![],
        }
    }

    /// So many instances of the service `web`.
    pub(super) fn of_web(count: usize) -> Self {
        let mut fleet = Self::new();
        fleet.add("default", "web", "", count);
        fleet
    }

    /// Adds so many instances to a service, in a zone unless that is empty.
    pub(super) fn add(&mut self, namespace: &str, service: &str, zone: &str, count: usize) {
        for _ in 0..count {
            let number = self.members.len();
            let lease = self.node.state.revision().get() + 1;
            self.node.apply(&grant_staying(&format!("p{number}"), 30_000));
            let mut parts = parts(80);
            parts.locality.zone = zone.parse().ok();
            let key = InstanceKey {
                namespace: namespace.parse().expect("valid"),
                service: service.parse().expect("valid"),
                id: format!("i{number}").parse().expect("valid"),
            };
            self.node.apply(&Command::Mutate(Mutation::Register {
                key: key.clone(),
                spec: spec(parts),
                takeover: Takeover::Forbidden,
                lifetime: Lifetime::Lease(LeaseId::new(lease)),
                registered_at_ms: 0,
            }));
            assert!(self.node.state.instance(&key).is_some());
            self.members.push((key, lease));
        }
    }

    /// How these of the members stand, for a command about their leases.
    fn leases(&self, numbers: impl IntoIterator<Item = usize>) -> Vec<(u64, u64)> {
        let leases = numbers.into_iter().map(|number| {
            let id = self.members[number].1;
            let held = self.node.state.lease(LeaseId::new(id)).expect("it is there");
            (id, held.changed().get())
        });
        leases.collect()
    }

    /// Lets these lapse in one entry; gives the guards that it raised.
    pub(super) fn lapse(&mut self, ms: u64, numbers: impl IntoIterator<Item = usize>) -> Vec<(GuardScope, GuardCause)> {
        let leases = self.leases(numbers);
        let (outcome, events) = self.node.apply_stamped(ms, &lapse(&leases));
        let count = u32::try_from(leases.len()).expect("few");
        assert_eq!(outcome, Outcome::LeasesLapsed { count });
        let raised = events.iter().filter_map(|event| match event {
            Event::GuardRaised { scope, guard } => Some((scope.clone(), guard.cause)),
            Event::Put { .. }
            | Event::Delete { .. }
            | Event::OverrideSet { .. }
            | Event::OverrideCleared { .. }
            | Event::GuardDropped { .. } => None,
        });
        raised.collect()
    }

    /// Revives these in one entry; gives the guards that it dropped.
    pub(super) fn revive(&mut self, numbers: impl IntoIterator<Item = usize>) -> Vec<GuardScope> {
        let leases = self.leases(numbers);
        let (outcome, events) = self.node.apply(&revive(&leases));
        let count = u32::try_from(leases.len()).expect("few");
        assert_eq!(outcome, Outcome::LeasesRevived { count });
        dropped(&events)
    }

    pub(super) fn liveness(&self, number: usize) -> Liveness {
        let instance = self.node.state.instance(&self.members[number].0).expect("it is there");
        let standings = self.node.state.standings(&instance.key().service_key());
        standings.standing(&instance).liveness
    }

    /// How many instances of `web` are in a default answer.
    pub(super) fn answered(&self) -> usize {
        let standings = self.node.state.standings(&web());
        let Some(service) = self.node.state.service(&web()) else {
            return 0;
        };
        let is_in = |instance: &&Arc<Instance>| Filter::default().matches(instance, &standings.standing(instance));
        service.instances().filter(is_in).count()
    }

    pub(super) fn raised(&self) -> Vec<RaisedGuard> {
        self.node.state.raised_guards().collect()
    }

    pub(super) fn scopes(&self) -> Vec<GuardScope> {
        self.raised().into_iter().map(|raised| raised.scope).collect()
    }

    /// What is due at a time is done; gives the guards that dropped.
    pub(super) fn pass(&mut self, ms: u64) -> Vec<GuardScope> {
        dropped(&self.node.apply_stamped(ms, &Command::PassTime).1)
    }
}

pub(super) fn dropped(events: &[Event]) -> Vec<GuardScope> {
    let dropped = events.iter().filter_map(|event| match event {
        Event::GuardDropped { scope } => Some(scope.clone()),
        Event::Put { .. }
        | Event::Delete { .. }
        | Event::OverrideSet { .. }
        | Event::OverrideCleared { .. }
        | Event::GuardRaised { .. } => None,
    });
    dropped.collect()
}

pub(super) fn share(scope: GuardScope) -> (GuardScope, GuardCause) {
    (scope, GuardCause::Share)
}

pub(super) fn service(name: &str) -> GuardScope {
    let mut service = web();
    service.service = name.parse().expect("valid");
    GuardScope::Service(service)
}

pub(super) fn share_percent(percent: u32) -> SettingsPatch {
    SettingsPatch {
        guard_share: Some(GuardShare::from_percent(percent).expect("valid")),
        ..SettingsPatch::default()
    }
}
