//! Messages stay within their limits, and pages lose nothing.

use std::time::Duration;

use quorate_model::{
    Availability, ClusterId, Endpoint, Endpoints, Epoch, Generation, Instance, InstanceKey, InstanceParts,
    InstanceSpec, MemberId, Metadata, Revision, SpecParts, Term,
};

use super::*;

fn instance(id: usize, value_len: usize) -> Found {
    let endpoint = Endpoint {
        address: "10.0.0.1".parse().unwrap(),
        port: "80".parse().unwrap(),
        protocol: None,
    };
    let mut spec = SpecParts::new(Endpoints::try_from(vec![endpoint]).unwrap());
    spec.metadata = Metadata::parse([("key", "v".repeat(value_len))]).unwrap();
    Found::undisturbed(Instance::new(InstanceParts {
        key: InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "web".parse().unwrap(),
            id: format!("web-{id:05}").parse().unwrap(),
        },
        spec: InstanceSpec::new(spec).unwrap(),
        availability: Availability::Enabled,
        create_revision: Revision::new(1),
        modify_revision: Revision::new(1),
        generation: Generation::new(1),
        registered_at_ms: 0,
        lease: None,
        lapse: None,
        drains_until: None,
        checks: Box::default(),
    }))
}

fn some_header() -> Header {
    Header {
        cluster_id: ClusterId::new(7),
        epoch: Epoch::new(3),
        member_id: MemberId::FIRST,
        term: Term::new(4),
        revision: Revision::new(99),
        leader: None,
        staleness: None,
        guards_raised: 0,
    }
}

#[test]
fn pages_stay_below_their_limit_and_together_are_the_list() {
    let all: Vec<_> = (0..1_000).map(|id| instance(id, 100 + id * 7)).collect();
    let len_max = 1 << 20;
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut rest = all.as_slice();
    loop {
        let (instances, next) = page(rest, len_max);
        let more = next.is_some();
        let message = pb::ListInstancesResponse {
            header: Some(header(some_header())),
            service_known: true,
            instances: instances.clone(),
            next_page_token: next.map(String::from).unwrap_or_default(),
        };
        assert!(message.encoded_len() <= len_max, "{}", message.encoded_len());
        if more {
            assert!(
                message.encoded_len() > len_max - (10 << 10),
                "a page is as full as it can be"
            );
            assert_eq!(message.next_page_token, instances.last().unwrap().id);
        }
        rest = &rest[instances.len()..];
        found.extend(instances.into_iter().map(|instance| instance.id));
        pages += 1;
        if !more {
            break;
        }
    }
    let expected: Vec<_> = all.iter().map(|instance| instance.key().id.to_string()).collect();
    assert_eq!(found, expected);
    assert_eq!(pages, 4);
}

#[test]
fn a_page_holds_at_least_one_instance_so_that_it_gets_on() {
    let all = [instance(0, 5_000), instance(1, 5_000)];
    let (instances, next) = page(&all, 1);
    assert_eq!(instances.len(), 1);
    assert_eq!(next.unwrap().as_str(), "web-00000");
    assert_eq!(page(&all[1..], 1).1, None);
}

#[test]
fn an_answer_that_has_no_pages_is_whole_or_refused_with_the_limit() {
    let all: Vec<_> = (0..10).map(|id| instance(id, 1_000)).collect();
    assert_eq!(whole(&all, 1 << 20).unwrap().len(), 10);
    let refused = whole(&all, 8 << 10).unwrap_err();
    assert_eq!(Reason::of(&refused), Reason::RequestTooLarge);
    assert!(refused.message().contains("8192 bytes"), "{}", refused.message());
}

#[test]
fn what_is_not_known_is_absent_from_the_header() {
    let message = header(some_header());
    assert_eq!(
        (message.leader_id, message.leader_address.as_str(), message.staleness_ms),
        (0, "", None)
    );
    assert_eq!(message.cluster_id, "00000000000000000000000000000007");
}

#[test]
fn what_is_known_is_in_the_header() {
    let message = header(Header {
        leader: Some(Leader {
            id: MemberId::FIRST,
            client_address: "[::1]:7300".parse().unwrap(),
        }),
        staleness: Some(Duration::from_millis(105)),
        ..some_header()
    });
    assert_eq!((message.leader_id, message.leader_address.as_str()), (1, "[::1]:7300"));
    assert_eq!(message.staleness_ms, Some(105));
    assert_eq!((message.epoch, message.term, message.revision), (3, 4, 99));
}
