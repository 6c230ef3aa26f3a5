//! Between values of the SDK and those of a record.

use quorate_client::{Answer, Changed, Deregistered, Error, Instances, Reason, Registered, Written, model};
use quorate_model::{InstanceId, InstancePatch, InstanceSpec, MetadataKey, Owner, ServiceName, Tags, Weight};

use crate::record::{
    Availability, Change, Content, Done, Effect, Header, Holder, Instance, Key, Outcome, Refusal, Shown,
};

/// The metadata key of the value.
const VALUE: &str = "value";

// --- what is asked ---

pub(crate) fn service(number: u32) -> ServiceName {
    crate::service(&format!("service-{number}"))
}

pub(crate) fn id(number: u32) -> InstanceId {
    crate::id(&format!("id-{number}"))
}

pub(crate) fn owner(number: u32) -> Owner {
    format!("owner-{number}").parse().expect("a valid owner")
}

/// What a registration states with `base`, after an update to `value`.
pub(crate) fn spec(holder: Holder, base: u64, value: u64) -> InstanceSpec {
    let port = u16::try_from(1 + base % 60_000).expect("it is below 65,536");
    let weight = u16::try_from(base % 1_000).expect("it is below 65,536");
    let mut parts = crate::parts(port);
    parts.version = Some(base.to_string().parse().expect("a valid version"));
    parts.weight = Weight::new(weight);
    parts.tags = Tags::parse([format!("tag-{}", base % 7)]).expect("a valid tag");
    parts.metadata = metadata(value);
    parts.holder = model::Holder {
        owner: holder.owner.map(owner),
        incarnation: holder
            .incarnation
            .map(|number| number.try_into().expect("incarnations are not 0")),
    };
    InstanceSpec::new(parts).expect("parts within the limits")
}

/// The part that updates are about.
pub(crate) fn patch(value: u64) -> InstancePatch {
    InstancePatch {
        metadata: Some(metadata(value)),
        ..InstancePatch::default()
    }
}

fn metadata(value: u64) -> model::Metadata {
    model::Metadata::parse([(VALUE, value.to_string())]).expect("short metadata")
}

impl From<Availability> for model::Availability {
    fn from(availability: Availability) -> Self {
        match availability {
            Availability::Enabled => Self::Enabled,
            Availability::Draining => Self::Draining,
            Availability::Disabled => Self::Disabled,
        }
    }
}

// --- what is answered ---

pub(crate) fn registered(answer: &Answer<Registered>) -> Done {
    let Registered { generation, change, .. } = answer.value;
    let effect = Effect::Registered {
        generation: generation.get(),
        change: change_of(change),
    };
    done(answer, effect)
}

pub(crate) fn changed(answer: &Answer<Changed>) -> Done {
    let Changed { generation, changed } = answer.value;
    let generation = generation.get();
    done(answer, Effect::Changed { generation, changed })
}

pub(crate) fn deregistered(answer: &Answer<Deregistered>) -> Done {
    let Deregistered { existed } = answer.value;
    done(answer, Effect::Deregistered { existed })
}

fn done<T>(answer: &Answer<T>, effect: Effect) -> Done {
    Done {
        header: Some(header(&answer.header)),
        revision: None,
        effect,
    }
}

/// What an item of a batch came to that was done. One that says less than it has to says nothing that can be relied on.
pub(crate) fn written(written: &Written) -> Outcome {
    let changed = written.changed;
    let generation = written.generation.map(model::Generation::get);
    let effect = match (written.registered, generation) {
        (Some(change), Some(generation)) => Effect::Registered {
            generation,
            change: change_of(change),
        },
        (None, Some(generation)) => Effect::Changed { generation, changed },
        (None, None) => Effect::Deregistered { existed: changed },
        (Some(_), None) => return Outcome::Unknown,
    };
    Outcome::Done(Done {
        header: None,
        revision: Some(written.revision.get()),
        effect,
    })
}

/// What a write came to that failed, and whether its session is lost.
pub(crate) fn failed_write(error: &Error) -> (Outcome, bool) {
    match error {
        Error::Refused { reason, .. } => (Outcome::Refused(refusal(*reason)), false),
        Error::SessionLost { .. } => (Outcome::NotDone, true),
        Error::Unavailable { .. } | Error::InvalidArgument { .. } => (Outcome::NotDone, false),
        Error::OutcomeUnknown { .. }
        | Error::Deadline { .. }
        | Error::WrongCluster { .. }
        | Error::BadAnswer { .. }
        // What this version does not know of says nothing of the effect.
        | _ => (Outcome::Unknown, false),
    }
}

fn refusal(reason: Reason) -> Refusal {
    if reason == Reason::AlreadyExists {
        Refusal::AlreadyExists
    } else if reason == Reason::StaleGeneration {
        Refusal::StaleGeneration
    } else if reason == Reason::NotFound {
        Refusal::NotFound
    } else if reason == Reason::KeyReused {
        Refusal::KeyReused
    } else {
        Refusal::Other
    }
}

fn change_of(change: quorate_client::Change) -> Change {
    match change {
        quorate_client::Change::Created => Change::Created,
        quorate_client::Change::Updated => Change::Updated,
        quorate_client::Change::Unchanged => Change::Unchanged,
        quorate_client::Change::Replaced => Change::Replaced,
    }
}

fn header(header: &quorate_client::Header) -> Header {
    Header {
        epoch: header.epoch.get(),
        member: header.member_id.get(),
        term: header.term.get(),
        revision: header.revision.get(),
        staleness_ms: header.staleness_ms,
    }
}

/// One instance was shown.
pub(crate) fn one(answer: &Answer<model::Found>) -> Shown {
    Shown {
        header: Some(header(&answer.header)),
        service_known: None,
        instances: vec![instance(&answer.value)],
    }
}

/// It was said that the instance is not there.
pub(crate) const fn none() -> Shown {
    Shown {
        header: None,
        service_known: None,
        instances: Vec::new(),
    }
}

/// Instances of a service were shown.
pub(crate) fn many(answer: &Answer<Instances>) -> Shown {
    Shown {
        header: Some(header(&answer.header)),
        service_known: Some(answer.value.service_known),
        instances: answer.value.instances.iter().map(instance).collect(),
    }
}

pub(crate) fn instance(found: &model::Found) -> Instance {
    let key = Key {
        service: number(found.key().service.as_str(), "service-"),
        id: number(found.key().id.as_str(), "id-"),
    };
    let holder = holder(found.spec().holder());
    Instance {
        key,
        holder: holder.unwrap_or_default(),
        content: holder.and_then(|holder| content(holder, found)),
        availability: availability(found.availability()),
        create_revision: found.create_revision().get(),
        modify_revision: found.modify_revision().get(),
        generation: found.generation().get(),
    }
}

fn availability(availability: model::Availability) -> Availability {
    match availability {
        model::Availability::Enabled => Availability::Enabled,
        model::Availability::Draining => Availability::Draining,
        model::Availability::Disabled => Availability::Disabled,
    }
}

/// The number behind the prefix; one that nobody uses, if the name is not one of the workload's.
fn number(name: &str, prefix: &str) -> u32 {
    let number = name.strip_prefix(prefix).and_then(|number| number.parse().ok());
    number.unwrap_or(u32::MAX)
}

/// The holder, if it is one of the workload's.
pub(crate) fn holder(holder: &model::Holder) -> Option<Holder> {
    let owner = match &holder.owner {
        Some(owner) => Some(owner.as_str().strip_prefix("owner-")?.parse().ok()?),
        None => None,
    };
    let incarnation = holder.incarnation.map(model::Incarnation::get);
    Some(Holder { owner, incarnation })
}

/// What is stated, if it is as a whole what a workload states. Workloads set no overrides.
fn content(holder: Holder, found: &model::Found) -> Option<Content> {
    let base = found.spec().version()?.as_str().parse().ok()?;
    let key = MetadataKey::try_from(VALUE).expect("a valid key");
    let value = found.spec().metadata().get(&key)?.as_str().parse().ok()?;
    (spec(holder, base, value) == *found.spec() && found.overrides().is_empty()).then_some(Content { base, value })
}

#[cfg(test)]
mod tests {
    use quorate_model::{Availability, Generation, InstanceKey, InstanceParts, NamespaceName, Revision};

    use super::*;

    fn found(spec: InstanceSpec) -> model::Found {
        model::Found::undisturbed(model::Instance::new(InstanceParts {
            key: InstanceKey {
                namespace: NamespaceName::default(),
                service: service(3),
                id: id(4),
            },
            spec,
            availability: Availability::Enabled,
            create_revision: Revision::new(1),
            modify_revision: Revision::new(2),
            generation: Generation::new(1),
            registered_at_ms: 0,
            lease: None,
            lapse: None,
            drains_until: None,
            checks: Box::default(),
        }))
    }

    #[test]
    fn content_is_known_again_as_a_whole_or_not_at_all() {
        let by = Holder {
            owner: Some(2),
            incarnation: Some(7),
        };
        let registered = spec(by, 70_123, 70_123);
        let updated = registered.patched(&patch(9)).unwrap();
        let shown = instance(&found(updated.clone()));
        assert_eq!(
            (shown.key, shown.holder, shown.content),
            (Key { service: 3, id: 4 }, by, Some(Content { base: 70_123, value: 9 }))
        );

        let mut parts = updated.into_parts();
        parts.weight = Weight::new(1_001);
        let torn = InstanceSpec::new(parts).unwrap();
        assert_eq!(instance(&found(torn)).content, None);
    }
}
