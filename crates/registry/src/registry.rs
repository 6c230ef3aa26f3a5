//! The facade: every operation of the registry, on any member.

use std::{sync::Arc, time::Duration};

use quorate_consensus::{Applied, Connector, Consensus, Joining, Member, Status};
use quorate_model::{
    Availability, Clock, Consistency, Epoch, Filter, Generation, Instance, InstanceId, InstanceKey, InstancePatch,
    NamespaceName, ServiceKey, ServiceName,
};
use quorate_state::{Command, Outcome, Rejection, State};
use tokio::sync::watch;

use crate::{
    Answer, Error, Header, InstancePage, Leader, Limits, NodeStatus, Page, Registered, Registration, Resolved,
    ServicePage, ServiceSummary, Tasks, Updated,
    admission::Gate,
    deadline::Deadline,
    membership::Membership,
    read::{Reader, Reading},
    readiness::Readiness,
    route::Route,
};

/// What a registry is built from.
#[derive(Debug)]
pub struct Parts {
    /// The raft node of this process.
    pub consensus: Consensus,
    /// How members are reached that are asked whether they answer, or to let somebody in.
    pub connector: Arc<dyn Connector>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How much it takes on.
    pub limits: Limits,
    /// Where its tasks run.
    pub tasks: Tasks,
}

/// The registry, as this member offers it. Cheap to clone.
///
/// Every operation is given the time that is left for it, and ends by then.
#[derive(Debug, Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    consensus: Consensus,
    clock: Arc<dyn Clock>,
    limits: Limits,
    tasks: Tasks,
    gate: Gate,
    route: Route<Consensus>,
    reader: Reader<Consensus>,
    readiness: Readiness,
    membership: Membership,
}

// === impl Registry ===

impl Registry {
    /// Puts a registry together and starts its tasks.
    pub fn start(parts: Parts) -> Self {
        let Parts {
            consensus,
            connector,
            clock,
            limits,
            tasks,
        } = parts;
        let reader = Reader::start(consensus.clone(), Arc::clone(&clock), limits, &tasks);
        let readiness = Readiness::default();
        reader.start_meter(readiness.clone(), &tasks);
        let membership = Membership::new(consensus.clone(), connector, Arc::clone(&clock));
        membership.start_promoter(&tasks);
        let shared = Shared {
            gate: Gate::new(limits),
            route: Route::new(consensus.clone()),
            consensus,
            clock,
            limits,
            tasks,
            reader,
            readiness,
            membership,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Who lets joining nodes in, for the peer door.
    pub fn joining(&self) -> Arc<dyn Joining> {
        Arc::new(self.shared.membership.clone())
    }

    /// Whether this member serves: it has a leader that a quorum confirms, and has caught up with it.
    pub fn readiness(&self) -> watch::Receiver<bool> {
        self.shared.readiness.subscribe()
    }

    /// From now on refuses writes that come in at this member.
    pub fn refuse_writes(&self, reason: impl Into<String>) {
        self.shared.gate.close(Some(reason.into()));
    }

    /// Takes writes again.
    pub fn accept_writes(&self) {
        self.shared.gate.close(None);
    }

    /// The tasks of the node.
    pub fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// The clock of the node.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }
}

// === writes ===

impl Registry {
    /// Makes an instance known, or renews the claim to it.
    pub async fn register(&self, asked: Registration, time_left: Duration) -> Result<Answer<Registered>, Error> {
        let deadline = self.deadline(time_left);
        self.check_room(&asked.key, &deadline).await?;
        let command = Command::Register {
            key: asked.key,
            spec: asked.spec,
            takeover: asked.takeover,
            registered_at_ms: self.shared.clock.wall_ms(),
        };
        self.write(&command, &deadline, |outcome| {
            let Outcome::Registered { generation, change, .. } = outcome else {
                return None;
            };
            Some(Registered { generation, change })
        })
        .await
    }

    /// Changes parts of an instance and leaves the others as they are.
    pub async fn update(
        &self,
        key: InstanceKey,
        generation: Option<Generation>,
        patch: InstancePatch,
        time_left: Duration,
    ) -> Result<Answer<Updated>, Error> {
        let command = Command::Update { key, generation, patch };
        self.write(&command, &self.deadline(time_left), |outcome| {
            let Outcome::Updated { generation, effect, .. } = outcome else {
                return None;
            };
            Some(Updated { generation, effect })
        })
        .await
    }

    /// Takes an instance out of the catalog, and answers whether it was there.
    pub async fn deregister(
        &self,
        key: InstanceKey,
        generation: Option<Generation>,
        time_left: Duration,
    ) -> Result<Answer<bool>, Error> {
        let command = Command::Deregister { key, generation };
        self.write(&command, &self.deadline(time_left), |outcome| {
            let Outcome::Deregistered { existed } = outcome else {
                return None;
            };
            Some(existed)
        })
        .await
    }

    /// States what is intended for an instance.
    pub async fn set_availability(
        &self,
        key: InstanceKey,
        availability: Availability,
        generation: Option<Generation>,
        time_left: Duration,
    ) -> Result<Answer<Updated>, Error> {
        let command = Command::SetAvailability {
            key,
            availability,
            generation,
        };
        self.write(&command, &self.deadline(time_left), |outcome| {
            let Outcome::AvailabilitySet { generation, effect, .. } = outcome else {
                return None;
            };
            Some(Updated { generation, effect })
        })
        .await
    }

    /// Has `command` applied and takes from its outcome what `expected` finds there.
    async fn write<T>(
        &self,
        command: &Command,
        deadline: &Deadline,
        expected: impl FnOnce(Outcome) -> Option<T>,
    ) -> Result<Answer<T>, Error> {
        let Shared { gate, route, .. } = &*self.shared;
        let encoded = gate.encode(command)?;
        let _permit = gate.enter(deadline).await?;
        let Applied { revision, outcome } = route.propose(encoded, deadline).await?;
        if let Outcome::Rejected(rejection) = outcome {
            return Err(rejection.into());
        }
        let value = expected(outcome).ok_or_else(mismatch)?;
        let mut header = self.header(&self.shared.reader.reading());
        header.revision = revision;
        header.staleness = None;
        Ok(Answer { header, value })
    }

    /// Refuses an instance for which there is no room, unless this member only does not know of the room yet.
    async fn check_room(&self, key: &InstanceKey, deadline: &Deadline) -> Result<(), Error> {
        let reader = &self.shared.reader;
        if reader.reading().state.check_room(key).is_ok() {
            return Ok(());
        }
        let reading = reader.read(Consistency::Linearizable, deadline).await?;
        Ok(reading.state.check_room(key)?)
    }
}

// === reads ===

impl Registry {
    /// Answers one instance.
    pub async fn get_instance(
        &self,
        key: &InstanceKey,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<Arc<Instance>>, Error> {
        let answer = self.read(consistency, time_left, |state| state.instance(key)).await?;
        let Answer { header, value } = answer;
        let value = value.ok_or(Rejection::NotFound)?;
        Ok(Answer { header, value })
    }

    /// Answers the instances of a service that meet `filter`.
    pub async fn resolve(
        &self,
        key: &ServiceKey,
        filter: &Filter,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<Resolved>, Error> {
        self.read(consistency, time_left, |state| {
            let service = state.service(key);
            let all = service.iter().flat_map(|service| service.instances());
            Resolved {
                service_known: service.is_some(),
                instances: all.filter(|instance| filter.matches(instance)).cloned().collect(),
            }
        })
        .await
    }

    /// Lists the services of a namespace.
    pub async fn list_services(
        &self,
        namespace: &NamespaceName,
        page: &Page<ServiceName>,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<ServicePage>, Error> {
        let size_max = self.shared.limits.page_size_max;
        self.read(consistency, time_left, |state| {
            let all = state.services(namespace);
            let (services, next) = page.cut(size_max, all, |service| &service.key().service);
            let services = services.into_iter().map(|service| ServiceSummary {
                name: service.key().service.clone(),
                instances: service.len(),
                available: service.instances().filter(|instance| instance.is_available()).count(),
            });
            ServicePage {
                services: services.collect(),
                next,
            }
        })
        .await
    }

    /// Lists the instances of a service, whatever their state.
    pub async fn list_instances(
        &self,
        key: &ServiceKey,
        page: &Page<InstanceId>,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<InstancePage>, Error> {
        let size_max = self.shared.limits.page_size_max;
        self.read(consistency, time_left, |state| {
            let service = state.service(key);
            let all = service.iter().flat_map(|service| service.instances());
            let (instances, next) = page.cut(size_max, all, |instance| &instance.key().id);
            InstancePage {
                service_known: service.is_some(),
                instances: instances.into_iter().cloned().collect(),
                next,
            }
        })
        .await
    }

    /// How this member sees itself and the cluster. Asks nobody, so that it also works without a quorum.
    pub fn status(&self) -> Answer<NodeStatus> {
        let Shared {
            consensus,
            reader,
            readiness,
            ..
        } = &*self.shared;
        let reading = reader.reading();
        let state = &reading.state;
        let Status {
            role,
            last_log,
            members,
            ..
        } = consensus.status();
        let value = NodeStatus {
            role,
            ready: readiness.is_ready(),
            last_log,
            applied: state.applied(),
            state_hash: state.hash(),
            services: state.all_services().len(),
            instances: state.instance_count(),
            members,
        };
        let header = self.header(&reading);
        Answer { header, value }
    }

    async fn read<T>(
        &self,
        consistency: Consistency,
        time_left: Duration,
        look: impl FnOnce(&State) -> T,
    ) -> Result<Answer<T>, Error> {
        let deadline = self.deadline(time_left);
        let reading = self.shared.reader.read(consistency, &deadline).await?;
        let value = look(&reading.state);
        let header = self.header(&reading);
        Ok(Answer { header, value })
    }

    fn header(&self, reading: &Reading) -> Header {
        let consensus = &self.shared.consensus;
        let identity = consensus.identity();
        let (term, leader) = consensus.leadership();
        let leader = leader.map(|Member { id, info, .. }| Leader {
            id,
            client_address: info.client_address,
        });
        Header {
            cluster_id: identity.cluster_id,
            epoch: reading.state.cluster().map_or(Epoch::ZERO, |cluster| cluster.epoch),
            member_id: identity.member_id,
            term,
            revision: reading.state.revision(),
            leader,
            staleness: reading.staleness,
        }
    }

    fn deadline(&self, time_left: Duration) -> Deadline {
        Deadline::after(Arc::clone(&self.shared.clock), time_left)
    }
}

/// It was applied: whatever else is said of it, not that nothing was done.
fn mismatch() -> Error {
    Error::OutcomeUnknown {
        problem: "the outcome is not one of the command that was proposed".to_owned(),
    }
}
