//! The life of a server process, from its configuration to its exit code.

mod raft_thread;

use std::{
    convert::Infallible,
    io,
    process::{self, ExitCode},
    sync::Arc,
    thread,
    time::Duration,
};

use rand::{SeedableRng as _, rngs::StdRng};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    BindError, Config, SystemClock, TcpConnector, TcpDial, TcpDoor,
    node::{Disk, Node, NodeError, Parts, Runtimes},
    telemetry,
};
use raft_thread::RaftThread;

/// How long what still runs after a stop may take before it is left alone: the process ends anyway.
const RUNTIME_STOP_MAX: Duration = Duration::from_millis(500);

/// Why a server process failed.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the operating system does not let the process start: {0}")]
    System(#[from] io::Error),
}

/// What tells the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Runs a node until it is told to stop by SIGTERM or SIGINT, or fails. Blocks; logs to stderr, prints nothing
/// to stdout.
///
/// A second signal ends the process at once. The exit code is 0 after a graceful stop and 1 after a failure,
/// which was logged in one line then.
pub fn run(config: &Config) -> ExitCode {
    telemetry::start(config.logging());
    abort_on_storage_panics();
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: &Config) -> Result<(), RunError> {
    let main = Builder::new_multi_thread().thread_name("main").enable_all().build()?;
    let raft = RaftThread::start()?;
    let result = main.block_on(serve_until_signalled(config, &main, &raft));
    match &result {
        Ok(()) => {
            raft.stop(RUNTIME_STOP_MAX);
            main.shutdown_timeout(RUNTIME_STOP_MAX);
        }
        // Nothing of a node that has failed may go on, nor be waited for.
        Err(_) => main.shutdown_background(),
    }
    result
}

async fn serve_until_signalled(config: &Config, main: &Runtime, raft: &RaftThread) -> Result<(), RunError> {
    let signals = Signals::install()?;
    let runtimes = Runtimes {
        raft: raft.handle().clone(),
        main: main.handle().clone(),
    };
    // The directory first: a node that runs already is told as such, and not as a port in use.
    let disk = Disk::take(config.place()).map_err(NodeError::from)?;
    let doors = config.doors();
    let client_door = TcpDoor::bind(doors.client().listen(), "--listen-client", &runtimes.main)?;
    let peer_door = TcpDoor::bind(doors.peer().listen(), "--listen-peer", &runtimes.raft)?;
    let parts = Parts {
        disk,
        client_door: Box::new(client_door),
        peer_door: Box::new(peer_door),
        connector: Arc::new(TcpConnector),
        dial: Arc::new(TcpDial::default()),
        clock: Arc::new(SystemClock),
        random: Box::new(seeded()),
        runtimes,
    };
    let stop = CancellationToken::new();
    let node = Node::build(config.clone(), parts).run_until(stop.clone());
    tokio::select! {
        result = node => Ok(result?),
        never = signals.obey(&stop) => match never {},
    }
}

/// Random numbers that start where no other process does.
#[expect(clippy::disallowed_methods, reason = "this is the source that others are given")]
pub(crate) fn seeded() -> StdRng {
    StdRng::from_rng(&mut rand::rng())
}

/// Ends the process when a thread of storage panics: whoever waits for that thread would wait for ever.
fn abort_on_storage_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        if thread::current().name().is_some_and(quorate_storage::is_storage_thread) {
            tracing::error!("a thread of the storage panicked: the process ends");
            process::abort();
        }
    }));
}

// === impl Signals ===

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Stops the node at the first signal, and ends the process at the second.
    async fn obey(mut self, stop: &CancellationToken) -> Infallible {
        let first = self.next().await;
        tracing::info!(signal = first, "told to stop; a second signal ends the process at once");
        stop.cancel();
        let second = self.next().await;
        tracing::warn!(signal = second, "told to stop again: the process ends at once");
        process::exit(1)
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
