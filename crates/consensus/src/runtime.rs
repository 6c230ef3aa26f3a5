//! The runtime that raft lives on: tokio's, in which a simulation puts a time, a chance and a stillness of its own.
//!
//! openraft asks its runtime through functions that belong to a type and to no value, so that a simulated node cannot be
//! handed one. It puts its [`World`] in place for the tokio runtime that it runs on instead; where there is none, which
//! is everywhere but in a simulation, all is as tokio does it.

mod gate;
mod instant;
mod random;
mod world;

use std::{fmt, future::Future, time::Duration};

use futures::future::Either;
use openraft::{AsyncRuntime, OptionalSend};
use openraft_rt_tokio::TokioRuntime;

pub use self::{
    gate::Gate,
    instant::NodeInstant,
    random::NodeRandom,
    world::{Rate, World},
};

/// A task of a node. In a simulation it stands still while its node does; elsewhere it is what it was.
pub fn held<T: Future>(task: T) -> impl Future<Output = T::Output> {
    match world::gate() {
        None => Either::Left(task),
        Some(gate) => Either::Right(gate.hold(task)),
    }
}

/// Whether what asks runs in a simulation.
pub(crate) fn is_simulated() -> bool {
    world::gate().is_some()
}

/// Tokio, or what a simulation has put in its place.
pub struct NodeRuntime(TokioRuntime);

// === impl NodeRuntime ===

impl fmt::Debug for NodeRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeRuntime")
    }
}

impl AsyncRuntime for NodeRuntime {
    type JoinError = tokio::task::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = tokio::time::Sleep;
    type Instant = NodeInstant;
    type TimeoutError = tokio::time::error::Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = tokio::time::Timeout<T>;
    type ThreadLocalRng = NodeRandom;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        match world::gate() {
            None => TokioRuntime::spawn(future),
            Some(gate) => TokioRuntime::spawn(gate.hold(future)),
        }
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(world::real(duration))
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        tokio::time::sleep_until(deadline.real())
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(world::real(duration), future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Self::Instant, future: F) -> Self::Timeout<R, F> {
        tokio::time::timeout_at(deadline.real(), future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        join_error.is_panic()
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        world::random()
    }

    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = <TokioRuntime as AsyncRuntime>::Watch;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}

#[cfg(test)]
mod tests {
    use openraft::testing::runtime::Suite;

    use super::NodeRuntime;

    #[test]
    fn openraft_finds_in_it_what_it_asks_of_a_runtime() {
        Suite::<NodeRuntime>::test_all();
    }
}
