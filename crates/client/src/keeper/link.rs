//! The stream to the member that renews at the moment.

use std::{sync::Arc, time::Duration};

use quorate_model::LeaseId;
use quorate_proto::{convert::InvalidField, registry as pb, status::Reason};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming, transport::Channel};

use crate::{
    Answer, Renewed,
    call::{Caller, Door},
    client::leases_client,
};

/// Frames that may wait to be sent: a member that does not read them is not one to wait for.
const WAITING_MAX: usize = 64;

/// A stream to a member.
#[derive(Debug)]
pub(super) struct Link {
    door: Arc<Door>,
    frames: mpsc::Sender<pb::KeepAliveRequest>,
    answers: Streaming<pb::KeepAliveResponse>,
    /// Whether the member has answered over it.
    has_answered: bool,
}

/// How a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing was sent for so long that the member needs the place. It takes another stream.
    Idle,
    /// The member is to be left.
    Broken,
}

/// The answer to a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The frame that it answers.
    pub(crate) number: u64,
    /// What came of each lease, or why nobody can tell.
    pub(crate) renewed: Result<Vec<Renewed>, String>,
}

// === impl Link ===

impl Link {
    /// Opens a stream through `door` with the first frame, within `patience`.
    pub(super) async fn open(
        caller: &Caller,
        door: Arc<Door>,
        first: pb::KeepAliveRequest,
        patience: Duration,
    ) -> Result<Self, String> {
        let open = |channel: Channel| {
            let first = first.clone();
            async move { begin(channel, first).await }
        };
        let (frames, answers) = caller.open(&door, open, patience).await?;
        Ok(Self {
            door,
            frames,
            answers,
            has_answered: false,
        })
    }

    /// The door behind which the member is.
    pub(super) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Sends a frame; false if the member takes no more.
    pub(super) fn send(&self, frame: pb::KeepAliveRequest) -> bool {
        self.frames.try_send(frame).is_ok()
    }

    /// The next answer, or how the stream has ended. May be given up and asked again.
    pub(super) async fn next(&mut self) -> Result<pb::KeepAliveResponse, Ended> {
        match self.answers.message().await {
            Ok(Some(answer)) => {
                self.has_answered = true;
                Ok(answer)
            }
            // A member that has answered nothing has not been idle, whatever it says: it is not asked again and again.
            Err(status) if self.has_answered && Reason::of(&status) == Reason::Idle => Err(Ended::Idle),
            Ok(None) | Err(_) => Err(Ended::Broken),
        }
    }
}

type Opened = (mpsc::Sender<pb::KeepAliveRequest>, Streaming<pb::KeepAliveResponse>);

/// The first frame is there before the stream is: a member may wait for it before it answers anything.
async fn begin(channel: Channel, first: pb::KeepAliveRequest) -> Result<Response<Opened>, Status> {
    let (frames, waiting) = mpsc::channel(WAITING_MAX);
    let sent = frames.try_send(first);
    debug_assert!(sent.is_ok(), "it is the first one");
    let opened = leases_client(channel).keep_alive(ReceiverStream::new(waiting)).await?;
    Ok(opened.map(|answers| (frames, answers)))
}

/// The message that renews leases.
pub(super) fn request(number: u64, leases: &[LeaseId]) -> pb::KeepAliveRequest {
    pb::KeepAliveRequest {
        frame: number,
        lease_ids: leases.iter().map(|lease| lease.get()).collect(),
    }
}

impl TryFrom<pb::KeepAliveResponse> for Answer<Frame> {
    type Error = InvalidField;

    fn try_from(message: pb::KeepAliveResponse) -> Result<Self, InvalidField> {
        let number = message.frame;
        if !message.failure.is_empty() {
            let renewed = Err(message.failure);
            return Self::new(message.header, Frame { number, renewed });
        }
        let once = pb::RenewResponse {
            header: message.header,
            renewed: message.renewed,
        };
        let Answer { header, value } = Answer::<Vec<Renewed>>::try_from(once)?;
        let renewed = Ok(value);
        Ok(Self {
            header,
            value: Frame { number, renewed },
        })
    }
}
