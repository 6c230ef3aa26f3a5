//! Streams of renewals.

mod room;

use std::{sync::Arc, time::Duration};

use futures::{
    StreamExt as _,
    stream::{self, BoxStream, Stream},
};
use quorate_model::Clock;
use quorate_proto::{registry as pb, request::KeepAlive, status::Reason};
use quorate_registry::Registry;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{answer, renewed, status};
use crate::grpc::Limits;

pub use room::ClientConnection;
use room::{NoPlace, Place, Room};

/// How long a frame has: what a holder gives one try of the default TTL.
const FRAME_TIME: Duration = Duration::from_millis(2_500);

/// Frames of one stream that are answered at a time: the next ones wait where flow control holds the sender back.
const FRAMES_MAX: usize = 8;

/// The answers of a stream.
pub(super) type Answers = BoxStream<'static, Answer>;

type Frame = Result<pb::KeepAliveRequest, Status>;
type Answer = Result<pb::KeepAliveResponse, Status>;

/// Opens streams, no more than there may be.
#[derive(Debug, Clone)]
pub(super) struct KeepAliveStreams {
    room: Arc<Room>,
    stopping: CancellationToken,
}

// === impl KeepAliveStreams ===

impl KeepAliveStreams {
    pub(super) fn new(limits: Limits, clock: Arc<dyn Clock>, stopping: CancellationToken) -> Self {
        let room = Arc::new(Room::new(limits, clock));
        Self { room, stopping }
    }

    /// Answers the frames of a stream, each by `answer`, until the stream ends, no frame comes for a while, or this member
    /// stops: the client goes on with another stream, or another member.
    pub(super) fn open<A>(
        &self,
        connection: Option<&ClientConnection>,
        frames: impl Stream<Item = Frame> + Send + Unpin + 'static,
        answer: impl Fn(Frame) -> A + Send + 'static,
    ) -> Result<Answers, Status>
    where
        A: Future<Output = Answer> + Send + 'static,
    {
        let place = self.room.enter(connection).map_err(|none| self.overloaded(none))?;
        let place = Arc::new(place);
        let idle_max = self.room.limits().keep_alive_idle_max;
        let stopping = self.stopping.clone().cancelled_owned();
        let answers = while_heard(frames, Arc::clone(&place), idle_max)
            .map(answer)
            .buffer_unordered(FRAMES_MAX)
            .take_until(stopping);
        Ok(while_held(place, answers).boxed())
    }

    fn overloaded(&self, none: NoPlace) -> Status {
        let limits = self.room.limits();
        Reason::Overloaded.status(match none {
            NoPlace::Member => format!(
                "{} streams of renewals are open, as many as this member takes: ask another member",
                limits.keep_alive_streams_max
            ),
            NoPlace::Connection => format!(
                "{} streams of renewals are open over this connection, as many as one may have: renew many leases over \
                 one stream, or open another connection",
                limits.keep_alive_streams_per_connection_max
            ),
        })
    }
}

/// The frames, as long as they come and their stream has its place; then what says why they are heard no more.
fn while_heard(
    frames: impl Stream<Item = Frame> + Unpin,
    place: Arc<Place>,
    idle_max: Duration,
) -> impl Stream<Item = Frame> {
    stream::unfold(Some((frames, place)), move |open| async move {
        let (mut frames, place) = open?;
        match timeout(idle_max, frames.next()).await {
            Ok(Some(frame)) if place.heard() => Some((frame, Some((frames, place)))),
            Ok(None) => None,
            Ok(Some(_)) | Err(_) => Some((Err(idle(idle_max)), None)),
        }
    })
}

fn idle(idle_max: Duration) -> Status {
    let seconds = idle_max.as_secs();
    Reason::Idle.status(format!(
        "no frame has come for {seconds} s, and the stream has ended: open another one with the next renewal"
    ))
}

/// The stream, with a place that is given back when it ends.
fn while_held<T>(place: Arc<Place>, answers: impl Stream<Item = T>) -> impl Stream<Item = T> {
    answers.inspect(move |_| {
        let _held = &place;
    })
}

/// A broken stream ends; a frame that cannot be answered is answered with the reason, and the stream goes on.
pub(super) async fn answer_frame(registry: Registry, frame: Frame) -> Answer {
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

#[cfg(test)]
mod tests;
