//! A snapshot of the whole catalog, for whoever keeps a copy of it.

use std::time::Duration;

use quorate_proto::{
    cluster::{self as pb, SaveSnapshotRequest, cluster_client::ClusterClient, save_snapshot_response::Part},
    convert::InvalidField,
    registry::ResponseHeader,
};
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming, transport::Channel};

use super::Client;
use crate::{Answer, Error, call::Purpose};

/// How long a member may take between two pieces before the rest is given up.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes of a snapshot file, as they come.
///
/// The file is one that `quorate snapshot inspect` and `quorate snapshot restore` read. It is complete only when
/// [`SnapshotStream::next_piece`] has answered nothing.
#[derive(Debug)]
pub struct SnapshotStream {
    messages: Streaming<pb::SaveSnapshotResponse>,
}

/// A stream of which the first message has come.
struct Opened {
    header: Option<ResponseHeader>,
    messages: Streaming<pb::SaveSnapshotResponse>,
}

// === impl Client ===

impl Client {
    /// The whole state of the cluster, all namespaces, as of a moment after the call: the bytes of a snapshot file.
    ///
    /// The deadline counts until the first bytes come; what follows takes as long as it takes.
    pub async fn save_snapshot(&self) -> Result<Answer<SnapshotStream>, Error> {
        self.caller.call(Purpose::Read, SaveSnapshotRequest {}, open).await
    }
}

async fn open(channel: Channel, request: Request<SaveSnapshotRequest>) -> Result<Response<Opened>, Status> {
    let mut messages = ClusterClient::new(channel).save_snapshot(request).await?.into_inner();
    let header = match messages.message().await? {
        Some(pb::SaveSnapshotResponse {
            part: Some(Part::Header(header)),
        }) => Some(header),
        Some(_) | None => None,
    };
    Ok(Response::new(Opened { header, messages }))
}

impl TryFrom<Opened> for Answer<SnapshotStream> {
    type Error = InvalidField;

    fn try_from(opened: Opened) -> Result<Self, InvalidField> {
        let Opened { header, messages } = opened;
        Self::new(header, SnapshotStream { messages })
    }
}

// === impl SnapshotStream ===

impl SnapshotStream {
    /// The next bytes of the file, or nothing at its end. After an error the file is not whole, and of no use.
    pub async fn next_piece(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let broken = |message: String| Error::Unavailable {
            reason: None,
            message: format!("the snapshot broke off ({message}): save it again"),
        };
        let Ok(message) = timeout(PIECE_TIMEOUT, self.messages.message()).await else {
            let secs = PIECE_TIMEOUT.as_secs();
            return Err(broken(format!("nothing came for {secs} s")));
        };
        match message.map_err(|status| broken(status.message().to_owned()))? {
            None => Ok(None),
            Some(pb::SaveSnapshotResponse {
                part: Some(Part::Piece(piece)),
            }) => Ok(Some(piece)),
            Some(_) => Err(broken("what came is no piece of it".to_owned())),
        }
    }
}
