//! A small raft type configuration, its codec, and a state machine that remembers nothing but positions.

use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use openraft::{
    EntryPayload, Membership, OptionalSend,
    alias::{EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf},
    entry::RaftEntry as _,
    storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine},
    vote::RaftLeaderId as _,
};
use quorate_model::envelope::{self, Kind};
use quorate_storage::{CodecError, EntryCodec, RaftLog};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub String);

openraft::declare_raft_types!(
    pub(crate) Types:
        D = Text,
        R = u64,
        NodeId = u64,
        Node = (),
);

pub(crate) type TestLog = RaftLog<Types, Codec>;

#[derive(Debug)]
pub(crate) struct Codec;

#[derive(Serialize, Deserialize)]
struct Id {
    term: u64,
    node: u64,
    index: u64,
}

#[derive(Serialize, Deserialize)]
enum Payload {
    Blank,
    Normal(String),
    Membership(Vec<BTreeSet<u64>>, BTreeSet<u64>),
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The log id of `index` in `term`, as leader 0 gives it.
pub(crate) fn log_id(term: u64, index: u64) -> LogIdOf<Types> {
    let leader = openraft::alias::LeaderIdOf::<Types>::new(term, 0).to_committed();
    LogIdOf::<Types>::new(leader, index)
}

pub(crate) fn text_entry(term: u64, index: u64, text: &str) -> EntryOf<Types> {
    EntryOf::<Types>::new(log_id(term, index), EntryPayload::Normal(Text(text.to_owned())))
}

// === impl Codec ===

impl EntryCodec<Types> for Codec {
    fn encode_entry(entry: &EntryOf<Types>) -> Result<Bytes, CodecError> {
        let payload = match &entry.payload {
            EntryPayload::Blank => Payload::Blank,
            EntryPayload::Normal(Text(text)) => Payload::Normal(text.clone()),
            EntryPayload::Membership(membership) => Payload::Membership(
                membership.get_joint_config().clone(),
                membership.nodes().map(|(id, ())| *id).collect(),
            ),
        };
        seal(&(id(&entry.log_id()), payload))
    }

    fn decode_entry(bytes: Bytes) -> Result<EntryOf<Types>, CodecError> {
        let (id, payload): (Id, Payload) = open(&bytes)?;
        let payload = match payload {
            Payload::Blank => EntryPayload::Blank,
            Payload::Normal(text) => EntryPayload::Normal(Text(text)),
            Payload::Membership(config, nodes) => {
                EntryPayload::Membership(Membership::new_with_defaults(config, nodes))
            }
        };
        Ok(EntryOf::<Types>::new(from_id(&id), payload))
    }

    fn encode_log_id(log_id: &LogIdOf<Types>) -> Result<Bytes, CodecError> {
        seal(&id(log_id))
    }

    fn decode_log_id(bytes: &[u8]) -> Result<LogIdOf<Types>, CodecError> {
        Ok(from_id(&open(bytes)?))
    }

    fn encode_vote(vote: &VoteOf<Types>) -> Result<Bytes, CodecError> {
        let leader = vote.leader_id();
        seal(&(leader.term, leader.node_id, vote.is_committed()))
    }

    fn decode_vote(bytes: &[u8]) -> Result<VoteOf<Types>, CodecError> {
        let (term, node, committed): (u64, u64, bool) = open(bytes)?;
        let vote = if committed {
            VoteOf::<Types>::new_committed
        } else {
            VoteOf::<Types>::new
        };
        Ok(vote(term, node))
    }
}

fn seal(value: &impl Serialize) -> Result<Bytes, CodecError> {
    envelope::seal(Kind::Command, 1, value)
        .map(Bytes::from)
        .map_err(CodecError::new)
}

fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let envelope = envelope::open(Kind::Command, bytes).map_err(CodecError::new)?;
    envelope.decode().map_err(CodecError::new)
}

fn id(log_id: &LogIdOf<Types>) -> Id {
    let leader = log_id.committed_leader_id();
    Id {
        term: leader.term,
        node: leader.node_id,
        index: log_id.index(),
    }
}

fn from_id(id: &Id) -> LogIdOf<Types> {
    let leader = openraft::alias::LeaderIdOf::<Types>::new(id.term, id.node).to_committed();
    LogIdOf::<Types>::new(leader, id.index)
}

/// A state machine of positions only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Positions(Arc<Mutex<Position>>);

#[derive(Debug, Default)]
struct Position {
    applied: Option<LogIdOf<Types>>,
    membership: StoredMembershipOf<Types>,
    snapshot: Option<SnapshotMetaOf<Types>>,
}

// === impl Positions ===

impl RaftSnapshotBuilder<Types> for Positions {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, ()>, io::Error> {
        let mut position = self.0.lock().unwrap();
        let meta = SnapshotMetaOf::<Types> {
            last_log_id: position.applied,
            last_membership: position.membership.clone(),
        };
        position.snapshot = Some(meta.clone());
        Ok(SnapshotOf::<Types, ()> { meta, snapshot: () })
    }
}

impl RaftStateMachine<Types> for Positions {
    type SnapshotData = ();
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>), io::Error> {
        let position = self.0.lock().unwrap();
        Ok((position.applied, position.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let mut position = self.0.lock().unwrap();
            position.applied = Some(entry.log_id());
            if let EntryPayload::Membership(membership) = &entry.payload {
                position.membership = StoredMembershipOf::<Types>::new(Some(entry.log_id()), membership.clone());
            }
            if let Some(responder) = responder {
                responder.send(entry.index());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMetaOf<Types>, (): ()) -> Result<(), io::Error> {
        let mut position = self.0.lock().unwrap();
        position.applied = meta.last_log_id;
        position.membership = meta.last_membership.clone();
        position.snapshot = Some(meta.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, ()>>, io::Error> {
        let position = self.0.lock().unwrap();
        Ok(position
            .snapshot
            .clone()
            .map(|meta| SnapshotOf::<Types, ()> { meta, snapshot: () }))
    }
}
