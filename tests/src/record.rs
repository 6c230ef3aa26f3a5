//! The record of a run: everything that clients asked for and were told, as plain data.
//!
//! A [`Recorder`] is written to by the clients of a [`workload`](crate::workload), and a [`checker`](crate::checker)
//! judges the [`Record`] that comes of it. One operation is one line of text, so that a run that failed can be read.

mod recorder;
mod text;

use std::time::Duration;

pub use recorder::{Clock, Recorder, Ticket};

/// All operations of a run, in the order in which they were called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The operations.
    pub operations: Vec<Operation>,
}

/// One operation of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who asked.
    pub client: u32,
    /// Before it was sent.
    pub called: Stamp,
    /// After its answer had come; absent while there is none.
    pub returned: Option<Stamp>,
    /// What was asked.
    pub asked: Asked,
    /// What came of it.
    pub outcome: Outcome,
}

/// A moment, as the record knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The place among all moments of the record: what is earlier has a lower one, also within one instant.
    pub place: u64,
    /// The time of the injected clock.
    pub at: Duration,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To change an instance.
    Write(Write),
    /// To show one or more.
    Read(Read),
}

/// A change of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// The instance.
    pub key: Key,
    /// What is to be done.
    pub deed: Deed,
    /// How it was sent.
    pub sent: Sent,
}

/// How a write was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The lease of the session that it was sent in: it is repeated until it is answered, and takes effect once.
    pub session: Option<u64>,
    /// The batch that it was an item of.
    pub batch: Option<u64>,
}

/// Which instance: number `id` of service number `service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The service.
    pub service: u32,
    /// The instance in it.
    pub id: u32,
}

/// What a write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It registers the instance.
    Register {
        /// In whose name.
        holder: Holder,
        /// With which content: another one in each write, but where a registration is repeated.
        value: u64,
        /// Whether another owner may be pushed aside.
        takeover: bool,
    },
    /// It changes the part of the content that updates are about.
    Update {
        /// The only generation that it may touch.
        generation: Option<u64>,
        /// What it becomes: another one in each write.
        value: u64,
    },
    /// It takes the instance out.
    Deregister {
        /// The only generation that it may touch.
        generation: Option<u64>,
    },
    /// It says whether the instance is to be used.
    SetAvailability {
        /// The only generation that it may touch.
        generation: Option<u64>,
        /// What is intended.
        availability: Availability,
    },
}

/// Who stands behind a registration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The number of the owner.
    pub owner: Option<u32>,
    /// The incarnation.
    pub incarnation: Option<u64>,
}

/// What is stated about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// What the last registration stated.
    pub base: u64,
    /// What the last registration or update stated, of the part that updates are about.
    pub value: u64,
}

/// What is intended for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Availability {
    /// It is to be used.
    Enabled,
    /// It is to finish what it does.
    Draining,
    /// It is not to be used.
    Disabled,
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// About what.
    pub about: About,
    /// How fresh the answer has to be.
    pub freshness: Freshness,
    /// Whether it was asked at the end, when all had settled.
    pub is_final: bool,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// One instance.
    Instance(Key),
    /// All instances of a service.
    Instances(u32),
    /// Those instances of a service that may be called: the rule of default answers.
    Callable(u32),
}

/// How fresh an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// As fresh as it comes.
    Stale,
    /// At most so many milliseconds old.
    Bounded(u64),
    /// At this revision or later.
    AtLeast(u64),
    /// It shows all that was acknowledged before.
    Linearizable,
}

/// What came of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The write was done.
    Done(Done),
    /// The question was answered.
    Shown(Shown),
    /// The cluster said no: the write had no effect.
    Refused(Refusal),
    /// It was not done, and says nothing of the state.
    NotDone,
    /// The write may take effect at any time from its call on, or never. Of a question: it was not answered.
    Unknown,
}

/// A write that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Who said so; absent for an item of a batch.
    pub header: Option<Header>,
    /// The revision of the last change of the instance, as an item of a batch is told it.
    pub revision: Option<u64>,
    /// What it came to.
    pub effect: Effect,
}

/// What a write came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is registered.
    Registered {
        /// The generation of the registration.
        generation: u64,
        /// What it took.
        change: Change,
    },
    /// It has the content or the availability that was asked for.
    Changed {
        /// The generation of the registration.
        generation: u64,
        /// Whether anything changed.
        changed: bool,
    },
    /// It is gone.
    Deregistered {
        /// Whether it was there.
        existed: bool,
    },
}

/// What a registration took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The id was free.
    Created,
    /// The content changed.
    Updated,
    /// Nothing changed.
    Unchanged,
    /// A new generation replaced the one before.
    Replaced,
}

/// Why the cluster said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The id belongs to another owner.
    AlreadyExists,
    /// The generation is over.
    StaleGeneration,
    /// There is no such instance.
    NotFound,
    /// The revision that was asked for lies ahead of the cluster.
    RevisionAhead,
    /// The key of the write was used for another one.
    KeyReused,
    /// Something else, that says nothing of the instance.
    Other,
}

/// What a question was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Who answered, from which state; absent if it was only said that the instance is not there.
    pub header: Option<Header>,
    /// Whether the service has any instance; absent where that was not asked.
    pub service_known: Option<bool>,
    /// In the order in which they were answered.
    pub instances: Vec<Instance>,
}

/// Who answered, and from which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The life of the history.
    pub epoch: u64,
    /// The member.
    pub member: u64,
    /// The term that it was in.
    pub term: u64,
    /// The revision.
    pub revision: u64,
    /// How far the state may lag behind.
    pub staleness_ms: Option<u64>,
}

/// An instance as it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    /// Which one.
    pub key: Key,
    /// Who stands behind it.
    pub holder: Holder,
    /// What is stated; absent if it is nothing that a workload ever states.
    pub content: Option<Content>,
    /// What is intended.
    pub availability: Availability,
    /// Since when the id has been there.
    pub create_revision: u64,
    /// When it was changed last.
    pub modify_revision: u64,
    /// When the registration began.
    pub generation: u64,
}

// === impl Record ===

impl Record {
    /// The writes, each with its operation.
    pub fn writes(&self) -> impl Iterator<Item = (&Write, &Operation)> {
        self.operations.iter().filter_map(|operation| match &operation.asked {
            Asked::Write(write) => Some((write, operation)),
            Asked::Read(_) => None,
        })
    }

    /// The questions that were answered, each with its operation.
    pub fn answers(&self) -> impl Iterator<Item = (&Read, &Shown, &Operation)> {
        self.operations
            .iter()
            .filter_map(|operation| match (&operation.asked, &operation.outcome) {
                (Asked::Read(read), Outcome::Shown(shown)) => Some((read, shown, operation)),
                _ => None,
            })
    }
}

// === impl Operation ===

impl Operation {
    /// The header of its answer, if it has one.
    pub fn header(&self) -> Option<Header> {
        match &self.outcome {
            Outcome::Done(done) => done.header,
            Outcome::Shown(shown) => shown.header,
            Outcome::Refused(_) | Outcome::NotDone | Outcome::Unknown => None,
        }
    }

    /// Whether it is a write that was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_))
    }
}

// === impl Deed ===

impl Deed {
    /// The only generation that it may touch.
    pub const fn generation(&self) -> Option<u64> {
        match self {
            Self::Register { .. } => None,
            Self::Update { generation, .. }
            | Self::Deregister { generation }
            | Self::SetAvailability { generation, .. } => *generation,
        }
    }

    /// The value that it states, by which its effect is known again.
    pub const fn value(&self) -> Option<u64> {
        match self {
            Self::Register { value, .. } | Self::Update { value, .. } => Some(*value),
            Self::Deregister { .. } | Self::SetAvailability { .. } => None,
        }
    }
}

// === impl Done ===

impl Done {
    /// Whether anything changed.
    pub const fn changed(&self) -> bool {
        match self.effect {
            Effect::Registered { change, .. } => !matches!(change, Change::Unchanged),
            Effect::Changed { changed, .. } => changed,
            Effect::Deregistered { existed } => existed,
        }
    }
}

// === impl Read ===

impl Read {
    /// Whether its answer says something of this instance.
    pub const fn covers(&self, key: Key) -> bool {
        match self.about {
            About::Instance(asked) => asked.service == key.service && asked.id == key.id,
            About::Instances(service) | About::Callable(service) => service == key.service,
        }
    }

    /// Whether it shows all that was acknowledged before it was asked.
    pub const fn is_linearizable(&self) -> bool {
        matches!(self.freshness, Freshness::Linearizable)
    }
}
