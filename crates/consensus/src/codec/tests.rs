//! The bytes are what they were, and nothing else is taken for them.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::type_config::{Calling, MemberInfo, Membership, StoredMembership};

fn log_id() -> LogId {
    LogId::new(LeaderId { term: 3, node_id: 2 }, 300)
}

fn membership() -> Membership {
    membership_with(Calling::Learner)
}

fn membership_with(calling: Calling) -> Membership {
    let info = |port: u16, calling| MemberInfo {
        peer_address: format!("10.0.0.1:{port}").parse().unwrap(),
        client_address: "db.example:7300".parse().unwrap(),
        calling,
    };
    let members = BTreeMap::from([(1, info(7400, Calling::Voter)), (2, info(7401, calling))]);
    Membership::new(vec![BTreeSet::from([1])], members).unwrap()
}

fn successor() -> Calling {
    Calling::Successor(9.try_into().unwrap())
}

fn entries() -> Vec<Entry> {
    let command = |stamp_ms| EncodedCommand::new(LogTime::from_ms(stamp_ms), Bytes::from_static(b"command"));
    let payloads = [
        EntryPayload::Blank,
        EntryPayload::Normal(command(0)),
        EntryPayload::Membership(membership()),
        EntryPayload::Membership(membership_with(successor())),
        EntryPayload::Normal(command(1_000)),
    ];
    payloads
        .into_iter()
        .map(|payload| Entry {
            log_id: log_id(),
            payload,
        })
        .collect()
}

#[test]
fn what_is_encoded_is_decoded() {
    for entry in entries() {
        let decoded = Codec::decode_entry(Codec::encode_entry(&entry).unwrap()).unwrap();
        assert_eq!((decoded.log_id, decoded.payload), (entry.log_id, entry.payload));
    }
    for vote in [Vote::new(7, 1), Vote::new_committed(7, 1)] {
        assert_eq!(Codec::decode_vote(&Codec::encode_vote(&vote).unwrap()).unwrap(), vote);
    }
    for stored in [
        StoredMembership::default(),
        StoredMembership::new(Some(log_id()), membership()),
        StoredMembership::new(Some(log_id()), membership_with(successor())),
    ] {
        assert_eq!(decode_membership(&encode_membership(&stored).unwrap()).unwrap(), stored);
    }
}

#[test]
fn bytes_on_disk_are_golden() {
    // Schema 1; term 3, member 2, index 300 (251 announces two bytes); then the payload's number.
    let head = [1, 3, 2, 251, 44, 1];
    assert_eq!(Codec::encode_log_id(&log_id()).unwrap()[..], head);
    assert_eq!(
        Codec::encode_vote(&Vote::new_committed(7, 1)).unwrap()[..],
        [1, 7, 1, 1]
    );
    let payloads: Vec<Vec<u8>> = entries()
        .iter()
        .map(|entry| Codec::encode_entry(entry).unwrap())
        .map(|bytes| bytes.strip_prefix(&head).expect("begins with the log id").to_vec())
        .collect();
    let command = [&[1, 7], b"command".as_slice()].concat();
    let member = |id: u8, port: &str, calling: &[u8]| {
        let peer_address = format!("10.0.0.1:{port}");
        [
            &[id, 13],
            peer_address.as_bytes(),
            &[15],
            b"db.example:7300".as_slice(),
            calling,
        ]
        .concat()
    };
    let membership = [
        &[2, 1, 1, 1, 2],
        &member(1, "7400", &[1])[..],
        &member(2, "7401", &[0])[..],
    ]
    .concat();
    // The newer form says of member 2 that it is the successor of member 9.
    let newer = [
        &[3, 1, 1, 1, 2],
        &member(1, "7400", &[0])[..],
        &member(2, "7401", &[2, 9])[..],
    ]
    .concat();
    let stamped = [&[4, 251, 232, 3, 7], b"command".as_slice()].concat();
    assert_eq!(payloads, [vec![0], command, membership, newer, stamped]);
}

#[test]
fn a_newer_schema_and_damaged_bytes_are_refused() {
    for entry in entries() {
        let bytes = Codec::encode_entry(&entry).unwrap();
        let mut newer = bytes.to_vec();
        newer[0] = 2;
        assert!(
            Codec::decode_entry(newer.into())
                .unwrap_err()
                .to_string()
                .contains("newer version")
        );
        for len in 0..bytes.len() {
            assert!(
                Codec::decode_entry(bytes.slice(..len)).is_err(),
                "{len} of {} bytes",
                bytes.len()
            );
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Codec::decode_entry(longer.into()).is_err());
    }
}
