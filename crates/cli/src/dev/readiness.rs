//! Whether members have come about, asked the way any client would.

use std::{net::SocketAddr, time::Duration};

use quorate_client::{Answer, Client, Error, Status};
use quorate_model::{DoorAddress, InstanceId, ServiceName};

use super::plan::Plan;
use crate::failure::Failure;

/// How long one question may take: it is asked again anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// The service of the instance that is taken out to see whether changes are accepted. Nobody registers it.
const PROBED: &str = "quorate-dev-probe";

/// A client for each member, and one for them all.
pub(super) struct Readiness {
    members: Vec<Client>,
    cluster: Client,
}

// === impl Readiness ===

impl Readiness {
    /// Asks the member with this number only.
    pub(super) fn of(plan: &Plan, number: u8) -> Result<Self, Failure> {
        Self::at(&[plan.client_door(number)])
    }

    /// Asks all members.
    pub(super) fn of_all(plan: &Plan) -> Result<Self, Failure> {
        let doors: Vec<_> = (1..=plan.nodes()).map(|number| plan.client_door(number)).collect();
        Self::at(&doors)
    }

    fn at(doors: &[SocketAddr]) -> Result<Self, Failure> {
        let members: Result<Vec<_>, _> = doors.iter().map(|door| client(&[*door])).collect();
        Ok(Self {
            members: members?,
            cluster: client(doors)?,
        })
    }

    /// Whether the members have their ids; what is missing otherwise.
    pub(super) async fn has_id(&self) -> Result<(), String> {
        for member in &self.members {
            member.status().await.map_err(said)?;
        }
        Ok(())
    }

    /// Whether every member is a voter that serves, and the cluster takes changes; what is missing otherwise.
    pub(super) async fn is_ready(&self) -> Result<(), String> {
        for member in &self.members {
            check(&member.status().await.map_err(said)?)?;
        }
        let service = ServiceName::try_from(PROBED).expect("it is a name");
        let id = InstanceId::try_from(std::process::id().to_string()).expect("digits are a name");
        self.cluster.deregister(&service, &id, None).await.map_err(said)?;
        Ok(())
    }
}

fn check(answer: &Answer<Status>) -> Result<(), String> {
    let id = answer.header.member_id;
    let is_voter = answer
        .value
        .members
        .iter()
        .any(|member| member.id == id && member.voter);
    match (answer.value.ready, is_voter) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("member {id} is not ready")),
        (true, false) => Err(format!("member {id} is not a voter yet")),
    }
}

fn client(doors: &[SocketAddr]) -> Result<Client, Failure> {
    let doors: Result<Vec<_>, _> = doors.iter().copied().map(DoorAddress::try_from).collect();
    let doors = doors.map_err(|problem| Failure::flag("--base-port", &problem))?;
    let client = Client::builder()
        .endpoints(doors.iter().cloned())
        .deadline(PATIENCE)
        .discover(false)
        .build();
    client.map_err(|error| Failure::of_request(&error, &doors))
}

#[expect(clippy::needless_pass_by_value, reason = "the end of a chain")]
fn said(error: Error) -> String {
    error.to_string()
}
