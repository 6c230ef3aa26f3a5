//! The replicated state and how readers see it.

use std::sync::Arc;

use quorate_model::{
    ClusterId, Epoch, Instance, InstanceKey, JoinNonce, LogIndex, MemberId, NamespaceName, Revision, ServiceKey,
    StateHash, envelope::DecodeError,
};

use crate::{
    Command, CommandError, Event, Outcome, Rejection, Service, apply,
    catalog::Catalog,
    format::{Object, ObjectV1, object_hash},
    roster::Roster,
};

/// The identity of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cluster {
    /// Its name for ever.
    pub id: ClusterId,
    /// Its present history.
    pub epoch: Epoch,
    /// What is added to a log index to make a revision.
    pub base: Revision,
}

/// Everything that the members agree on.
///
/// A clone costs O(1) and is an immutable view: consensus hands one to the readers after each batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    applied: LogIndex,
    founded: Option<Founded>,
    catalog: Catalog,
    hash: StateHash,
}

/// What there is once the cluster is founded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Founded {
    cluster: Cluster,
    roster: Roster,
}

impl State {
    /// The state before the first log entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the command of the log entry at `at`.
    pub fn apply(&mut self, at: LogIndex, command: &Command) -> (Outcome, Vec<Event>) {
        self.advance(at);
        match apply::dispatch(self, command) {
            Ok((outcome, event)) => (outcome, event.into_iter().collect()),
            Err(rejection) => (Outcome::Rejected(rejection), Vec::new()),
        }
    }

    /// Applies the bytes of the log entry at `at`. A value that is not allowed is a rejection, on every member;
    /// an error means that this member cannot know what the others do, and must stop.
    pub fn apply_encoded(&mut self, at: LogIndex, bytes: &[u8]) -> Result<(Outcome, Vec<Event>), DecodeError> {
        match Command::decode(bytes) {
            Ok(command) => Ok(self.apply(at, &command)),
            Err(CommandError::Unreadable(error)) => Err(error),
            Err(CommandError::Invalid(error)) => {
                self.advance(at);
                Ok((Outcome::Rejected(error.into()), Vec::new()))
            }
        }
    }

    /// Notes that the log entry at `at` is applied: one without a command (blank, or a change of membership).
    pub fn advance(&mut self, at: LogIndex) {
        self.applied = at;
    }

    /// The index of the last applied log entry.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    /// The revision of the last applied log entry.
    pub fn revision(&self) -> Revision {
        let base = self.cluster().map_or(Revision::ZERO, |cluster| cluster.base);
        Revision::at(base, self.applied)
    }

    /// The sum of the hashes of all replicated objects: what members compare at equal revisions. The position in
    /// the log is not in it.
    pub fn hash(&self) -> StateHash {
        self.hash
    }

    /// The same sum, computed anew from every object: differs from [`State::hash`] only if memory is damaged.
    pub fn recomputed_hash(&self) -> StateHash {
        self.objects()
            .fold(StateHash::default(), |sum, object| sum.plus(object_hash(&object)))
    }

    /// The identity of the cluster, once it is founded.
    pub fn cluster(&self) -> Option<Cluster> {
        self.founded.as_ref().map(|founded| founded.cluster)
    }

    /// The highest member id given out so far, once the cluster is founded.
    pub fn last_member(&self) -> Option<MemberId> {
        self.founded.as_ref().map(|founded| founded.roster.last())
    }

    /// The member id that was given to `nonce`, as far back as nonces are remembered.
    pub fn member_of(&self, nonce: JoinNonce) -> Option<MemberId> {
        self.founded.as_ref()?.roster.find(nonce)
    }

    /// A service, if it has an instance.
    pub fn service(&self, key: &ServiceKey) -> Option<Arc<Service>> {
        self.catalog.service(key).cloned()
    }

    /// The services of `namespace`, in the order of their names.
    pub fn services<'a>(&'a self, namespace: &'a NamespaceName) -> impl Iterator<Item = &'a Arc<Service>> {
        self.catalog.services_in(namespace)
    }

    /// The services of all namespaces, in the order of their keys.
    pub fn all_services(&self) -> impl ExactSizeIterator<Item = &Arc<Service>> {
        self.catalog.services()
    }

    /// An instance, if it is there.
    pub fn instance(&self, key: &InstanceKey) -> Option<Arc<Instance>> {
        self.catalog.instance(key).cloned()
    }

    /// Whether there is room for an instance at `key`: the rule by which a registration is taken, for whoever
    /// wants to spare the log an entry that would come to nothing.
    pub fn check_room(&self, key: &InstanceKey) -> Result<(), Rejection> {
        match self.catalog.instance(key) {
            Some(_) => Ok(()),
            None => self.catalog.check_room(key),
        }
    }

    /// How many instances there are in the whole cluster.
    pub fn instance_count(&self) -> usize {
        self.catalog.instance_count()
    }
}

// === what apply and snapshots build on: every change of an object goes with one of the hash ===

impl State {
    pub(crate) fn require_founded(&self) -> Result<(), Rejection> {
        self.founded.as_ref().map(|_| ()).ok_or(Rejection::NotFounded)
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn found(&mut self, cluster: Cluster, last_member: MemberId) {
        let founded = Founded {
            cluster,
            roster: Roster::new(last_member),
        };
        self.hash = self.hash.plus(object_hash(&founded.object()));
        self.founded = Some(founded);
    }

    /// The id for `nonce`: the one it was given before, or the next.
    pub(crate) fn allocate_member(&mut self, nonce: JoinNonce) -> Result<MemberId, Rejection> {
        let founded = self.founded.as_mut().ok_or(Rejection::NotFounded)?;
        if let Some(id) = founded.roster.find(nonce) {
            return Ok(id);
        }
        let limit = crate::Limit::MemberIds;
        let id = founded.roster.last().next().ok_or(Rejection::LimitExceeded { limit })?;
        let before = founded.object();
        let evicted = founded.roster.add(id, nonce);
        let mut hash = self
            .hash
            .minus(object_hash(&before))
            .plus(object_hash(&founded.object()))
            .plus(object_hash(&ObjectV1::nonce(id, nonce)));
        if let Some((id, nonce)) = evicted {
            hash = hash.minus(object_hash(&ObjectV1::nonce(id, nonce)));
        }
        self.hash = hash;
        Ok(id)
    }

    /// Puts back an object from a snapshot; false if it is there already, or comes before the cluster.
    pub(crate) fn restore(&mut self, object: Object) -> bool {
        match object {
            Object::Cluster { cluster, last_member } => {
                let absent = self.founded.is_none();
                if absent {
                    self.found(cluster, last_member);
                }
                absent
            }
            Object::JoinNonce { member, nonce } => self.restore_nonce(member, nonce),
            Object::Instance(instance) => {
                self.founded.is_some() && matches!(self.put(instance), Event::Put { previous: None, .. })
            }
        }
    }

    fn restore_nonce(&mut self, id: MemberId, nonce: JoinNonce) -> bool {
        let roster = self.founded.as_mut().map(|founded| &mut founded.roster);
        let restored = roster.is_some_and(|roster| roster.restore(id, nonce));
        if restored {
            self.hash = self.hash.plus(object_hash(&ObjectV1::nonce(id, nonce)));
        }
        restored
    }

    pub(crate) fn put(&mut self, instance: Instance) -> Event {
        let instance = Arc::new(instance);
        let previous = self.catalog.put(Arc::clone(&instance));
        self.hash = self.hash.plus(object_hash(&ObjectV1::from(&*instance)));
        if let Some(previous) = &previous {
            self.hash = self.hash.minus(object_hash(&ObjectV1::from(&**previous)));
        }
        Event::Put { instance, previous }
    }

    pub(crate) fn remove(&mut self, key: &InstanceKey) -> Option<Event> {
        let previous = self.catalog.remove(key)?;
        self.hash = self.hash.minus(object_hash(&ObjectV1::from(&*previous)));
        Some(Event::Delete { previous })
    }

    /// Every replicated object, in an order that is the same on all members.
    pub(crate) fn objects(&self) -> impl Iterator<Item = ObjectV1> + Send + use<> {
        let founded = self.founded.clone();
        let cluster = founded.as_ref().map(Founded::object);
        let nonces = founded
            .map(|founded| founded.roster.nonces().clone())
            .unwrap_or_default();
        let instances = self
            .catalog
            .clone()
            .into_services()
            .flat_map(Service::into_instances)
            .map(|instance| ObjectV1::from(&*instance));
        cluster
            .into_iter()
            .chain(nonces.into_iter().map(|(id, nonce)| ObjectV1::nonce(id, nonce)))
            .chain(instances)
    }

    /// How many objects [`State::objects`] gives.
    pub(crate) fn object_count(&self) -> usize {
        let founded = self
            .founded
            .as_ref()
            .map_or(0, |founded| 1 + founded.roster.nonces().len());
        founded + self.instance_count()
    }
}

// === impl Founded ===

impl Founded {
    fn object(&self) -> ObjectV1 {
        ObjectV1::cluster(self.cluster, self.roster.last())
    }
}
