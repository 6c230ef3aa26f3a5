//! What gRPC tools expect of a server: health and reflection.

use std::time::Duration;

use quorate_tests::{Cluster, Member, READY_WITHIN, ensure, eventually, run, skip};
use tonic::{Code, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::wire;

const REGISTRY: &str = "quorate.registry.v1.Registry";
const LEASES: &str = "quorate.registry.v1.Leases";
const CLUSTER: &str = "quorate.cluster.v1.Cluster";
const OPERATOR: &str = "quorate.cluster.v1.Operator";

/// Calls reflection of one version: the two have the same messages in different packages.
macro_rules! listed_services {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let ask = |message_request| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message_request),
        };
        let requests = [
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol(REGISTRY.to_owned())),
        ];
        let mut client = ServerReflectionClient::new($channel);
        let answers = client.server_reflection_info(tokio_stream::iter(requests)).await;
        let mut answers = answers.expect("reflection is served").into_inner();
        let mut next = async || {
            let answer = answers
                .message()
                .await
                .expect("an answer")
                .expect("one for each request");
            answer.message_response.expect("an answer says something")
        };
        let MessageResponse::ListServicesResponse(listed) = next().await else {
            panic!("not a list of services");
        };
        let MessageResponse::FileDescriptorResponse(files) = next().await else {
            panic!("not a description");
        };
        assert!(!files.file_descriptor_proto.is_empty());
        listed
            .service
            .into_iter()
            .map(|service| service.name)
            .collect::<Vec<_>>()
    }};
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    let cluster = Cluster::start(1).await;
    let channel = wire::channel(cluster.member(1)).await;
    for (mut listed, own) in [
        (
            listed_services!(v1, channel.clone()),
            "grpc.reflection.v1.ServerReflection",
        ),
        (
            listed_services!(v1alpha, channel.clone()),
            "grpc.reflection.v1alpha.ServerReflection",
        ),
    ] {
        listed.sort_unstable();
        assert_eq!(
            listed,
            ["grpc.health.v1.Health", own, CLUSTER, OPERATOR, LEASES, REGISTRY],
            "what this door serves"
        );
    }
}

#[tokio::test]
async fn a_member_is_serving_once_it_is_ready_and_not_before() {
    let cluster = Cluster::start(3).await;
    for service in ["", REGISTRY, LEASES, CLUSTER, OPERATOR] {
        assert_eq!(
            health(cluster.member(1), service).await,
            Ok(ServingStatus::Serving),
            "{service:?}"
        );
    }
    assert_eq!(health(cluster.member(1), "no.such.Service").await, Err(Code::NotFound));

    // All alone it starts, answers, and does not serve: nobody confirms a leader.
    cluster.kill_all();
    let alone = cluster.member(1);
    alone.start();
    eventually(READY_WITHIN, "the member answers at all", async || {
        let answer = alone.status().await.map_err(|error| error.to_string())?;
        ensure(!answer.value.ready, "it is ready without a quorum".to_owned())
    })
    .await;
    for service in ["", REGISTRY] {
        assert_eq!(
            health(alone, service).await,
            Ok(ServingStatus::NotServing),
            "{service:?}"
        );
    }

    // A watcher is told when that changes.
    let mut client = HealthClient::new(wire::channel(alone).await);
    let request = HealthCheckRequest {
        service: REGISTRY.to_owned(),
    };
    let mut watch = client.watch(request).await.expect("health can be watched").into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::NotServing);
    cluster.member(2).start();
    let next = tokio::time::timeout(READY_WITHIN, watch.message()).await;
    assert_eq!(
        next.expect("in time").unwrap().unwrap().status(),
        ServingStatus::Serving
    );
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_unimplemented() {
    let cluster = Cluster::start(1).await;
    let channel = wire::channel(cluster.member(1)).await;
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("the member is up");
    let path = PathAndQuery::from_static("/quorate.registry.v1.Registry/Fly");
    let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckRequest>::default();
    let request = tonic::Request::new(HealthCheckRequest::default());
    let refused = client
        .unary(request, path, codec)
        .await
        .expect_err("there is no such method");
    assert_eq!(
        (refused.code(), wire::reason(&refused)),
        (Code::Unimplemented, "UNIMPLEMENTED")
    );
    assert!(refused.message().contains("Fly"), "{}", refused.message());
}

/// A client that is not ours, if the machine has one: `grpcurl` finds everything out by reflection.
#[tokio::test]
async fn grpcurl_registers_and_resolves() {
    let Ok(version) = tokio::process::Command::new("grpcurl").arg("-version").output().await else {
        return skip("grpcurl is not installed");
    };
    assert!(version.status.success(), "{version:?}");
    let cluster = Cluster::start(3).await;
    let door = cluster.followers().await[0].doors().client.to_string();
    let call = async |method: &str, body: &str| {
        let command = tokio::process::Command::new("grpcurl")
            .args(["-plaintext", "-max-time", "10", "-d", body, &door, method])
            .output();
        let output = tokio::time::timeout(Duration::from_secs(20), command)
            .await
            .expect("in time")
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("grpcurl prints JSON")
    };
    let body = r#"{"service":"s","id":"i","endpoints":[{"address":"10.0.0.1","port":80}]}"#;
    let registered = call(&format!("{REGISTRY}/Register"), body).await;
    assert_eq!(registered["change"], "REGISTER_CHANGE_CREATED");
    let body = r#"{"service":"s","consistency":{"linearizable":{}}}"#;
    let resolved = call(&format!("{REGISTRY}/Resolve"), body).await;
    assert_eq!(resolved["instances"][0]["id"], "i");
    run(["services", &format!("--endpoints={door}")]).await.exited_with(0);
}

async fn health(member: &Member, service: &str) -> Result<ServingStatus, Code> {
    let mut client: HealthClient<Channel> = HealthClient::new(wire::channel(member).await);
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = client.check(request).await.map_err(|status| status.code())?;
    Ok(answer.into_inner().status())
}
