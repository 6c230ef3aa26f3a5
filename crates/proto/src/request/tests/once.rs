//! What makes writes take effect once: keys, batches, leases.

use proptest::{collection::vec, option};
use quorate_model::{RequestKey, Sequence};

use super::*;

pub(super) fn request_key() -> impl Strategy<Value = RequestKey> {
    let lease = (1..=u64::MAX).prop_map(LeaseId::new);
    (lease, 1..=u64::MAX, 1..=u64::MAX).prop_map(|(lease, one, other)| {
        let sequence = |number: u64| Sequence::try_from(number).unwrap();
        RequestKey::new(lease, sequence(one.max(other)), sequence(one.min(other))).unwrap()
    })
}

pub(super) fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        register_request().prop_map(|request| Write::Register(Box::new(request))),
        (strategies::key(), strategies::generation(), strategies::patch())
            .prop_map(|(key, generation, patch)| Write::Update(Box::new(Update { key, generation, patch }))),
        (strategies::key(), strategies::generation())
            .prop_map(|(key, generation)| Write::Deregister(Deregister { key, generation })),
        (strategies::key(), strategies::generation(), intent()).prop_map(|(key, generation, (availability, drain))| {
            Write::SetAvailability(SetAvailability {
                key,
                generation,
                availability,
                drain,
            })
        }),
    ]
}

proptest! {
    #[test]
    fn keyed_writes_come_back(write in write(), key in option::of(request_key())) {
        match write {
            Write::Register(write) => {
                let request = Keyed { write: *write, key };
                prop_assert_eq!(sent::<_, pb::RegisterRequest>(request.clone()), request);
            }
            Write::Update(write) => {
                let request = Keyed { write: *write, key };
                prop_assert_eq!(sent::<_, pb::UpdateRequest>(request.clone()), request);
            }
            Write::Deregister(write) => {
                let request = Keyed { write, key };
                prop_assert_eq!(sent::<_, pb::DeregisterRequest>(request.clone()), request);
            }
            Write::SetAvailability(write) => {
                let request = Keyed { write, key };
                prop_assert_eq!(sent::<_, pb::SetAvailabilityRequest>(request.clone()), request);
            }
        }
    }

    #[test]
    fn batches_come_back(items in vec(write(), 1..8), key in option::of(request_key())) {
        let request = WriteBatch { items, key };
        let received = WriteBatch::try_from(pb::WriteBatchRequest::from(request.clone())).unwrap();
        prop_assert_eq!(received.key, request.key);
        let items: Vec<Write> = received.items.into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(items, request.items);
    }
}

#[test]
fn every_bad_part_of_a_key_is_named() {
    let key = |lease_id, sequence, acked_below| pb::RequestKey {
        lease_id,
        sequence,
        acked_below,
    };
    for (key, field) in [
        (key(0, 1, 1), "key.lease_id"),
        (key(7, 0, 0), "key.sequence"),
        (key(7, 3, 4), "key.acked_below"),
    ] {
        let message = pb::RegisterRequest {
            key: Some(key),
            ..registration()
        };
        assert_eq!(Keyed::<Register>::try_from(message).unwrap_err().field(), field);
    }
}

#[test]
fn a_key_that_acknowledges_nothing_may_leave_it_out() {
    let key = pb::RequestKey {
        lease_id: 7,
        sequence: 1,
        acked_below: 0,
    };
    let message = pb::RegisterRequest {
        key: Some(key),
        ..registration()
    };
    let key = Keyed::<Register>::try_from(message).unwrap().key.unwrap();
    assert_eq!(key.acked_below(), Sequence::FIRST);
}

#[test]
fn a_batch_has_1_to_1000_items() {
    let batch = |count| pb::WriteBatchRequest {
        items: vec![pb::write_batch_request::Item::default(); count],
        key: None,
    };
    for (count, fits) in [
        (0, false),
        (1, true),
        (BATCH_ITEMS_MAX, true),
        (BATCH_ITEMS_MAX + 1, false),
    ] {
        assert_eq!(WriteBatch::try_from(batch(count)).is_ok(), fits, "{count}");
    }
}

#[test]
fn an_item_that_is_no_write_concerns_nobody_else() {
    use pb::write_batch_request::{Item, item};
    let item = |message| Item {
        write: Some(item::Write::Register(message)),
    };
    let keyed = pb::RegisterRequest {
        key: Some(pb::RequestKey::default()),
        ..registration()
    };
    let nameless = pb::RegisterRequest {
        id: String::new(),
        ..registration()
    };
    let items = vec![item(registration()), item(nameless), item(keyed), Item::default()];
    let batch = WriteBatch::try_from(pb::WriteBatchRequest { items, key: None }).unwrap();
    let fields: Vec<_> = batch
        .items
        .iter()
        .map(|item| item.as_ref().err().map(InvalidField::field))
        .collect();
    assert_eq!(fields, [None, Some("id"), Some("key"), Some("write")]);
}
