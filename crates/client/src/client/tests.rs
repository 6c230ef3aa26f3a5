//! How fresh reads ask to be, and what is never asked for twice.

use quorate_model::{Epoch, MemberId, OverrideSpec, OverrideTarget, Revision, ServiceName, SettingsPatch};
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

/// Has a member lose the answer to each of the changes that operators make, and gives how often another one is asked.
async fn asked_again<T: std::fmt::Debug, F>(change: impl FnOnce(Client) -> F) -> usize
where
    F: Future<Output = Result<Answer<T>, Error>>,
{
    let mut members = Members::default();
    let (first, one) = members.start(&[Deed::Refuse(Reason::OutcomeUnknown)]);
    let (second, two) = members.start(&[]);
    let builder = Client::builder().endpoints([first, second]).discover(false);
    let error = change(builder.build().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
    assert_eq!(one.asked(), 1);
    two.asked()
}

#[tokio::test]
async fn what_operators_change_is_not_sent_again_once_its_answer_is_lost() {
    let service = || "s".parse::<ServiceName>().unwrap();
    let target = || OverrideTarget::ZoneOut {
        namespace: "default".parse().unwrap(),
        service: None,
        zone: "eu-1a".parse().unwrap(),
    };
    let spec = || OverrideSpec::new(target(), None, "why".parse().unwrap()).unwrap();
    let address = || "10.0.0.1:7".parse().unwrap();
    let id = |id: u64| MemberId::try_from(id).unwrap();
    let (a, b) = (address(), address());
    let asked = [
        asked_again(|client| async move { client.set_override(spec(), None).await }).await,
        asked_again(|client| async move { client.clear_override(target()).await }).await,
        asked_again(|client| async move {
            let patch = SettingsPatch::default();
            client.set_service_settings(&service(), patch, true).await
        })
        .await,
        asked_again(|client| async move { client.add_member(&a, &b, crate::Calling::Voter).await }).await,
        asked_again(|client| async move { client.remove_member(id(4)).await }).await,
        asked_again(|client| async move { client.replace_member(id(3), id(4)).await }).await,
        asked_again(|client| async move { client.promote_member(id(4)).await }).await,
        asked_again(|client| async move { client.demote_member(id(4)).await }).await,
        asked_again(|client| async move { client.transfer_leader(Some(id(2))).await }).await,
    ];
    assert_eq!(asked, [0; 9]);
}
