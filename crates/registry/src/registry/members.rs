//! Who belongs to the cluster: what operators ask and want, and what other members do.

use std::{sync::Arc, time::Duration};

use quorate_consensus::{Joining, MemberList, MemberOutcome, MemberRequest, Members, Renewals};
use tokio::sync::watch;

use super::Registry;
use crate::{Answer, Error};

impl Registry {
    /// Who lets joining nodes in, for the peer door.
    pub fn joining(&self) -> Arc<dyn Joining> {
        Arc::new(self.shared.membership.clone())
    }

    /// Who changes the members while this one leads, for the peer door.
    pub fn members(&self) -> Arc<dyn Members> {
        Arc::new(self.shared.membership.clone())
    }

    /// Who keeps leases alive, for the peer door.
    pub fn renewals(&self) -> Arc<dyn Renewals> {
        self.shared.lessor.for_members()
    }

    /// Whether this member was removed: then it has to stop, for good.
    pub fn removed(&self) -> watch::Receiver<bool> {
        self.shared.membership.removed()
    }

    /// The members as the leader sees them.
    pub async fn list_members(&self, time_left: Duration) -> Result<Answer<MemberList>, Error> {
        let value = self.shared.membership.list(&self.deadline(time_left)).await?;
        Ok(self.answered_by_leader(value))
    }

    /// Has the leader do what an operator wants of the members.
    pub async fn change_members(
        &self,
        request: MemberRequest,
        time_left: Duration,
    ) -> Result<Answer<MemberOutcome>, Error> {
        let deadline = self.deadline(time_left);
        let value = self.shared.membership.request(request.clone(), &deadline).await?;
        if let MemberRequest::TransferLeader(_) = request {
            // It leads. Whoever reads on here should find it so.
            let led_by = |leader| leader == Some(value.member_id);
            let follows = self.shared.consensus.status_is(|status| led_by(status.leader));
            let _in_time = deadline.wait_for(follows).await;
        }
        Ok(self.answered_by_leader(value))
    }

    fn answered_by_leader<T>(&self, value: T) -> Answer<T> {
        let mut header = self.header(&self.shared.reader.reading());
        header.staleness = None;
        Answer { header, value }
    }
}
