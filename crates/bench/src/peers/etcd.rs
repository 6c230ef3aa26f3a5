//! A cluster of etcd, by version 3 of its API: as much of it as is measured, written by hand.
//!
//! etcd renews one lease in a message, each of which the leader answers by itself.

use std::collections::HashSet;

use http::uri::PathAndQuery;
use prost::Message;
use quorate_model::{DoorAddress, LeaseTtl};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    IntoRequest as _, IntoStreamingRequest as _, Status,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::{Answered, Renewing, Target, uri};

const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
const REVOKE: &str = "/etcdserverpb.Lease/LeaseRevoke";
const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
const LEASES: &str = "/etcdserverpb.Lease/LeaseLeases";
const PUT: &str = "/etcdserverpb.KV/Put";
const STATUS: &str = "/etcdserverpb.Maintenance/Status";

/// The largest answer that is taken, in bytes: a list of some million leases.
const ANSWER_LEN_MAX: usize = 64 << 20;

/// Answers that may wait to be counted.
const ANSWERS_WAITING_MAX: usize = 1_024;

/// A cluster of etcd.
pub(crate) struct Etcd {
    doors: Vec<Channel>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseGrantRequest {
    /// In seconds.
    #[prost(int64, tag = "1")]
    ttl: i64,
    /// 0: the server chooses.
    #[prost(int64, tag = "2")]
    id: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseGrantResponse {
    #[prost(int64, tag = "2")]
    id: i64,
    #[prost(int64, tag = "3")]
    ttl: i64,
    #[prost(string, tag = "4")]
    error: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseKeepAliveRequest {
    #[prost(int64, tag = "1")]
    id: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseKeepAliveResponse {
    #[prost(int64, tag = "2")]
    id: i64,
    /// 0 for one that is gone.
    #[prost(int64, tag = "3")]
    ttl: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseRevokeRequest {
    #[prost(int64, tag = "1")]
    id: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseLeasesResponse {
    #[prost(message, repeated, tag = "2")]
    leases: Vec<LeaseStatus>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LeaseStatus {
    #[prost(int64, tag = "1")]
    id: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
    #[prost(int64, tag = "3")]
    lease: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct StatusResponse {
    #[prost(uint64, tag = "5")]
    raft_index: u64,
}

/// A message with nothing in it, or of which nothing matters.
#[derive(Clone, PartialEq, Eq, Message)]
struct Empty {}

// === impl Etcd ===

impl Etcd {
    pub(crate) fn new(endpoints: &[DoorAddress]) -> Result<Self, String> {
        let connect = |door: &DoorAddress| Endpoint::from_shared(uri(door)).map(|server| server.connect_lazy());
        let doors: Result<Vec<_>, _> = endpoints.iter().map(connect).collect();
        Ok(Self {
            doors: doors.map_err(|error| error.to_string())?,
        })
    }

    async fn ask<Q, A>(&self, door: usize, path: &'static str, request: Q) -> Result<A, String>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = ready(self.doors[door].clone()).await?;
        let codec = ProstCodec::<Q, A>::default();
        let path = PathAndQuery::from_static(path);
        let answer = grpc.unary(request.into_request(), path, codec).await;
        answer.map(tonic::Response::into_inner).map_err(|status| told(&status))
    }
}

impl Target for Etcd {
    fn doors(&self) -> usize {
        self.doors.len()
    }

    async fn grant(&self, door: usize, ttl: LeaseTtl) -> Result<u64, String> {
        let seconds = ttl.as_ms().div_ceil(1_000);
        let request = LeaseGrantRequest {
            ttl: i64::try_from(seconds).expect("a day has not so many"),
            id: 0,
        };
        let granted: LeaseGrantResponse = self.ask(door, GRANT, request).await?;
        if granted.error.is_empty() {
            return Ok(granted.id.cast_unsigned());
        }
        Err(granted.error)
    }

    async fn register(&self, door: usize, behind: usize, leases: &[u64]) -> Result<(), String> {
        for (number, lease) in (behind..).zip(leases) {
            let request = PutRequest {
                key: format!("bench-hold/{number}").into_bytes(),
                value: b"10.0.0.1:80".to_vec(),
                lease: lease.cast_signed(),
            };
            let Empty {} = self.ask(door, PUT, request).await?;
        }
        Ok(())
    }

    async fn revoke(&self, door: usize, lease: u64) {
        let id = lease.cast_signed();
        let _if_it_can: Result<Empty, String> = self.ask(door, REVOKE, LeaseRevokeRequest { id }).await;
    }

    fn renew(&self, door: usize) -> Renewing {
        let (frames, waiting) = mpsc::unbounded_channel();
        let (messages, requests) = mpsc::unbounded_channel();
        let (sent, sending) = mpsc::unbounded_channel();
        let (told, answers) = mpsc::channel(ANSWERS_WAITING_MAX);
        let mut pump = JoinSet::new();
        pump.spawn(take_apart(waiting, messages, sent));
        pump.spawn(renew(self.doors[door].clone(), requests, sending, told));
        Renewing {
            frames,
            answers,
            _pump: pump,
        }
    }

    async fn log_index(&self) -> Result<u64, String> {
        let mut highest = 0;
        for door in 0..self.doors.len() {
            let status: StatusResponse = self.ask(door, STATUS, Empty {}).await?;
            highest = highest.max(status.raft_index);
        }
        Ok(highest)
    }

    async fn lapsed(&self, leases: &[u64]) -> Result<u64, String> {
        let there: LeaseLeasesResponse = self.ask(0, LEASES, Empty {}).await?;
        let there: HashSet<u64> = there.leases.iter().map(|lease| lease.id.cast_unsigned()).collect();
        Ok(leases.iter().filter(|lease| !there.contains(lease)).count() as u64)
    }
}

async fn ready(channel: Channel) -> Result<Grpc<Channel>, String> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(ANSWER_LEN_MAX);
    grpc.ready().await.map_err(|error| error.to_string())?;
    Ok(grpc)
}

fn told(status: &Status) -> String {
    status.message().to_owned()
}

/// Makes a message of each lease of a frame, and says how many there were.
async fn take_apart(
    mut frames: mpsc::UnboundedReceiver<(u64, Vec<u64>)>,
    messages: mpsc::UnboundedSender<LeaseKeepAliveRequest>,
    sent: mpsc::UnboundedSender<(u64, usize)>,
) {
    while let Some((frame, leases)) = frames.recv().await {
        if sent.send((frame, leases.len())).is_err() {
            return;
        }
        for lease in leases {
            let id = lease.cast_signed();
            if messages.send(LeaseKeepAliveRequest { id }).is_err() {
                return;
            }
        }
    }
}

/// Counts the answers, which come in the order of the messages.
async fn renew(
    channel: Channel,
    requests: mpsc::UnboundedReceiver<LeaseKeepAliveRequest>,
    mut sent: mpsc::UnboundedReceiver<(u64, usize)>,
    told: mpsc::Sender<Answered>,
) {
    let Ok(mut grpc) = ready(channel).await else {
        return;
    };
    let requests = UnboundedReceiverStream::new(requests).into_streaming_request();
    let codec = ProstCodec::<LeaseKeepAliveRequest, LeaseKeepAliveResponse>::default();
    let path = PathAndQuery::from_static(KEEP_ALIVE);
    let Ok(opened) = grpc.streaming(requests, path, codec).await else {
        return;
    };
    let mut stream = opened.into_inner();
    while let Some((frame, leases)) = sent.recv().await {
        for _ in 0..leases {
            let Ok(Some(answer)) = stream.message().await else {
                return;
            };
            let renewed = u64::from(answer.ttl > 0);
            let answered = Answered {
                frame,
                renewed,
                lapsed: 1 - renewed,
            };
            if told.send(answered).await.is_err() {
                return;
            }
        }
    }
}
