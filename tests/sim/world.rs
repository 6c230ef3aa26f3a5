//! One run: a cluster, its clients, and what breaks.

mod healing;
mod strike;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::future::{try_join, try_join_all};
use quorate_client::{Builder, Client, Role};
use quorate_consensus::runtime::Gate;
use quorate_tests::{
    record::Recorder,
    workload::{Worker, final_reads},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use turmoil::Sim;

use crate::{
    fault::{Active, Kind},
    holders::Holders,
    invariant::Invariants,
    network::{Wire, client_door},
    node::{Host, Start, write_config},
    operator::Orders,
    plan::{CALM, Plan, Planned, SPARES, STORM},
    relay::Relay,
    sightings::Sightings,
    verdict::Verdict,
};

/// Between two tries at a fault that cannot strike yet.
const RETRY: Duration = Duration::from_millis(200);

/// How long anything may take that has to come about by itself: the founding of the cluster, its recovery.
const LONG: Duration = Duration::from_secs(60);

/// A fault that has not struck by then after the storm never will.
const STORM_OVERTIME: Duration = Duration::from_secs(60);

/// The bytes that a simulated connection takes ahead of its reader.
const CONNECTION_CAPACITY: usize = 65_536;

/// A run under way.
pub(crate) struct World<'a> {
    sim: Sim<'a>,
    plan: Plan,
    rng: SmallRng,
    hosts: Vec<Host>,
    relay: Arc<Relay>,
    sightings: Sightings,
    holders: Holders,
    orders: Orders,
    recorder: Recorder,
    /// Tells the clients to come to an end.
    stop: Arc<AtomicBool>,
    /// Clients that have not.
    at_work: Arc<AtomicU32>,
    invariants: Invariants,
    pending: Vec<Planned>,
    active: Vec<Active>,
    /// Hosts that are gone for good.
    retired: BTreeSet<usize>,
    fired: BTreeMap<Kind, u64>,
    problems: Vec<String>,
}

/// Runs a seed to its end. `directory` is for the configuration of the nodes.
pub(crate) fn run(plan: &Plan, directory: &Path) -> Verdict {
    let mut world = World::new(plan.clone(), directory);
    let outcome = world.live();
    world.judge(outcome)
}

// === impl World ===

impl World<'_> {
    fn new(plan: Plan, directory: &Path) -> Self {
        let mut rng = SmallRng::seed_from_u64(plan.seed ^ 0x5EED);
        let sim = turmoil::Builder::new()
            .rng_seed(plan.seed)
            .simulation_duration(Duration::from_secs(3_600))
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(plan.latency_max)
            .tcp_capacity(CONNECTION_CAPACITY)
            .build();
        let relay = Arc::new(Relay::new(rng.random()));
        let names: Vec<Arc<str>> = (1..=plan.members)
            .map(|number| format!("node-{number}").into())
            .collect();
        let config = write_config(directory, &names[1..], plan.keep_entries).expect("a directory that can be written");
        let hosts = (1..=plan.members + SPARES)
            .map(|number| {
                Host::new(
                    number,
                    plan.seed,
                    plan.rates[number - 1],
                    &config,
                    plan.is_relayed.then_some(&relay),
                )
            })
            .collect();
        let clock = Arc::new(|| turmoil::sim_elapsed().unwrap_or_default());
        let mut world = Self {
            sim,
            rng,
            hosts,
            relay,
            sightings: Sightings::default(),
            holders: Holders::default(),
            orders: Orders::default(),
            recorder: Recorder::new(clock),
            stop: Arc::default(),
            at_work: Arc::default(),
            invariants: Invariants::default(),
            pending: plan.faults.clone(),
            active: Vec::new(),
            retired: BTreeSet::new(),
            fired: BTreeMap::new(),
            problems: Vec::new(),
            plan,
        };
        world.furnish();
        world
    }

    /// Puts the hosts on the network, and those who look at them.
    fn furnish(&mut self) {
        for (place, host) in self.hosts.iter().enumerate() {
            host.disk.set_sync_time(self.plan.sync_times[place]);
            let runs = host.clone();
            self.sim.host(host.name.to_string(), move || runs.clone().run());
        }
        // All from one host: each host costs the simulation in every tick, and no fault strikes this one.
        let looks = self.hosts.iter().enumerate().map(|(place, host)| {
            let (sightings, name) = (self.sightings.clone(), Arc::clone(&host.name));
            sightings.look(place, name, self.client_builder(place as u64, Self::plain_wire()))
        });
        let looks: Vec<_> = looks.collect();
        self.sim
            .client("lookout", async { try_join_all(looks).await.map(drop) });
        let operator = self.client(1_000, Duration::from_secs(10));
        self.sim.client("operator", self.orders.clone().carry_out(operator));
    }

    /// The clients of one who knows the first members, and learns of others.
    fn client_builder(&self, number: u64, wire: Wire) -> Builder {
        let doors = self.hosts.iter().take(self.plan.members);
        Client::builder()
            .endpoints(doors.map(|host| client_door(&host.name)))
            .connector(Arc::new(wire))
            .seed(self.plan.seed.wrapping_add(number))
    }

    /// The connections of those who look at the cluster.
    fn plain_wire() -> Wire {
        Wire::new(Gate::default(), None)
    }

    /// The connections of a client that loads the cluster. Only those with an odd number write in sessions.
    fn load_wire(&self, number: u32) -> Wire {
        let wire = Wire::new(Gate::default(), self.plan.is_relayed.then(|| Arc::clone(&self.relay)));
        if number % 2 == 1 { wire } else { wire.without_copies() }
    }

    fn client(&self, number: u64, deadline: Duration) -> Client {
        let builder = self.client_builder(number, Self::plain_wire()).deadline(deadline);
        builder.build().expect("a cluster with members")
    }

    /// From the founding of the cluster to the last reads.
    fn live(&mut self) -> Result<(), String> {
        self.found()?;
        self.load();
        self.settle_holders();
        self.storm()?;
        self.heal()?;
        self.read_all()
    }

    fn found(&mut self) -> Result<(), String> {
        let first = Arc::clone(&self.hosts[0].name);
        self.hosts[0].start(Start::Found);
        for host in &self.hosts[1..self.plan.members] {
            host.start(Start::Join {
                hosts: vec![Arc::clone(&first)],
                learner: false,
                replace: None,
            });
        }
        let members = self.plan.members;
        self.step_until(LONG, "the cluster is founded", |world| {
            (0..members).all(|host| world.is_settled(host, members))
        })
    }

    /// Whether a host has said lately that it serves as one of so many voters.
    fn is_settled(&self, host: usize, voters: usize) -> bool {
        let lately = self.sim.elapsed().saturating_sub(Duration::from_secs(1));
        self.sightings.of(host, lately).is_some_and(|answer| {
            let status = answer.value;
            let all = status.members.iter().filter(|member| member.voter).count() == voters;
            status.ready && all && matches!(status.role, Role::Leader | Role::Follower)
        })
    }

    fn load(&mut self) {
        let doors: Vec<_> = self
            .hosts
            .iter()
            .take(self.plan.members)
            .map(|host| client_door(&host.name))
            .collect();
        for number in 1..=self.plan.clients {
            let worker = Worker {
                builder: self.client_builder(u64::from(number) + 100, self.load_wire(number)),
                doors: doors.clone(),
                number,
                seed: self.plan.seed,
                pace: self.plan.pace,
                recorder: self.recorder.clone(),
                stop: Arc::clone(&self.stop),
            };
            let at_work = Arc::clone(&self.at_work);
            at_work.fetch_add(1, Ordering::Relaxed);
            self.sim.client(format!("client-{number}"), async move {
                worker.run().await;
                at_work.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            });
        }
    }

    /// Lets holders hold leases, and has somebody look at them.
    fn settle_holders(&mut self) {
        let mut holding = Vec::new();
        for number in Holders::numbers() {
            let builder = self.client_builder(u64::from(number) + 3_000, Self::plain_wire());
            let dies_at = self.sim.elapsed() + Duration::from_millis(self.rng.random_range(3_000..14_000));
            holding.push(self.holders.clone().hold(number, builder, self.plan.ttl, dies_at));
        }
        let builder = self.client_builder(4_000, Self::plain_wire());
        let sightings = self.sightings.clone();
        let observe = self
            .holders
            .clone()
            .observe(builder, move |since| sightings.slack(since));
        self.sim.client("holders", async {
            try_join(try_join_all(holding), observe).await.map(drop)
        });
    }

    /// Lets all faults strike, and come to their ends.
    fn storm(&mut self) -> Result<(), String> {
        let begun = self.sim.elapsed();
        let last = begun + STORM + STORM_OVERTIME;
        while !(self.pending.is_empty() && self.active.is_empty()) {
            let now = self.sim.elapsed();
            if now > last {
                let pending: Vec<_> = self.pending.iter().map(|planned| planned.kind.name()).collect();
                return Err(format!(
                    "faults never fired or never ended: pending {pending:?}, active {:?}",
                    self.active
                ));
            }
            self.end_faults();
            self.strike_due(begun, now);
            self.step()?;
        }
        let calm = self.sim.elapsed() + CALM;
        self.step_until(LONG, "clients have the cluster for themselves", |world| {
            world.sim.elapsed() >= calm
        })
    }

    fn strike_due(&mut self, begun: Duration, now: Duration) {
        let due: Vec<_> = (0..self.pending.len())
            .filter(|it| begun + self.pending[*it].at <= now)
            .collect();
        for place in due.into_iter().rev() {
            let kind = self.pending[place].kind;
            match self.strike(kind) {
                Some(active) => {
                    tracing::info!(?active, "a fault strikes");
                    self.active.push(active);
                    self.pending.remove(place);
                }
                None => self.pending[place].at = (now + RETRY).saturating_sub(begun),
            }
        }
    }

    /// Stops the load and lets the cluster recover: all that still belong to it serve, and are of one mind.
    fn heal(&mut self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        self.step_until(LONG, "the clients come to an end", |world| {
            world.at_work.load(Ordering::Relaxed) == 0
        })?;
        self.step_until(LONG, "leases that are not renewed lapse", |world| {
            world.holders.dead_are_out()
        })?;
        self.step_until(LONG, "the cluster recovers", World::is_of_one_mind)
    }

    fn is_of_one_mind(&self) -> bool {
        let lately = self.sim.elapsed().saturating_sub(Duration::from_millis(400));
        let Some(leader) = self.sightings.leader().and_then(|host| self.sightings.of(host, lately)) else {
            return false;
        };
        let status = &leader.value;
        let members: Vec<u64> = status.members.iter().map(|member| member.id.get()).collect();
        let of_host = |host: &Host| host.member().is_some_and(|id| members.contains(&id.get()));
        let living: Vec<_> = self
            .living()
            .into_iter()
            .filter(|host| of_host(&self.hosts[*host]))
            .collect();
        living.len() == members.len()
            && status.members.iter().filter(|member| member.voter).count() == self.plan.members
            && living.iter().all(|host| {
                self.sightings.of(*host, lately).is_some_and(|it| {
                    it.value.ready
                        && it.value.applied_index == status.last_log_index
                        && it.value.state_hash == status.state_hash
                })
            })
    }

    /// The hosts that have been told to start, and are not gone for good.
    fn living(&self) -> Vec<usize> {
        let hosts = 0..self.hosts.len();
        hosts
            .filter(|host| self.hosts[*host].is_used() && !self.retired.contains(host))
            .collect()
    }

    /// Reads everything from every member, for the last time.
    fn read_all(&mut self) -> Result<(), String> {
        let (builder, recorder, seed) = (
            self.client_builder(2_000, Self::plain_wire()),
            self.recorder.clone(),
            self.plan.seed,
        );
        let builder = builder.deadline(Duration::from_secs(5));
        let doors: Vec<_> = self
            .living()
            .iter()
            .map(|host| client_door(&self.hosts[*host].name))
            .collect();
        let outcome = Arc::new(std::sync::Mutex::new(None));
        let told = Arc::clone(&outcome);
        self.sim.client("last-reader", async move {
            let read = final_reads(&builder, &doors, seed, Duration::from_millis(100), &recorder).await;
            *told.lock().expect("nobody panics with it") = Some(read);
            Ok(())
        });
        self.step_until(LONG, "everything is read for the last time", |_| {
            outcome.lock().expect("nobody panics with it").is_some()
        })?;
        let read = outcome.lock().expect("nobody panics with it").take();
        read.expect("it was there a moment ago")
    }

    fn step_until(&mut self, within: Duration, what: &str, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let last = self.sim.elapsed() + within;
        while !done(self) {
            if self.sim.elapsed() > last {
                return Err(format!("not within {within:?}: {what}; {}", self.describe()));
            }
            self.step()?;
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let hosts = self.living().into_iter().map(|host| {
            let status = self.sightings.of(host, Duration::ZERO);
            let status = status.map(|it| {
                let (header, status) = (it.header, it.value);
                let voters: Vec<_> = status
                    .members
                    .iter()
                    .filter(|it| it.voter)
                    .map(|it| it.id.get())
                    .collect();
                format!(
                    "member {} {:?} term {} applied {} of {} ready {} voters {voters:?} of {}",
                    header.member_id,
                    status.role,
                    header.term,
                    status.applied_index,
                    status.last_log_index,
                    status.ready,
                    status.members.len()
                )
            });
            format!(
                "{}: {status:?}, ended {:?}",
                self.hosts[host].name,
                self.hosts[host].ended()
            )
        });
        hosts.collect::<Vec<_>>().join("; ")
    }

    /// One tick of everything, and a look at what may never be seen.
    fn step(&mut self) -> Result<(), String> {
        self.sim
            .step()
            .map_err(|error| format!("the simulation failed: {error}"))?;
        self.note_ends();
        let acknowledged = self.recorder.acknowledged_after(self.invariants.seen());
        self.invariants.look(&acknowledged, &self.hosts, self.plan.members);
        Ok(())
    }

    /// A node may end by itself only if a fault makes it, or if it was removed.
    fn note_ends(&mut self) {
        for host in self.living() {
            let Some(Err(problem)) = self.hosts[host].ended() else {
                continue;
            };
            let excused = self.active.iter().any(|active| active.excuses(host));
            if !excused {
                self.problems
                    .push(format!("{} ended by itself: {problem}", self.hosts[host].name));
                self.retired.insert(host);
            }
        }
    }
}
