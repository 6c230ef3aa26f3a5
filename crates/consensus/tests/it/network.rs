//! What a member answers a peer that does as it likes.

use futures::future::{Either, select};
use quorate_consensus::Retention;
use quorate_proto::peer as pb;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;

use crate::cluster::{Cluster, DEADLINE, introduction};

/// A stream of a snapshot to `to`, as its leader would begin it.
async fn send_snapshot(
    cluster: &Cluster,
    to: u64,
    parts: mpsc::Receiver<pb::InstallSnapshotRequest>,
) -> Result<(), tonic::Status> {
    let channel = cluster.channel(to);
    let mut client = pb::raft_client::RaftClient::new(channel);
    let mut request = tonic::Request::new(ReceiverStream::new(parts));
    for (key, word) in introduction(1, to) {
        request.metadata_mut().insert(key, word.parse().unwrap());
    }
    client.install_snapshot(request).await.map(drop)
}

fn header() -> pb::InstallSnapshotRequest {
    use pb::install_snapshot_request::{Part, SnapshotHeader};
    let header = SnapshotHeader {
        vote: Some(pb::Vote::default()),
        chunk_count: 1,
    };
    pb::InstallSnapshotRequest {
        part: Some(Part::Header(header)),
    }
}

#[tokio::test]
async fn only_one_snapshot_is_received_at_a_time() {
    let cluster = Cluster::of(2, Retention::default()).await;
    let begin = async || {
        let (sender, parts) = mpsc::channel(1);
        sender.send(header()).await.unwrap();
        (sender, Box::pin(send_snapshot(&cluster, 2, parts)))
    };
    let ((one, first), (other, second)) = (begin().await, begin().await);
    // One of the two is received until its sender ends it: it lacks a chunk.
    let (refused, received) = match timeout(DEADLINE, select(first, second)).await.unwrap() {
        Either::Left((refused, second)) => (refused, second),
        Either::Right((refused, first)) => (refused, first),
    };
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert_eq!(refused.message(), "another snapshot is being received");
    drop((one, other));
    assert_eq!(received.await.unwrap_err().code(), tonic::Code::DataLoss);
    let (sender, next) = begin().await;
    drop(sender);
    let next = next.await.unwrap_err();
    assert_eq!(next.code(), tonic::Code::DataLoss, "there is room again");
}
