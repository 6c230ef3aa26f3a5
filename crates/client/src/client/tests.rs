//! How fresh reads ask to be.

use quorate_model::{Epoch, Revision};
use quorate_proto::registry::ResponseHeader;

use super::*;
use crate::testing::{Deed, Members, Script, header};

/// A member whose answers come from this state.
fn start(members: &mut Members, deeds: &[Deed], epoch: u64, revision: u64) -> (Client, Arc<Script>) {
    let (address, script) = members.start(deeds);
    come_to(&script, epoch, revision);
    let builder = Client::builder().endpoints([address]).discover(false);
    (builder.build().unwrap(), script)
}

fn come_to(script: &Script, epoch: u64, revision: u64) {
    *script.header.lock().unwrap() = ResponseHeader {
        epoch,
        revision,
        ..header(7)
    };
}

/// How fresh the reads so far asked to be.
fn asked(script: &Script) -> Vec<Consistency> {
    let asked = script.consistencies.lock().unwrap();
    let parse = |consistency: &Option<_>| quorate_proto::convert::consistency(*consistency).unwrap();
    asked.iter().map(parse).collect()
}

fn at_least(epoch: u64, revision: u64) -> Consistency {
    Consistency::AtLeast {
        epoch: Some(Epoch::new(epoch)),
        revision: Revision::new(revision),
    }
}

#[tokio::test]
async fn reads_are_not_older_than_what_any_clone_has_seen() {
    let mut members = Members::default();
    let (client, script) = start(&mut members, &[], 3, 9);
    client.clone().list_services().await.unwrap();
    come_to(&script, 3, 5);
    client.list_services().await.unwrap();
    let confirmed = client.with_consistency(Consistency::Linearizable);
    confirmed.list_services().await.unwrap();
    client.list_services().await.unwrap();
    let expected = [
        Consistency::Stale,
        at_least(3, 9),
        Consistency::Linearizable,
        at_least(3, 9),
    ];
    assert_eq!(asked(&script), expected);
}

#[tokio::test]
async fn what_was_seen_before_a_restore_counts_no_more() {
    let mut members = Members::default();
    let deeds = [Deed::Answer, Deed::Refuse(Reason::EpochMismatch)];
    let (client, script) = start(&mut members, &deeds, 3, 9);
    client.list_services().await.unwrap();
    come_to(&script, 4, 1);
    client.list_services().await.unwrap();
    client.list_services().await.unwrap();
    assert_eq!(
        asked(&script),
        [Consistency::Stale, at_least(3, 9), Consistency::Stale, at_least(4, 1)]
    );
}

#[tokio::test]
async fn a_state_that_the_caller_asks_for_is_not_given_up() {
    let mut members = Members::default();
    let deeds = [Deed::Refuse(Reason::EpochMismatch)];
    let (client, script) = start(&mut members, &deeds, 4, 1);
    let read = client.with_consistency(at_least(3, 9)).list_services().await;
    assert_eq!(read.unwrap_err().reason(), Some(Reason::EpochMismatch));
    assert_eq!(asked(&script), [at_least(3, 9)]);
}
