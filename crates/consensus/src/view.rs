//! What readers see: an immutable state, swapped whole after each batch of applied entries.

use std::sync::Arc;

use arc_swap::ArcSwap;
use quorate_model::LogIndex;
use quorate_state::State;
use tokio::sync::watch;

/// Where readers get the newest state. Taking it never waits, and never makes the applier wait.
#[derive(Debug, Clone)]
pub(crate) struct ViewReader {
    current: Arc<ArcSwap<State>>,
    applied: watch::Receiver<LogIndex>,
}

/// Where the applier puts the newest state.
#[derive(Debug)]
pub(crate) struct ViewWriter {
    current: Arc<ArcSwap<State>>,
    applied: watch::Sender<LogIndex>,
}

/// The node stopped before it applied what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopping;

pub(crate) fn channel() -> (ViewWriter, ViewReader) {
    let current = Arc::new(ArcSwap::default());
    let (sender, receiver) = watch::channel(LogIndex::ZERO);
    let writer = ViewWriter {
        current: Arc::clone(&current),
        applied: sender,
    };
    (
        writer,
        ViewReader {
            current,
            applied: receiver,
        },
    )
}

// === impl ViewReader ===

impl ViewReader {
    /// The newest state.
    pub(crate) fn load(&self) -> Arc<State> {
        self.current.load_full()
    }

    /// Where it is told how far entries are applied.
    pub(crate) fn applied(&self) -> watch::Receiver<LogIndex> {
        self.applied.clone()
    }

    /// Waits until the entry at `index` is in the state that readers see.
    pub(crate) async fn wait_applied(&self, index: LogIndex) -> Result<(), Stopping> {
        let mut applied = self.applied.clone();
        applied
            .wait_for(|applied| *applied >= index)
            .await
            .map_err(|_| Stopping)?;
        Ok(())
    }
}

// === impl ViewWriter ===

impl ViewWriter {
    /// Shows `state` to readers, then wakes those who wait for it. Gives back what they saw before.
    pub(crate) fn publish(&self, state: State) -> Arc<State> {
        let applied = state.applied();
        let before = self.current.swap(Arc::new(state));
        self.applied.send_replace(applied);
        before
    }
}
