//! The wire itself, for what no SDK lets through.

use quorate_proto::registry::registry_client::RegistryClient;
use quorate_tests::Member;
use tonic::{Status, transport::Channel};

/// A bare connection to the client door of `member`.
pub(crate) async fn channel(member: &Member) -> Channel {
    let door = format!("http://{}", member.doors().client);
    let endpoint = Channel::from_shared(door).expect("an address is a URI");
    endpoint
        .connect()
        .await
        .expect("a member that is up accepts connections")
}

/// The registry behind such a connection.
pub(crate) async fn registry(member: &Member) -> RegistryClient<Channel> {
    RegistryClient::new(channel(member).await)
}

/// The stable word for why a request failed.
pub(crate) fn reason(status: &Status) -> &str {
    let reason = status.metadata().get(quorate_proto::status::REASON_KEY);
    reason.and_then(|reason| reason.to_str().ok()).unwrap_or("no reason")
}
