//! What the nodes log: counted where it shows that a fault had its effect, and printed if asked for.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{format::Writer, time::FormatTime},
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

/// A filter for what is printed, such as `info` or `quorate_registry=debug`.
const LOG: &str = "QUORATE_SIM_LOG";

/// What a member logs when it has taken the state of another.
const INSTALLED: &str = "installed a snapshot";

static SNAPSHOTS_INSTALLED: AtomicU64 = AtomicU64::new(0);

/// Counts what is logged.
struct Counter;

/// The time of the simulation.
struct SimTime;

struct Message(bool);

/// Sets it up for this process.
pub(crate) fn start() {
    let printed = std::env::var(LOG).ok().map(|filter| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_timer(SimTime)
            .with_filter(EnvFilter::new(filter))
    });
    let counted = Counter.with_filter(tracing_subscriber::filter::LevelFilter::INFO);
    tracing_subscriber::registry().with(printed).with(counted).init();
}

/// How often a member has installed a snapshot of another.
pub(crate) fn snapshots_installed() -> u64 {
    SNAPSHOTS_INSTALLED.load(Ordering::Relaxed)
}

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut message = Message(false);
        event.record(&mut message);
        SNAPSHOTS_INSTALLED.fetch_add(u64::from(message.0), Ordering::Relaxed);
    }
}

impl tracing::field::Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 |= field.name() == "message" && format!("{value:?}") == INSTALLED;
    }
}

impl FormatTime for SimTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = turmoil::sim_elapsed().unwrap_or_default();
        write!(writer, "{:.3}", now.as_secs_f64())
    }
}
