//! From messages to answers: a message that says less or other than the contract promises is an error.

use std::time::Duration;

use quorate_model::{Epoch, Found, Generation, InvalidValue, LeaseId, LogIndex, Revision, StateHash, Term};
use quorate_proto::{
    cluster as cluster_pb,
    convert::{Field as _, InvalidField},
    registry as pb,
};

use super::{
    Answer, Calling, Change, Changed, CheckReported, Deregistered, Header, Instances, Leader, LeaseStatus, Member,
    Registered, Role, ServiceSummary, Status,
};

/// A page of a listing, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) part: T,
    /// Empty if this is the last one.
    pub(crate) next_page_token: String,
}

impl<T> Answer<T> {
    pub(crate) fn new(header: Option<pb::ResponseHeader>, value: T) -> Result<Self, InvalidField> {
        let message = header.ok_or_else(|| InvalidField::missing("header", "who answered"))?;
        let header = Header::try_from(message).map_err(|error| error.within("header"))?;
        Ok(Self { header, value })
    }
}

impl TryFrom<pb::ResponseHeader> for Header {
    type Error = InvalidField;

    fn try_from(message: pb::ResponseHeader) -> Result<Self, InvalidField> {
        Ok(Self {
            cluster_id: message.cluster_id.parse().field("cluster_id")?,
            epoch: Epoch::new(message.epoch),
            member_id: message.member_id.try_into().field("member_id")?,
            term: Term::new(message.term),
            revision: Revision::new(message.revision),
            leader: leader(message.leader_id, &message.leader_address)?,
            staleness_ms: message.staleness_ms,
            guards_raised: message.guards_raised,
        })
    }
}

fn leader(id: u64, address: &str) -> Result<Option<Leader>, InvalidField> {
    if id == 0 {
        return Ok(None);
    }
    let address = if address.is_empty() {
        None
    } else {
        Some(address.parse())
    };
    Ok(Some(Leader {
        id: id.try_into().field("leader_id")?,
        address: address.transpose().field("leader_address")?,
    }))
}

impl TryFrom<pb::RegisterResponse> for Answer<Registered> {
    type Error = InvalidField;

    fn try_from(message: pb::RegisterResponse) -> Result<Self, InvalidField> {
        let change = change("change", message.change)?;
        let registered = Registered {
            generation: Generation::new(message.generation),
            change,
            lease: (message.lease_id != 0).then(|| LeaseId::new(message.lease_id)),
        };
        Self::new(message.header, registered)
    }
}

impl TryFrom<pb::UpdateResponse> for Answer<Changed> {
    type Error = InvalidField;

    fn try_from(message: pb::UpdateResponse) -> Result<Self, InvalidField> {
        let (generation, changed) = (Generation::new(message.generation), message.changed);
        Self::new(message.header, Changed { generation, changed })
    }
}

impl TryFrom<pb::SetAvailabilityResponse> for Answer<Changed> {
    type Error = InvalidField;

    fn try_from(message: pb::SetAvailabilityResponse) -> Result<Self, InvalidField> {
        let (generation, changed) = (Generation::new(message.generation), message.changed);
        Self::new(message.header, Changed { generation, changed })
    }
}

/// A report is of the generation that is current, which it does not say.
impl TryFrom<pb::ReportCheckResponse> for Answer<CheckReported> {
    type Error = InvalidField;

    fn try_from(message: pb::ReportCheckResponse) -> Result<Self, InvalidField> {
        let changed = message.changed;
        Self::new(message.header, CheckReported { changed })
    }
}

impl TryFrom<pb::DeregisterResponse> for Answer<Deregistered> {
    type Error = InvalidField;

    fn try_from(message: pb::DeregisterResponse) -> Result<Self, InvalidField> {
        let existed = message.existed;
        Self::new(message.header, Deregistered { existed })
    }
}

impl TryFrom<pb::GetInstanceResponse> for Answer<Found> {
    type Error = InvalidField;

    fn try_from(message: pb::GetInstanceResponse) -> Result<Self, InvalidField> {
        let instance = message
            .instance
            .ok_or_else(|| InvalidField::missing("instance", "the instance"))?;
        let instance = Found::try_from(instance).map_err(|error| error.within("instance"))?;
        Self::new(message.header, instance)
    }
}

impl TryFrom<pb::ResolveResponse> for Answer<Page<Instances>> {
    type Error = InvalidField;

    fn try_from(message: pb::ResolveResponse) -> Result<Self, InvalidField> {
        let part = Instances {
            service_known: message.service_known,
            instances: list("instances", message.instances)?,
            guards: list("guards", message.guards)?,
        };
        let next_page_token = message.next_page_token;
        Self::new(message.header, Page { part, next_page_token })
    }
}

impl TryFrom<pb::ListInstancesResponse> for Answer<Page<Instances>> {
    type Error = InvalidField;

    fn try_from(message: pb::ListInstancesResponse) -> Result<Self, InvalidField> {
        let part = Instances {
            service_known: message.service_known,
            instances: list("instances", message.instances)?,
            guards: Vec::new(),
        };
        let next_page_token = message.next_page_token;
        Self::new(message.header, Page { part, next_page_token })
    }
}

impl TryFrom<pb::ListServicesResponse> for Answer<Page<Vec<ServiceSummary>>> {
    type Error = InvalidField;

    fn try_from(message: pb::ListServicesResponse) -> Result<Self, InvalidField> {
        let part = list("services", message.services)?;
        let next_page_token = message.next_page_token;
        Self::new(message.header, Page { part, next_page_token })
    }
}

impl TryFrom<pb::ServiceSummary> for ServiceSummary {
    type Error = InvalidField;

    fn try_from(message: pb::ServiceSummary) -> Result<Self, InvalidField> {
        Ok(Self {
            name: message.name.try_into().field("name")?,
            instances: message.instances,
            available: message.available,
        })
    }
}

impl TryFrom<cluster_pb::StatusResponse> for Answer<Status> {
    type Error = InvalidField;

    fn try_from(message: cluster_pb::StatusResponse) -> Result<Self, InvalidField> {
        let value = Status {
            role: role(message.role)?,
            version: message.version,
            ready: message.ready,
            last_log_index: LogIndex::new(message.last_log_index),
            applied_index: LogIndex::new(message.applied_index),
            state_hash: message.state_hash.parse::<StateHash>().field("state_hash")?,
            services: message.services,
            instances: message.instances,
            members: list("members", message.members)?,
            read_only: Some(message.read_only).filter(|reason| !reason.is_empty()),
            free_disk_bytes: message.free_disk_bytes,
            leases: message.leases.map(LeaseStatus::from).unwrap_or_default(),
        };
        Self::new(message.header, value)
    }
}

impl From<cluster_pb::LeaseStatus> for LeaseStatus {
    fn from(message: cluster_pb::LeaseStatus) -> Self {
        Self {
            leases: message.leases,
            lapsed: message.lapsed,
            armed: message.armed,
            complete: message.complete,
            renewals: message.renewals,
            uncounted: Duration::from_millis(message.uncounted_ms),
            resets: message.resets,
        }
    }
}

impl TryFrom<cluster_pb::Member> for Member {
    type Error = InvalidField;

    fn try_from(message: cluster_pb::Member) -> Result<Self, InvalidField> {
        Ok(Self {
            id: message.id.try_into().field("id")?,
            peer_address: message.peer_address.parse().field("peer_address")?,
            client_address: message.client_address.parse().field("client_address")?,
            voter: message.voter,
            matched_index: message.matched_index.map(LogIndex::new),
            last_heard_ms: message.last_heard_ms,
            calling: Calling::parse(message.calling)?,
        })
    }
}

pub(super) fn change(field: &'static str, number: i32) -> Result<Change, InvalidField> {
    match pb::RegisterChange::try_from(number) {
        Ok(pb::RegisterChange::Created) => Ok(Change::Created),
        Ok(pb::RegisterChange::Updated) => Ok(Change::Updated),
        Ok(pb::RegisterChange::Unchanged) => Ok(Change::Unchanged),
        Ok(pb::RegisterChange::Replaced) => Ok(Change::Replaced),
        Ok(pb::RegisterChange::Unspecified) | Err(_) => Err(unknown(field, number)),
    }
}

fn role(number: i32) -> Result<Role, InvalidField> {
    match cluster_pb::Role::try_from(number) {
        Ok(cluster_pb::Role::Leader) => Ok(Role::Leader),
        Ok(cluster_pb::Role::Follower) => Ok(Role::Follower),
        Ok(cluster_pb::Role::Candidate) => Ok(Role::Candidate),
        Ok(cluster_pb::Role::Learner) => Ok(Role::Learner),
        Ok(cluster_pb::Role::Stopped) => Ok(Role::Stopped),
        Ok(cluster_pb::Role::Unspecified) | Err(_) => Err(unknown("role", number)),
    }
}

pub(super) fn unknown(field: &'static str, number: i32) -> InvalidField {
    InvalidField::new(
        field,
        InvalidValue::new(field, format!("{number} is not known to this version")),
    )
}

/// Parses a list; what is wrong with an entry is said with its place.
pub(super) fn list<M, T>(field: &str, messages: Vec<M>) -> Result<Vec<T>, InvalidField>
where
    T: TryFrom<M, Error = InvalidField>,
{
    let parse = |(index, message)| T::try_from(message).map_err(|error| error.within(&format!("{field}[{index}]")));
    messages.into_iter().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> pb::ResponseHeader {
        pb::ResponseHeader {
            cluster_id: "0".repeat(31) + "7",
            member_id: 2,
            ..pb::ResponseHeader::default()
        }
    }

    #[test]
    fn a_header_tells_what_is_not_known_apart_from_what_is() {
        let parsed = Header::try_from(header()).unwrap();
        assert_eq!((parsed.leader, parsed.staleness_ms), (None, None));
        let known = pb::ResponseHeader {
            leader_id: 1,
            leader_address: "127.0.0.1:7301".into(),
            staleness_ms: Some(0),
            ..header()
        };
        let parsed = Header::try_from(known).unwrap();
        assert_eq!(parsed.leader.unwrap().address.unwrap().port().get(), 7301);
        assert_eq!(parsed.staleness_ms, Some(0));
    }

    #[test]
    fn an_answer_that_says_too_little_is_refused_by_its_field() {
        let nobody = pb::DeregisterResponse::default();
        assert_eq!(Answer::<Deregistered>::try_from(nobody).unwrap_err().field(), "header");
        let nowhere = pb::ResponseHeader {
            cluster_id: String::new(),
            ..header()
        };
        let message = pb::DeregisterResponse {
            header: Some(nowhere),
            existed: true,
        };
        assert_eq!(
            Answer::<Deregistered>::try_from(message).unwrap_err().field(),
            "header.cluster_id"
        );
        let message = pb::RegisterResponse {
            header: Some(header()),
            generation: 1,
            change: 9,
            lease_id: 0,
        };
        assert_eq!(Answer::<Registered>::try_from(message).unwrap_err().field(), "change");
        let services = vec![
            pb::ServiceSummary {
                name: "a".into(),
                ..Default::default()
            },
            pb::ServiceSummary::default(),
        ];
        let message = pb::ListServicesResponse {
            header: Some(header()),
            services,
            ..Default::default()
        };
        assert_eq!(
            Answer::<Page<Vec<_>>>::try_from(message).unwrap_err().field(),
            "services[1].name"
        );
    }
}
