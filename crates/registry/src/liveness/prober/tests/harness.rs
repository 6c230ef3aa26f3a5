//! A prober whose connections follow a script, and whose changes are taken down.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use quorate_consensus::BoxIo;
use quorate_model::{
    Availability, Check, Clock, Endpoint, Generation, Health, Instance, InstanceKey, InstanceParts, InstanceSpec, Pace,
    PaceParts, Port, Probe, Revision, SpecParts, Verdict,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Handle,
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use super::super::{Assigned, Dial, Edge, Host, ProbePolicy, Probing, Trust, engine::Engine, probe::Prober};
use crate::{Policy, Tasks, testing::TokioClock};

/// What a target does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    /// It takes it.
    Accept,
    /// It refuses it.
    Refuse,
    /// It says nothing.
    Never,
}

/// Something to look at: the instance of a number, which is part of its name and its address.
#[derive(Debug, Clone)]
pub(super) struct Target {
    number: u16,
    behavior: Behavior,
    inner: super::super::Target,
}

/// A prober under test.
pub(super) struct Rig {
    began: Instant,
    script: Arc<Script>,
    assigned: watch::Sender<Arc<Assigned>>,
    confirmed: Arc<AtomicBool>,
    edges: mpsc::UnboundedReceiver<Edge>,
    told: BTreeMap<String, Verdict>,
    taken: usize,
    _tasks: Tasks,
}

/// Who does what, and what was done.
#[derive(Debug, Default)]
pub(super) struct Script {
    known: Mutex<Known>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    behaviors: BTreeMap<u16, Behavior>,
    looks: Vec<u16>,
    open: BTreeMap<u16, usize>,
    most_open: usize,
}

/// A connection attempt that is under way or an open connection.
struct Open {
    script: Arc<Script>,
    number: u16,
}

#[derive(Debug)]
struct ScriptedDial(Arc<Script>);

#[derive(Debug)]
struct ScriptedHost {
    confirmed: Arc<AtomicBool>,
    edges: mpsc::UnboundedSender<Edge>,
}

/// A connection on which nothing happens.
struct Idle {
    _open: Open,
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// === impl Target ===

impl Target {
    /// Looked at over TCP every 10 s, with a timeout of 2 s; rises after 2 and falls after 3.
    pub(super) fn new(number: u16, behavior: Behavior) -> Self {
        let [high, low] = number.to_be_bytes();
        let endpoint = Endpoint {
            address: IpAddr::from(Ipv4Addr::new(10, 0, high, low)).into(),
            port: Port::try_from(80_u16).unwrap(),
            protocol: None,
        };
        let check = Check::new("alive".parse().unwrap(), Probe::Tcp);
        let inner = target(&format!("i-{number}"), endpoint, check);
        Self {
            number,
            behavior,
            inner,
        }
    }

    pub(super) fn found(self, health: Health) -> Self {
        self.changed(|parts| parts.checks[0].health = health)
    }

    pub(super) fn voted(mut self, verdict: Verdict) -> Self {
        self.inner.vote = Some(verdict);
        self
    }

    pub(super) fn generation(self, generation: u64) -> Self {
        self.changed(|parts| parts.generation = Generation::new(generation))
    }

    fn changed(mut self, change: impl FnOnce(&mut InstanceParts)) -> Self {
        let mut parts = Instance::clone(&self.inner.instance).into_parts();
        change(&mut parts);
        self.inner.instance = Arc::new(Instance::new(parts));
        self
    }

    pub(super) fn falls_after(self, fall: u32) -> Self {
        let pace = self.inner.check().pace.parts();
        self.paced(PaceParts { fall, ..pace })
    }

    /// Waits for so long, and looks again right after.
    pub(super) fn waits(self, time: Duration) -> Self {
        self.waits_every(time, time)
    }

    /// Waits for so long, once in each `interval`.
    pub(super) fn waits_every(self, timeout: Duration, interval: Duration) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        let pace = self.inner.check().pace.parts();
        self.paced(PaceParts {
            interval_ms: ms(interval),
            timeout_ms: ms(timeout),
            ..pace
        })
    }

    fn paced(self, pace: PaceParts) -> Self {
        let check = Check {
            pace: Pace::new(pace).unwrap(),
            ..self.inner.check().clone()
        };
        self.changed(|parts| {
            let mut spec = parts.spec.clone().into_parts();
            spec.checks = vec![check].try_into().unwrap();
            parts.spec = InstanceSpec::new(spec).unwrap();
        })
    }
}

/// The only check of an instance of the service `web`, of which nothing is known.
pub(super) fn target(id: &str, endpoint: Endpoint, check: Check) -> super::super::Target {
    let spec = InstanceSpec::new(SpecParts {
        checks: vec![check].try_into().unwrap(),
        ..SpecParts::new(endpoint.into())
    });
    let instance = Instance::new(InstanceParts {
        key: InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "web".parse().unwrap(),
            id: id.parse().unwrap(),
        },
        spec: spec.unwrap(),
        availability: Availability::Enabled,
        create_revision: Revision::new(1),
        modify_revision: Revision::new(1),
        generation: Generation::new(1),
        registered_at_ms: 0,
        lease: None,
        lapse: None,
        drains_until: None,
        checks: Box::default(),
    });
    super::super::Target {
        instance: Arc::new(instance),
        place: 0,
        vote: None,
    }
}

// === impl Rig ===

impl Rig {
    pub(super) fn start(targets: &[Target]) -> Self {
        let script = Arc::new(Script::default());
        let confirmed = Arc::new(AtomicBool::new(true));
        let (edges, told) = mpsc::unbounded_channel();
        let host = ScriptedHost {
            confirmed: Arc::clone(&confirmed),
            edges,
        };
        let assigned = watch::Sender::default();
        let tasks = Tasks::new(Handle::current());
        let rig = Self {
            began: Instant::now(),
            script: Arc::clone(&script),
            assigned,
            confirmed,
            edges: told,
            told: BTreeMap::new(),
            taken: 0,
            _tasks: tasks.clone(),
        };
        rig.list(targets);
        let probing = Probing {
            dial: Arc::new(ScriptedDial(script)),
            policy: ProbePolicy::default(),
            trust: Trust::nobody(),
        };
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::default());
        let prober = Prober::new(probing, Arc::clone(&clock));
        let engine = Engine::new(rig.assigned.subscribe(), host, prober, clock, 7);
        tasks.spawn("prober", Policy::Essential, engine.run());
        rig
    }

    /// Gives another list under the same assignment.
    pub(super) fn list(&self, targets: &[Target]) {
        self.list_at(7, targets);
    }

    pub(super) fn list_at(&self, revision: u64, targets: &[Target]) {
        let mut known = self.script.known.lock().unwrap();
        for target in targets {
            known.behaviors.insert(target.number, target.behavior);
        }
        drop(known);
        let list: Vec<_> = targets.iter().map(|target| target.inner.clone()).collect();
        let services = list.first().map(|first| first.instance.key().service_key());
        let assigned = Assigned {
            revision: Revision::new(revision),
            services: services.into_iter().map(|key| (key, list.clone().into())).collect(),
        };
        self.assigned.send_replace(Arc::new(assigned));
    }

    pub(super) fn now_does(&self, number: u16, behavior: Behavior) {
        self.script.known.lock().unwrap().behaviors.insert(number, behavior);
    }

    pub(super) fn confirm(&self, confirmed: bool) {
        self.confirmed.store(confirmed, Ordering::SeqCst);
    }

    /// The time since the start.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The next change that is told, and when it was.
    pub(super) async fn edge(&mut self) -> (Edge, Duration) {
        let edge = tokio::time::timeout(seconds(7_200), self.edges.recv()).await;
        let edge = edge.expect("a change is told within two hours").unwrap();
        let name = edge.key.id.to_string();
        if self.told.insert(name, edge.verdict) != Some(edge.verdict) {
            self.taken += 1;
        }
        (edge, self.now())
    }

    /// How many changes were seen since the last time, without those that were told again.
    pub(super) fn take_told(&mut self) -> usize {
        std::mem::take(&mut self.taken)
    }

    /// Lets time pass in which no change is told.
    pub(super) async fn quiet_for(&mut self, time: Duration) {
        sleep(time).await;
        assert_eq!(self.edges.try_recv().ok(), None);
    }

    /// Waits until the target has been looked at so many times more.
    pub(super) async fn looks(&mut self, number: u16, more: usize) {
        let enough = self.count(number) + more;
        let mut changed = self.script.changed.subscribe();
        while self.count(number) < enough {
            let waited = tokio::time::timeout(seconds(7_200), changed.changed()).await;
            waited.expect("it is looked at within two hours").unwrap();
        }
        // What the look has come to is judged, unless it takes its time.
        sleep(Duration::from_millis(1)).await;
    }

    pub(super) fn count(&self, number: u16) -> usize {
        let known = self.script.known.lock().unwrap();
        known.looks.iter().filter(|looked| **looked == number).count()
    }

    pub(super) fn count_all(&self) -> usize {
        self.script.known.lock().unwrap().looks.len()
    }

    /// The targets in the order in which they were looked at.
    pub(super) fn order(&self) -> Vec<u16> {
        self.script.known.lock().unwrap().looks.clone()
    }

    /// Connections to a target that are open or being opened.
    pub(super) fn open(&self, number: u16) -> usize {
        let known = self.script.known.lock().unwrap();
        known.open.get(&number).copied().unwrap_or_default()
    }

    /// The most connections that were open at a time.
    pub(super) fn most_open(&self) -> usize {
        self.script.known.lock().unwrap().most_open
    }
}

// === impl ScriptedDial ===

impl Dial for ScriptedDial {
    fn resolve(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        std::future::ready(Err(io::ErrorKind::NotFound.into())).boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<BoxIo>> {
        let IpAddr::V4(ip) = address.ip() else {
            panic!("all targets have IPv4 addresses")
        };
        let [_, _, high, low] = ip.octets();
        let number = u16::from_be_bytes([high, low]);
        let open = Open::new(&self.0, number);
        let behavior = self.0.known.lock().unwrap().behaviors[&number];
        async move {
            match behavior {
                Behavior::Accept => Ok(Box::pin(Idle { _open: open }) as BoxIo),
                Behavior::Refuse => Err(io::ErrorKind::ConnectionRefused.into()),
                Behavior::Never => {
                    std::future::pending::<()>().await;
                    drop(open);
                    unreachable!("nobody waits for ever")
                }
            }
        }
        .boxed()
    }
}

// === impl Open ===

impl Open {
    fn new(script: &Arc<Script>, number: u16) -> Self {
        let mut known = script.known.lock().unwrap();
        known.looks.push(number);
        *known.open.entry(number).or_default() += 1;
        known.most_open = known.most_open.max(known.open.values().sum());
        drop(known);
        script.changed.send_replace(());
        Self {
            script: Arc::clone(script),
            number,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut known = self.script.known.lock().unwrap();
        *known.open.entry(self.number).or_default() -= 1;
    }
}

// === impl ScriptedHost ===

impl Host for ScriptedHost {
    fn confirmed(&self) -> bool {
        self.confirmed.load(Ordering::SeqCst)
    }

    fn report(&self, edge: Edge) {
        // Whoever does not listen any more has seen enough.
        let _ = self.edges.send(edge);
    }
}

// === impl Idle ===

impl AsyncRead for Idle {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Idle {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
