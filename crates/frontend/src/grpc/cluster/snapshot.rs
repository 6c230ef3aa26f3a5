//! A snapshot on its way to whoever saves it.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use quorate_proto::cluster::{self as pb, save_snapshot_response::Part};
use quorate_registry::{Answer, SnapshotStream};
use tonic::Status;

use crate::grpc::{answer, error};

pub(super) type Messages = stream::BoxStream<'static, Result<pb::SaveSnapshotResponse, Status>>;

/// Who answers, then the file piece by piece.
pub(super) fn messages(answer: Answer<SnapshotStream>) -> Messages {
    let Answer { header, value } = answer;
    let header = message(Part::Header(answer::header(header)));
    let pieces = stream::try_unfold(value, |mut file| async move {
        let piece = file.next_piece().await.map_err(|error| error::status(&error))?;
        Ok(piece.map(|piece| (message(Part::Piece(piece.to_vec())), file)))
    });
    stream::iter([Ok(header)]).chain(pieces.into_stream()).boxed()
}

fn message(part: Part) -> pb::SaveSnapshotResponse {
    pb::SaveSnapshotResponse { part: Some(part) }
}
