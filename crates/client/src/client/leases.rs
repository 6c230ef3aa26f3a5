//! What the cluster knows of leases.

use quorate_model::{Incarnation, LeaseId, LeaseTtl, Owner, RemoveAfter};
use quorate_proto::{
    registry::{self as pb, leases_client::LeasesClient},
    request::{GetLease, GrantLease, LeaseIds, ListLeases, Page, Renew, RevokeLease},
};
use tonic::transport::Channel;

use super::{ANSWER_LEN_MAX, Client};
use crate::{Answer, Error, LeaseGranted, LeaseRevoked, LeaseState, Renewed, call::Purpose};

/// What a lease is asked for with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseOptions {
    /// Who is to hold it, by a name that is the same after a restart: the name of a pod, say.
    pub owner: Option<Owner>,
    /// How long it is to live without being renewed.
    pub ttl: LeaseTtl,
    /// How long it is to stay when it has lapsed; twice its time to live, if absent.
    pub remove_after: Option<RemoveAfter>,
}

// === impl Client ===

impl Client {
    /// Grants a bare lease, which nobody renews but who calls [`renew`](Self::renew): for tools and gateways that hold
    /// leases for others. A process that registers itself is served by a [`Registration`](crate::Registration), one that
    /// writes by a [`Session`](crate::Session): both keep theirs alive by themselves.
    ///
    /// # Errors
    ///
    /// [`Error::OutcomeUnknown`] leaves a lease behind that nobody renews; it is safe to try again.
    pub async fn grant_lease(&self, options: LeaseOptions) -> Result<Answer<LeaseGranted>, Error> {
        self.grant(options, self.draw_incarnation()).await
    }

    /// Renews leases, once, and answers what came of each in their order: 1 to 10,000 of them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there are none or too many. After any other error they may have been renewed or
    /// not; it is safe to try again.
    pub async fn renew(&self, leases: Vec<LeaseId>) -> Result<Answer<Vec<Renewed>>, Error> {
        let leases = LeaseIds::try_from(leases).map_err(|problem| Error::InvalidArgument {
            message: problem.to_string(),
        })?;
        let request = pb::RenewRequest::from(Renew { leases });
        let send = |channel, request| async move { leases_client(channel).renew(request).await };
        // A renewal adds to nothing: it is no change that the leader would have to be asked for first.
        self.caller.call(Purpose::Read, request, send).await
    }

    /// Ends a lease: what it keeps is deregistered. One that is not there is no error.
    ///
    /// # Errors
    ///
    /// After [`Error::OutcomeUnknown`] and [`Error::Unavailable`] it may still be there; it is safe to try again.
    pub async fn revoke_lease(&self, lease: LeaseId) -> Result<Answer<LeaseRevoked>, Error> {
        let request = pb::RevokeLeaseRequest::from(RevokeLease { id: lease });
        let send = |channel, request| async move { leases_client(channel).revoke_lease(request).await };
        self.caller.call(Purpose::Repeatable, request, send).await
    }

    /// One lease, what it keeps, and what is kept for it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `LEASE_NOT_FOUND` if there is no such lease.
    pub async fn get_lease(&self, id: LeaseId) -> Result<Answer<LeaseState>, Error> {
        let request = |consistency| pb::GetLeaseRequest::from(GetLease { id, consistency });
        let send = |channel, request| async move { leases_client(channel).get_lease(request).await };
        self.read(request, send).await
    }

    /// The leases of all namespaces in the order of their ids: all, or only those that have lapsed. Asks page by page,
    /// each with a deadline of its own; the header is that of the last page.
    pub async fn list_leases(&self, lapsed_only: bool) -> Result<Answer<Vec<LeaseState>>, Error> {
        let request = |consistency, page_token| pb::ListLeasesRequest {
            page_token,
            ..ListLeases {
                lapsed_only,
                consistency,
                page: Page::default(),
            }
            .into()
        };
        let send = |channel, request| async move { leases_client(channel).list_leases(request).await };
        self.read_pages(request, send).await
    }

    pub(crate) async fn grant(
        &self,
        options: LeaseOptions,
        incarnation: Incarnation,
    ) -> Result<Answer<LeaseGranted>, Error> {
        let LeaseOptions {
            owner,
            ttl,
            remove_after,
        } = options;
        let request = pb::GrantLeaseRequest::from(GrantLease {
            owner,
            incarnation,
            ttl,
            remove_after: remove_after.unwrap_or(RemoveAfter::of(ttl)),
        });
        let send = |channel, request| async move { leases_client(channel).grant_lease(request).await };
        // The cluster knows a repetition by the incarnation.
        self.caller.call(Purpose::Repeatable, request, send).await
    }

    pub(crate) fn draw_incarnation(&self) -> Incarnation {
        Incarnation::try_from(self.caller.draw().max(1)).expect("it is at least 1")
    }
}

pub(crate) fn leases_client(channel: Channel) -> LeasesClient<Channel> {
    LeasesClient::new(channel).max_decoding_message_size(ANSWER_LEN_MAX)
}
