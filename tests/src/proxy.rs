//! A TCP proxy that spoils what passes through it: put between members by what they advertise, and between clients
//! and members by the endpoints that clients are given.

mod connection;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What becomes of the bytes that pass in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They are passed on at once.
    Open,
    /// Each byte is passed on so much later.
    Delayed(Duration),
    /// They are passed on at this pace.
    Throttled {
        /// The pace, of each connection.
        bytes_per_s: u64,
    },
    /// A black hole: nothing comes through, and nobody is told. As in a network that lost everything for a while,
    /// what still stands when that is over goes on where it stopped.
    Held,
    /// So many bytes more are passed on, of all connections together; whatever comes after them resets its connection.
    ResetAfter {
        /// How many: few, to end in the middle of an answer.
        bytes: u64,
    },
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From whoever opened the connection.
    ToServer,
    /// Back to whoever opened the connection.
    ToCaller,
}

/// How all connections that there are come to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both sides are reset.
    Reset,
    /// The server's side is closed, and the caller is not told: whatever it sends is lost, and no answer comes.
    HalfOpen,
}

/// How often a proxy has done what it was told to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effects {
    /// Connections that were taken.
    pub connections: u64,
    /// Pieces that were passed on late.
    pub delayed: u64,
    /// Pieces that were passed on at a lower pace.
    pub throttled: u64,
    /// Pieces that were held back.
    pub held: u64,
    /// Connections that were reset.
    pub resets: u64,
    /// Connections of which one side is gone and the other was not told.
    pub half_open: u64,
}

/// A proxy in front of one address. All of its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    setting: watch::Sender<Setting>,
    counts: Counts,
    /// Bytes that may pass before a reset.
    left_bytes: AtomicU64,
}

/// What all connections are told.
#[derive(Debug, Clone, Copy)]
struct Setting {
    accepting: bool,
    to_server: Flow,
    to_caller: Flow,
    /// The last cut, and how many there were.
    cut: Cut,
    cuts: u64,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    delayed: AtomicU64,
    throttled: AtomicU64,
    held: AtomicU64,
    resets: AtomicU64,
    half_open: AtomicU64,
}

// === impl Proxy ===

impl Proxy {
    /// A proxy at a port of its own on the host of `server`, which passes everything on. It lives on the runtime that
    /// this is called on.
    pub fn start(server: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind((server.ip(), 0)).expect("the host of the server is this one");
        listener.set_nonblocking(true).expect("a socket has both modes");
        let address = listener.local_addr().expect("it is bound");
        let listener = TcpListener::from_std(listener).expect("a runtime with sockets");
        let shared = Arc::new(Shared {
            setting: watch::Sender::new(Setting::untouched()),
            counts: Counts::default(),
            left_bytes: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, server, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on lets bytes pass so.
    pub fn set(&self, direction: Direction, flow: Flow) {
        if let Flow::ResetAfter { bytes } = flow {
            self.shared.left_bytes.store(bytes, Ordering::Relaxed);
        }
        self.shared.setting.send_modify(|setting| match direction {
            Direction::ToServer => setting.to_server = flow,
            Direction::ToCaller => setting.to_caller = flow,
        });
    }

    /// The same in both directions.
    pub fn set_both(&self, flow: Flow) {
        self.set(Direction::ToServer, flow);
        self.set(Direction::ToCaller, flow);
    }

    /// Ends all connections that there are.
    pub fn cut(&self, cut: Cut) {
        self.shared.setting.send_modify(|setting| {
            setting.cut = cut;
            setting.cuts += 1;
        });
    }

    /// From now on takes no connection: who opens one waits for an answer that does not come.
    pub fn stop_accepting(&self) {
        self.shared.setting.send_modify(|setting| setting.accepting = false);
    }

    /// From now on passes everything on. Connections that are half-open stay so.
    pub fn heal(&self) {
        self.shared.setting.send_modify(|setting| {
            let Setting { cut, cuts, .. } = *setting;
            *setting = Setting {
                cut,
                cuts,
                ..Setting::untouched()
            };
        });
    }

    /// What it has done so far.
    pub fn effects(&self) -> Effects {
        let counts = &self.shared.counts;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Effects {
            connections: count(&counts.connections),
            delayed: count(&counts.delayed),
            throttled: count(&counts.throttled),
            held: count(&counts.held),
            resets: count(&counts.resets),
            half_open: count(&counts.half_open),
        }
    }
}

// === impl Setting ===

impl Setting {
    fn untouched() -> Self {
        Self {
            accepting: true,
            to_server: Flow::Open,
            to_caller: Flow::Open,
            cut: Cut::Reset,
            cuts: 0,
        }
    }

    fn flow(&self, direction: Direction) -> Flow {
        match direction {
            Direction::ToServer => self.to_server,
            Direction::ToCaller => self.to_caller,
        }
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, shared: Arc<Shared>) {
    let mut setting = shared.setting.subscribe();
    let mut connections = JoinSet::new();
    // An error of the channel means that the proxy is gone.
    while setting.wait_for(|setting| setting.accepting).await.is_ok() {
        tokio::select! {
            biased;
            _ = setting.changed() => {}
            Some(_) = connections.join_next() => {}
            // What cannot be taken is the caller's to try again.
            Ok((caller, _)) = listener.accept() => {
                shared.counts.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connect(caller, server, Arc::clone(&shared)));
            }
            else => return,
        }
    }
}

async fn connect(caller: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    // Of those that come after it: a cut ends the connections that there are.
    let setting = shared.setting.subscribe();
    match TcpStream::connect(server).await {
        Ok(server) => connection::run(caller, server, setting, &shared).await,
        Err(_) => connection::reset(caller),
    }
}

#[cfg(test)]
mod tests;
