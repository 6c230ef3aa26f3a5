//! Requests that read the catalog, and how a member is doing.

use quorate_model::{Filter, Instance, InstanceId, ServiceName};
use quorate_proto::{
    cluster::{StatusRequest, cluster_client::ClusterClient},
    registry as pb,
    request::{GetInstance, ListInstances, ListServices, Page, Resolve},
};

use super::{Client, registry};
use crate::{Answer, Error, Header, Instances, ServiceSummary, Status, answer, call::Purpose};

// === impl Client ===

impl Client {
    /// One instance; [`Error::Refused`] with [`Reason::NotFound`](crate::Reason::NotFound) if it is not there.
    pub async fn get_instance(&self, service: &ServiceName, id: &InstanceId) -> Result<Answer<Instance>, Error> {
        let request = pb::GetInstanceRequest::from(GetInstance {
            key: self.key(service, id),
            consistency: self.consistency(),
        });
        let send = |channel, request| async move { registry(channel).get_instance(request).await };
        self.caller.call(Purpose::Read, request, send).await
    }

    /// The instances of a service that `filter` asks for.
    pub async fn resolve(&self, service: &ServiceName, filter: Filter) -> Result<Answer<Instances>, Error> {
        let request = pb::ResolveRequest::from(Resolve {
            service: self.service_key(service),
            filter,
            consistency: self.consistency(),
        });
        let send = |channel, request| async move { registry(channel).resolve(request).await };
        self.caller.call(Purpose::Read, request, send).await
    }

    /// All services of the namespace, in the order of their names. Asks page by page, each with a deadline of
    /// its own; the header is that of the last page.
    pub async fn list_services(&self) -> Result<Answer<Vec<ServiceSummary>>, Error> {
        let mut request = pb::ListServicesRequest::from(ListServices {
            namespace: self.namespace.clone(),
            consistency: self.consistency(),
            page: Page::default(),
        });
        let mut services = Vec::new();
        loop {
            let send = |channel, request| async move { registry(channel).list_services(request).await };
            let answer: Answer<answer::Page<Vec<ServiceSummary>>> =
                self.caller.call(Purpose::Read, request.clone(), send).await?;
            services.extend(answer.value.part);
            if !turn_page(&mut request.page_token, answer.value.next_page_token, &answer.header)? {
                return Ok(Answer {
                    header: answer.header,
                    value: services,
                });
            }
        }
    }

    /// All instances of a service, whatever their state, in the order of their ids. Asks page by page, each
    /// with a deadline of its own; the header is that of the last page.
    pub async fn list_instances(&self, service: &ServiceName) -> Result<Answer<Instances>, Error> {
        let mut request = pb::ListInstancesRequest::from(ListInstances {
            service: self.service_key(service),
            consistency: self.consistency(),
            page: Page::default(),
        });
        let mut value = Instances {
            service_known: false,
            instances: Vec::new(),
        };
        loop {
            let send = |channel, request| async move { registry(channel).list_instances(request).await };
            let answer: Answer<answer::Page<Instances>> =
                self.caller.call(Purpose::Read, request.clone(), send).await?;
            value.service_known |= answer.value.part.service_known;
            value.instances.extend(answer.value.part.instances);
            if !turn_page(&mut request.page_token, answer.value.next_page_token, &answer.header)? {
                return Ok(Answer {
                    header: answer.header,
                    value,
                });
            }
        }
    }

    /// How the member that answers sees itself and the cluster.
    pub async fn status(&self) -> Result<Answer<Status>, Error> {
        let send = |channel, request| async move { ClusterClient::new(channel).status(request).await };
        self.caller.call(Purpose::Read, StatusRequest {}, send).await
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
        };
        let mut token = String::new();
        assert_eq!(turn_page(&mut token, "b".into(), &header), Ok(true));
        assert_eq!(token, "b");
        assert!(turn_page(&mut token, "b".into(), &header).is_err());
        assert_eq!(turn_page(&mut token, String::new(), &header), Ok(false));
    }
}
