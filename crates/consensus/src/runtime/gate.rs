//! What stops a simulated process in its tracks, as SIGSTOP stops a real one.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

/// A gate: while it is closed, nothing goes on behind it. Cheap to clone; all clones are one gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    /// Those that came while it was closed, in the order in which they came.
    waiting: Vec<Waker>,
}

/// A future that does not go on while its gate is closed.
#[derive(Debug)]
pub(super) struct Held<F> {
    gate: Gate,
    future: Pin<Box<F>>,
}

// === impl Gate ===

impl Gate {
    /// Lets nobody through from now on.
    pub fn close(&self) {
        self.with(|state| state.is_closed = true);
    }

    /// Lets everybody through again.
    pub fn open(&self) {
        let waiting = self.with(|state| {
            state.is_closed = false;
            std::mem::take(&mut state.waiting)
        });
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether one may go on; if not, whoever asks is woken when one may.
    pub fn pass(&self, cx: &Context<'_>) -> Poll<()> {
        self.with(|state| {
            if !state.is_closed {
                return Poll::Ready(());
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        })
    }

    pub(super) fn hold<F: Future>(&self, future: F) -> Held<F> {
        Held {
            gate: self.clone(),
            future: Box::pin(future),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Held ===

impl<F: Future> Future for Held<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.gate.pass(cx) {
            Poll::Ready(()) => self.future.as_mut().poll(cx),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_goes_on_behind_a_closed_gate_and_everything_behind_one_that_opens() {
        let gate = Gate::default();
        gate.close();
        let mut held = std::pin::pin!(gate.hold(async { 7 }));
        assert!(futures::poll!(held.as_mut()).is_pending());
        gate.open();
        assert_eq!(held.await, 7);
    }
}
