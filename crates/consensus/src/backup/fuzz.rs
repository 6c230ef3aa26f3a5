//! Files of saved states, held against hostile bytes: they lie anywhere, and for long.

use std::{collections::BTreeMap, fs, sync::Arc};

use proptest::prelude::*;
use quorate_fuzz::{Fuzz, reframed};
use quorate_model::{
    Clock, ClusterId, Endpoint, Endpoints, Epoch, InstanceKey, InstanceSpec, Leadership, Lifetime, LogIndex, LogTime,
    SpecParts,
};
use quorate_state::{Command, Mutation, Position, Takeover};
use quorate_storage::{MemoryDisk, OnFatal, Storage};

use super::*;
use crate::{
    testing::ManualClock,
    type_config::{Calling, LeaderId, LogId, MemberInfo, Membership, StoredMembership},
};

fn info() -> MemberInfo {
    MemberInfo {
        peer_address: "10.0.0.1:7400".parse().unwrap(),
        client_address: "db.example:7300".parse().unwrap(),
        calling: Calling::Voter,
    }
}

fn register(number: u64) -> Command {
    let endpoint = Endpoint {
        address: "10.0.0.1".parse().unwrap(),
        port: 80_u16.try_into().unwrap(),
        protocol: None,
    };
    Command::Mutate(Mutation::Register {
        key: InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "web".parse().unwrap(),
            id: number.to_string().parse().unwrap(),
        },
        spec: InstanceSpec::new(SpecParts::new(Endpoints::from(endpoint))).unwrap(),
        takeover: Takeover::Forbidden,
        lifetime: Lifetime::Persistent,
        registered_at_ms: number,
    })
}

/// The file of a cluster with `instances`.
fn file(cluster_id: ClusterId, instances: u64) -> Vec<u8> {
    let epoch = Epoch::new(7);
    let found = Command::Found { cluster_id, epoch };
    let mut state = State::new();
    for (index, command) in (0..).zip([found].into_iter().chain((0..instances).map(register))) {
        let at = Position {
            index: LogIndex::new(index),
            time: LogTime::from_ms(index),
            leadership: Leadership::NONE,
        };
        state.apply(at, &command);
    }
    let last = LogId::new(LeaderId { term: 3, node_id: 1 }, instances);
    let membership = Membership::new(vec![[1].into()], BTreeMap::from([(1, info())])).unwrap();
    let membership = StoredMembership::new(Some(last), membership);
    let encoder = snapshot::encoder(&state, Some(last), &membership).unwrap();
    let pieces: Vec<_> = Capture { state, encoder }.into_pieces().collect();
    pieces.concat()
}

/// Begins another cluster with what was saved.
async fn restore(saved: SavedState) -> io::Result<Summary> {
    let new = NewCluster {
        cluster_id: ClusterId::new(9),
        epoch: Epoch::new(8),
        member: info(),
    };
    let on_fatal: OnFatal = Arc::new(|_| {});
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let storage = MemoryDisk::new().open(new.identity(), &clock, &on_fatal);
    let Storage { log, writer, snapshots } = storage.expect("nothing is there yet");
    let (restored, ()) = tokio::join!(saved.restore(&new, &log, &snapshots), writer.run_in_task());
    restored
}

#[test]
fn a_saved_state() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("saved");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let valid = (any::<u128>(), 0..20_u64).prop_map(|(id, instances)| file(ClusterId::new(id), instances));
    Fuzz::new("SavedState::read, restore", valid)
        .repaired(reframed)
        .one_way(|bytes| {
            fs::write(&path, bytes).unwrap();
            let Ok(saved) = SavedState::read(&path) else {
                return false;
            };
            let before = saved.summary();
            let after = runtime.block_on(restore(saved)).expect("what is whole can be restored");
            assert_eq!((before.instances, after.epoch), (after.instances, Epoch::new(8)));
            true
        });
}
