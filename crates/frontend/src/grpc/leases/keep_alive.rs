//! Streams of renewals.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use quorate_proto::{registry as pb, request::KeepAlive, status::Reason};
use quorate_registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{answer, renewed, status};
use crate::grpc::Limits;

/// How long a frame has: what a holder gives one try of the default TTL.
const FRAME_TIME: Duration = Duration::from_millis(2_500);

/// Frames of one stream that are answered at a time: the next ones wait where flow control holds the sender back.
const FRAMES_MAX: usize = 8;

/// The answers of a stream.
pub(super) type Answers = stream::BoxStream<'static, Result<pb::KeepAliveResponse, Status>>;

/// Opens streams, no more than there may be.
#[derive(Debug, Clone)]
pub(super) struct KeepAliveStreams {
    room: Arc<Semaphore>,
    most: usize,
    stopping: CancellationToken,
}

// === impl KeepAliveStreams ===

impl KeepAliveStreams {
    pub(super) fn new(limits: Limits, stopping: CancellationToken) -> Self {
        Self {
            room: Arc::new(Semaphore::new(limits.keep_alive_streams_max)),
            most: limits.keep_alive_streams_max,
            stopping,
        }
    }

    /// Answers the frames of a stream until it ends, or this member stops: the client goes on with another one.
    pub(super) fn open(&self, registry: Registry, frames: Streaming<pb::KeepAliveRequest>) -> Result<Answers, Status> {
        let permit = Arc::clone(&self.room)
            .try_acquire_owned()
            .map_err(|_| self.overloaded())?;
        let stopping = self.stopping.clone().cancelled_owned();
        let answers = frames
            .map(move |frame| answer_frame(registry.clone(), frame))
            .buffer_unordered(FRAMES_MAX)
            .take_until(stopping);
        Ok(while_held(permit, answers).boxed())
    }

    fn overloaded(&self) -> Status {
        let most = self.most;
        Reason::Overloaded.status(format!(
            "{most} streams of renewals are open, as many as this member takes: ask another member"
        ))
    }
}

/// The stream, with something that is given back when it ends.
fn while_held<T>(
    permit: OwnedSemaphorePermit,
    answers: impl stream::Stream<Item = T>,
) -> impl stream::Stream<Item = T> {
    answers.inspect(move |_| {
        let _held = &permit;
    })
}

/// A broken stream ends; a frame that cannot be answered is answered with the reason, and the stream goes on.
async fn answer_frame(
    registry: Registry,
    frame: Result<pb::KeepAliveRequest, Status>,
) -> Result<pb::KeepAliveResponse, Status> {
    let KeepAlive { frame, leases } = frame?.try_into()?;
    match registry.renew_leases(leases.into_vec(), FRAME_TIME).await {
        Ok(answer) => Ok(pb::KeepAliveResponse {
            header: Some(answer::header(answer.header)),
            frame,
            renewed: answer.value.into_iter().map(renewed).collect(),
            failure: String::new(),
        }),
        Err(error) => Ok(pb::KeepAliveResponse {
            header: Some(answer::header(registry.status().header)),
            frame,
            renewed: Vec::new(),
            failure: Reason::of(&status(&error)).word().to_owned(),
        }),
    }
}
