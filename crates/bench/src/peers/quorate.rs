//! A cluster of Quorate.

use quorate_client::{Client, LeaseOptions, Lifetime, RegisterOptions, Write};
use quorate_model::{Consistency, DoorAddress, Endpoint, InstanceSpec, LeaseId, LeaseTtl, SpecParts};
use quorate_proto::registry::{self as pb, leases_client::LeasesClient};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};
use tonic::transport::{Channel, Endpoint as Server};

use super::{Answered, Renewing, Target, uri};

/// Instances of one service: half as many as it may have.
const INSTANCES_PER_SERVICE: usize = 5_000;

/// The largest answer that is taken, in bytes: that to a full frame is far below.
const ANSWER_LEN_MAX: usize = 16 << 20;

/// Answers that may wait to be counted.
const ANSWERS_WAITING_MAX: usize = 64;

/// A cluster of Quorate, with clients for each member.
pub(crate) struct Quorate {
    doors: Vec<(Client, LeasesClient<Channel>)>,
}

// === impl Quorate ===

impl Quorate {
    pub(crate) fn new(endpoints: &[DoorAddress]) -> Result<Self, String> {
        let door = |first: usize| {
            // The others are there for what is refused for a moment.
            let order = endpoints[first..].iter().chain(&endpoints[..first]).cloned();
            let client = Client::builder().endpoints(order).discover(false).build();
            let server = Server::from_shared(uri(&endpoints[first])).map_err(|error| error.to_string())?;
            let leases = LeasesClient::new(server.connect_lazy()).max_decoding_message_size(ANSWER_LEN_MAX);
            Ok((client.map_err(|error| error.to_string())?, leases))
        };
        let doors: Result<Vec<_>, String> = (0..endpoints.len()).map(door).collect();
        Ok(Self { doors: doors? })
    }

    fn client(&self, door: usize) -> &Client {
        &self.doors[door].0
    }
}

impl Target for Quorate {
    fn doors(&self) -> usize {
        self.doors.len()
    }

    async fn grant(&self, door: usize, ttl: LeaseTtl) -> Result<u64, String> {
        let options = LeaseOptions {
            ttl,
            ..LeaseOptions::default()
        };
        let granted = self.client(door).grant_lease(options).await;
        granted
            .map(|answer| answer.value.lease.get())
            .map_err(|error| error.to_string())
    }

    async fn register(&self, door: usize, behind: usize, leases: &[u64]) -> Result<(), String> {
        let write = |(number, lease): (usize, &u64)| {
            let service = format!("bench-hold-{}", number / INSTANCES_PER_SERVICE);
            let options = RegisterOptions {
                lifetime: Lifetime::Lease(LeaseId::new(*lease)),
                ..RegisterOptions::from(spec(number))
            };
            Write::register(
                service.parse().expect("it is a name"),
                number.to_string().parse().expect("it is a name"),
                options,
            )
        };
        let writes: Vec<Write> = (behind..).zip(leases).map(write).collect();
        let outcomes = self.client(door).write_batch(writes).await;
        let failed = outcomes.into_iter().find_map(Result::err);
        failed.map_or(Ok(()), |error| Err(error.to_string()))
    }

    async fn revoke(&self, door: usize, lease: u64) {
        let _if_it_can = self.client(door).revoke_lease(LeaseId::new(lease)).await;
    }

    fn renew(&self, door: usize) -> Renewing {
        let (frames, waiting) = mpsc::unbounded_channel();
        let (told, answers) = mpsc::channel(ANSWERS_WAITING_MAX);
        let mut pump = JoinSet::new();
        pump.spawn(renew(self.doors[door].1.clone(), waiting, told));
        Renewing {
            frames,
            answers,
            _pump: pump,
        }
    }

    async fn log_index(&self) -> Result<u64, String> {
        let mut highest = 0;
        for (client, _) in &self.doors {
            let status = client.status().await.map_err(|error| error.to_string())?;
            highest = highest.max(status.value.last_log_index.get());
        }
        Ok(highest)
    }

    async fn lapsed(&self, leases: &[u64]) -> Result<u64, String> {
        let client = self.client(0).with_consistency(Consistency::Linearizable);
        let lapsed = client.list_leases(true).await.map_err(|error| error.to_string())?;
        let lapsed = lapsed.value.iter().map(|state| state.lease.id.get());
        Ok(lapsed.filter(|lease| leases.binary_search(lease).is_ok()).count() as u64)
    }
}

/// Counts what each answer says, until there is none: a member that cannot tell is one to be left.
async fn renew(
    mut leases: LeasesClient<Channel>,
    waiting: mpsc::UnboundedReceiver<(u64, Vec<u64>)>,
    told: mpsc::Sender<Answered>,
) {
    let requests = UnboundedReceiverStream::new(waiting);
    let requests = requests.map(|(frame, lease_ids)| pb::KeepAliveRequest { frame, lease_ids });
    let Ok(opened) = leases.keep_alive(requests).await else {
        return;
    };
    let mut stream = opened.into_inner();
    while let Ok(Some(answer)) = stream.message().await {
        if !answer.failure.is_empty() {
            return;
        }
        let is_live = |renewed: &&pb::Renewed| renewed.state() == pb::RenewalState::Live;
        let live = answer.renewed.iter().filter(is_live).count() as u64;
        let answered = Answered {
            frame: answer.frame,
            renewed: live,
            lapsed: answer.renewed.len() as u64 - live,
        };
        if told.send(answered).await.is_err() {
            return;
        }
    }
}

fn spec(number: usize) -> InstanceSpec {
    let [.., a, b, c] = number.to_be_bytes();
    let endpoint = Endpoint {
        address: std::net::IpAddr::from([10, a, b, c]).into(),
        port: 80_u16.try_into().expect("it is a port"),
        protocol: None,
    };
    InstanceSpec::new(SpecParts::new(endpoint.into())).expect("it is small")
}
