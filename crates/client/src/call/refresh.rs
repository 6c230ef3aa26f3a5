//! Asking the cluster for its members, in the course of a request.

use std::time::Duration;

use quorate_proto::cluster::{StatusRequest, cluster_client::ClusterClient};

use super::{Caller, Door};
use crate::{Answer, Status};

/// The longest that a request is held up by it: the member has answered just before, and needs nobody else.
const PATIENCE: Duration = Duration::from_millis(250);

// === impl Caller ===

impl Caller {
    /// Asks the member that has just answered for the members, if it is time. It is no matter if that fails: it is
    /// tried again with a later request.
    pub(super) async fn refresh(&self, door: &Door, remaining: Duration) {
        if !self.doors.claim_refresh() {
            return;
        }
        let send = |channel, request| async move { ClusterClient::new(channel).status(request).await };
        let Ok(message) = door.ask(&StatusRequest {}, &send, remaining.min(PATIENCE)).await else {
            return;
        };
        let Ok(answer): Result<Answer<Status>, _> = self.check(door, message) else {
            return;
        };
        let members = answer.value.members.into_iter();
        let members = members.map(|member| (member.id, member.client_address));
        self.doors.learn(members, answer.value.ready);
    }
}
