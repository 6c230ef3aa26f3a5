//! Requests that read the catalog, and how a member is doing.

use prost::Message;
use quorate_model::{Consistency, Filter, Found, InstanceId, ServiceName, limits};
use quorate_proto::{
    cluster::{StatusRequest, cluster_client::ClusterClient},
    convert::InvalidField,
    registry as pb,
    request::{GetInstance, ListInstances, ListServices, Page, Resolve, ResolvePage},
};
use tonic::{Request, Response, transport::Channel};

use super::{Client, registry};
use crate::{Answer, Error, Header, Instances, ServiceSummary, Status, answer, call::Purpose};

// === impl Client ===

impl Client {
    /// One instance.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `NOT_FOUND` if it is not there.
    pub async fn get_instance(&self, service: &ServiceName, id: &InstanceId) -> Result<Answer<Found>, Error> {
        let key = self.key(service, id);
        let request = |consistency| {
            let key = key.clone();
            pb::GetInstanceRequest::from(GetInstance { key, consistency })
        };
        let send = |channel, request| async move { registry(channel).get_instance(request).await };
        self.read(request, send).await
    }

    /// The instances of a service that `filter` asks for: by default those that may be called. A service that nobody
    /// has registered has none, which is no error: [`Instances::service_known`] tells.
    ///
    /// If there are more than fit one message, asks page by page, each with a deadline of its own; the header is that
    /// of the last page.
    pub async fn resolve(&self, service: &ServiceName, filter: Filter) -> Result<Answer<Instances>, Error> {
        let resolve = |consistency| Resolve {
            service: self.service_key(service),
            filter: filter.clone(),
            consistency,
            page: ResolvePage::new(limits::INSTANCES_PER_SERVICE_MAX, None),
        };
        let request = |consistency, page_token| pb::ResolveRequest {
            page_token,
            ..resolve(consistency).into()
        };
        let send = |channel, request| async move { registry(channel).resolve(request).await };
        self.read_pages(request, send).await
    }

    /// All services of the namespace, in the order of their names. Asks page by page, each with a deadline of
    /// its own; the header is that of the last page.
    pub async fn list_services(&self) -> Result<Answer<Vec<ServiceSummary>>, Error> {
        let list = |consistency| ListServices {
            namespace: self.namespace.clone(),
            consistency,
            page: Page::default(),
        };
        let request = |consistency, page_token| pb::ListServicesRequest {
            page_token,
            ..list(consistency).into()
        };
        let send = |channel, request| async move { registry(channel).list_services(request).await };
        self.read_pages(request, send).await
    }

    /// All instances of a service, whatever their state, in the order of their ids. Asks page by page, each
    /// with a deadline of its own; the header is that of the last page.
    pub async fn list_instances(&self, service: &ServiceName) -> Result<Answer<Instances>, Error> {
        let list = |consistency| ListInstances {
            service: self.service_key(service),
            consistency,
            page: Page::default(),
        };
        let request = |consistency, page_token| pb::ListInstancesRequest {
            page_token,
            ..list(consistency).into()
        };
        let send = |channel, request| async move { registry(channel).list_instances(request).await };
        self.read_pages(request, send).await
    }

    /// How the member that answers sees itself and the cluster.
    pub async fn status(&self) -> Result<Answer<Status>, Error> {
        let send = |channel, request| async move { ClusterClient::new(channel).status(request).await };
        self.caller.call(Purpose::Read, StatusRequest {}, send).await
    }

    /// Reads all pages of a list.
    pub(crate) async fn read_pages<Q, M, T, F, R>(
        &self,
        request: impl Fn(Consistency, String) -> Q,
        send: F,
    ) -> Result<Answer<T>, Error>
    where
        Q: Message + Clone,
        T: Listed,
        Answer<answer::Page<T>>: TryFrom<M, Error = InvalidField>,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, tonic::Status>>,
    {
        let (mut token, mut list) = (String::new(), None);
        loop {
            let turned = |consistency| request(consistency, token.clone());
            let answer: Answer<answer::Page<T>> = self.read(turned, &send).await?;
            let answer::Page { part, next_page_token } = answer.value;
            let value = match list.take() {
                Some(before) => T::joined(before, part),
                None => part,
            };
            if !turn_page(&mut token, next_page_token, &answer.header)? {
                let header = answer.header;
                return Ok(Answer { header, value });
            }
            list = Some(value);
        }
    }
}

/// What is answered in pages.
pub(crate) trait Listed {
    /// The list that begins with `self` and goes on with the `next` page.
    fn joined(self, next: Self) -> Self;
}

impl<T> Listed for Vec<T> {
    fn joined(mut self, next: Self) -> Self {
        self.extend(next);
        self
    }
}

impl Listed for Instances {
    fn joined(self, next: Self) -> Self {
        Self {
            service_known: self.service_known || next.service_known,
            instances: self.instances.joined(next.instances),
            // Each page tells of all of them: the last one is the newest.
            guards: next.guards,
        }
    }
}

/// Moves on to the page behind `token`; false if there is none. A token that does not move would never end.
fn turn_page(token: &mut String, next: String, header: &Header) -> Result<bool, Error> {
    if next.is_empty() {
        return Ok(false);
    }
    if next == *token {
        return Err(Error::BadAnswer {
            endpoint: format!("member {}", header.member_id),
            problem: format!("the page after {token:?} is said to begin there again"),
        });
    }
    *token = next;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use quorate_model::{ClusterId, Epoch, MemberId, Revision, Term};

    use super::*;

    #[test]
    fn pages_are_turned_to_the_last_and_never_in_a_circle() {
        let header = Header {
            cluster_id: ClusterId::new(1),
            epoch: Epoch::ZERO,
            member_id: MemberId::FIRST,
            term: Term::ZERO,
            revision: Revision::ZERO,
            leader: None,
            staleness_ms: None,
            guards_raised: 0,
        };
        let mut token = String::new();
        assert_eq!(turn_page(&mut token, "b".into(), &header), Ok(true));
        assert_eq!(token, "b");
        assert!(turn_page(&mut token, "b".into(), &header).is_err());
        assert_eq!(turn_page(&mut token, String::new(), &header), Ok(false));
    }
}
