//! Requests that are wrong are refused by field and rule, and nothing is lost by them.

use prost::Message as _;
use quorate_model::{Consistency, limits};
use quorate_proto::registry::{self as pb, registry_client::RegistryClient};
use quorate_tests::{Cluster, id, parts, registration, service};
use tonic::{Code, Status, transport::Channel};

use crate::wire;

#[tokio::test]
async fn a_request_with_a_bad_value_is_refused_by_field_and_rule_and_nothing_is_lost() {
    let cluster = Cluster::start(1).await;
    cluster
        .client()
        .register(&service("s"), &id("kept"), registration(parts(80)))
        .await
        .unwrap();
    let mut raw = wire::registry(cluster.member(1)).await;
    for (request, said) in bad_requests() {
        let refused = raw.register(request.clone()).await.expect_err("a bad value is refused");
        assert_eq!(
            (refused.code(), wire::reason(&refused)),
            (Code::InvalidArgument, "INVALID_ARGUMENT"),
            "{request:?}"
        );
        for part in said {
            assert!(
                refused.message().contains(part),
                "{part:?} is not in {:?} about {request:?}",
                refused.message()
            );
        }
        assert!(!refused.message().contains('\n'), "one line: {:?}", refused.message());
    }

    let unfit = pb::ResolveRequest {
        service: "s".to_owned(),
        version: "^not a version".to_owned(),
        ..pb::ResolveRequest::default()
    };
    let refused = raw.resolve(unfit).await.expect_err("a bad range is refused");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("version"), "{}", refused.message());

    let listed = cluster
        .client()
        .with_consistency(Consistency::Linearizable)
        .list_instances(&service("s"))
        .await
        .unwrap();
    assert_eq!(listed.value.instances.len(), 1);
    assert_eq!(
        cluster
            .client()
            .with_consistency(Consistency::Linearizable)
            .list_services()
            .await
            .unwrap()
            .value
            .len(),
        1
    );
}

#[tokio::test]
async fn a_name_of_the_longest_length_is_taken() {
    let cluster = Cluster::start(1).await;
    let longest = "x".repeat(limits::NAME_LEN_MAX);
    let answer = cluster
        .client()
        .register(&service(&longest), &id(&longest), registration(parts(65_535)))
        .await;
    answer.expect("128 characters are allowed");
}

#[tokio::test]
async fn a_request_one_byte_over_the_limit_is_refused_for_its_size() {
    let cluster = Cluster::start(1).await;
    let mut raw = wire::registry(cluster.member(1)).await;
    let at_limit = request_of_len(limits::REQUEST_LEN_MAX);
    let refused = register(&mut raw, at_limit).await;
    assert_eq!(
        wire::reason(&refused),
        "INVALID_ARGUMENT",
        "at the limit it is read: {refused}"
    );

    let over = request_of_len(limits::REQUEST_LEN_MAX + 1);
    let refused = register(&mut raw, over).await;
    assert_eq!(
        (refused.code(), wire::reason(&refused)),
        (Code::ResourceExhausted, "REQUEST_TOO_LARGE")
    );
    assert!(refused.message().contains("1048576"), "{}", refused.message());

    // The same connection goes on.
    raw.register(plain_request())
        .await
        .expect("an ordinary request is taken");
}

/// Requests, each with one bad value, and what has to be said about it.
fn bad_requests() -> Vec<(pb::RegisterRequest, Vec<&'static str>)> {
    let long = "x".repeat(limits::NAME_LEN_MAX + 1);
    let mut cases: Vec<(pb::RegisterRequest, Vec<&'static str>)> = Vec::new();
    let mut case = |change: &dyn Fn(&mut pb::RegisterRequest), parts: &[&'static str]| {
        let mut request = plain_request();
        change(&mut request);
        cases.push((request, parts.to_vec()));
    };
    for name in ["", &long, "a b", "ä", "a/b", "a\0b", "a\nb", "💥"] {
        case(&|request| request.service = name.into(), &["service", "1–128"]);
        case(&|request| request.id = name.into(), &["id", "1–128"]);
        if !name.is_empty() {
            case(&|request| request.namespace = name.into(), &["namespace", "1–128"]);
        }
    }
    for port in [0, 65_536, u32::MAX] {
        case(
            &|request| request.endpoints[0].port = port,
            &["endpoints[0].port", "1–65535"],
        );
    }
    for address in [
        "",
        "a b",
        "-x",
        "300.1.1.1",
        "[::1]",
        "::1::",
        "10.0.0.1:80",
        "http://a",
    ] {
        case(
            &|request| request.endpoints[0].address = address.into(),
            &["endpoints[0].address"],
        );
    }
    case(&|request| request.endpoints.clear(), &["endpoints"]);
    case(
        &|request| request.endpoints = vec![plain_endpoint(); 17],
        &["endpoints", "16"],
    );
    case(&|request| request.weight = Some(65_536), &["weight", "65535"]);
    case(
        &|request| request.tags = (0..65).map(|n| n.to_string()).collect(),
        &["tags", "64"],
    );
    case(&|request| request.owner = "o".repeat(65), &["owner", "64"]);
    let too_much = ("k".to_owned(), "v".repeat(limits::METADATA_LEN_MAX));
    case(
        &|request| request.metadata.extend([too_much.clone()]),
        &["metadata", "8192"],
    );
    cases
}

fn plain_endpoint() -> pb::Endpoint {
    pb::Endpoint {
        address: "10.0.0.1".to_owned(),
        port: 80,
        protocol: String::new(),
    }
}

fn plain_request() -> pb::RegisterRequest {
    pb::RegisterRequest {
        service: "s".to_owned(),
        id: "kept".to_owned(),
        endpoints: vec![plain_endpoint()],
        ..pb::RegisterRequest::default()
    }
}

/// A request of exactly `len` bytes on the wire, most of them the name of the service.
fn request_of_len(len: usize) -> pb::RegisterRequest {
    let mut request = plain_request();
    // Long enough for its length to take as many bytes as in the end.
    request.service = "x".repeat(len - 100);
    let missing = len - request.encoded_len();
    request.service.push_str(&"x".repeat(missing));
    assert_eq!(request.encoded_len(), len);
    request
}

async fn register(raw: &mut RegistryClient<Channel>, request: pb::RegisterRequest) -> Status {
    raw.register(request).await.expect_err("no such name is taken")
}
