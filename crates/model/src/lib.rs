//! Names and values of the registry: newtypes that parse, so that whoever holds one holds a valid one.
//!
//! The bottom of the house: no async, no IO, no protobuf. Everything here is a value, a pure function,
//! or a trait ([`Clock`]) through which a node receives what it must not fetch by itself.

mod address;
mod check;
mod door;
mod endpoint;
mod error;
mod found;
mod guard;
mod identity;
mod ids;
mod instance;
mod key;
mod labels;
mod leadership;
mod lease;
mod names;
mod overrides;
mod pick;
mod query;
mod requirement;
mod selector;
mod settings;
mod spec;
mod standing;
mod time;

pub mod clock;
pub mod envelope;
pub mod limits;
#[cfg(quorate_planted)]
pub mod planted;

pub use address::{Address, AddressKind};
pub use check::{
    Check, CheckState, Checks, EndpointPlace, GrpcProbe, HttpMethod, HttpProbe, HttpProbeParts, Pace, PaceParts, Probe,
    ProbeHeaders, StatusRange, Tls, Vantage, Verdict, assigned, worst_of,
};
pub use clock::Clock;
pub use door::DoorAddress;
pub use endpoint::{Endpoint, Endpoints, Port};
pub use error::InvalidValue;
pub use found::Found;
pub use guard::{GuardCause, GuardScope, GuardTime};
pub use identity::Identity;
pub use ids::{
    ClusterId, Epoch, Generation, Incarnation, JoinNonce, LeaseId, LogIndex, MemberId, Revision, Sequence, StateHash,
    Term,
};
pub use instance::{Instance, InstanceParts};
pub use key::{InstanceKey, ServiceKey};
pub use labels::{Metadata, MetadataIter, Tags};
pub use leadership::Leadership;
pub use lease::{Lapse, Lease, LeaseKind, LeaseTtl, Lifetime, RemoveAfter, Renewal, RequestKey};
pub use names::{
    BodyText, CaPem, CheckName, CheckOutput, GrpcServiceName, HeaderName, HeaderValue, InstanceId, MetadataKey,
    MetadataValue, NamespaceName, OverrideReason, Owner, ProbePath, ProtocolName, RegionName, ServiceName, Tag,
    Version, ZoneName,
};
pub use overrides::{ExpiresAfter, Override, OverrideKind, OverrideKinds, OverrideSpec, OverrideTarget};
pub use pick::{Candidate, HashKey, Policy, pick};
pub use query::{AvailabilitySet, Consistency, Filter, HealthSet, Include, MaxStaleness};
pub use requirement::VersionRequirement;
pub use selector::{Selector, Selectors};
pub use settings::{GuardShare, ProtectMinimum, ServiceSettings, SettingsPatch};
pub use spec::{Holder, InstancePatch, InstanceSpec, Locality, Patch, SpecParts, Takeover};
pub use standing::{Availability, DrainTime, Health, Liveness, Standing, Weight};
pub use time::LogTime;
