//! How a worker writes: in a session, or without.

use quorate_client::{Client, Error, RegisterOptions, Session, SessionOptions, Write as Item};
use quorate_model::{Generation, Takeover};

use super::{
    plan::{Order, Plan},
    translate,
};
use crate::record::{Asked, Availability, Deed, Holder, Key, Outcome, Recorder, Sent, Write};

/// What a worker writes through.
pub(super) struct Writer {
    client: Client,
    /// The owner of its sessions, if it writes in sessions.
    owner: Option<u32>,
    session: Option<Session>,
}

/// Whatever one request is sent through.
enum Through {
    Client(Client),
    Session(Session),
}

// === impl Writer ===

impl Writer {
    pub(super) fn bare(client: Client) -> Self {
        Self {
            client,
            owner: None,
            session: None,
        }
    }

    pub(super) fn in_sessions(client: Client, owner: u32) -> Self {
        Self {
            client,
            owner: Some(owner),
            session: None,
        }
    }

    /// Ends the session, if there is one; the next write opens another.
    pub(super) async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            // A lease that stays behind is used by nobody.
            let _ = session.close().await;
        }
    }

    /// Makes one write and takes it down.
    pub(super) async fn write(&mut self, number: u32, recorder: &Recorder, plan: &mut Plan, order: Order) {
        let Some(through) = self.through().await else { return };
        let order = through.own(order);
        let write = through.write(order, None);
        let ticket = recorder.begin(number, Asked::Write(write));
        let (outcome, is_lost) = match through.send(order).await {
            Ok(done) => (Outcome::Done(done), false),
            Err(error) => translate::failed_write(&error),
        };
        plan.note(order, &outcome);
        recorder.end(ticket, outcome);
        self.drop_if(is_lost);
    }

    /// Makes several writes in one batch and takes each of them down.
    pub(super) async fn write_batch(&mut self, number: u32, recorder: &Recorder, plan: &mut Plan, orders: Vec<Order>) {
        let Some(through) = self.through().await else { return };
        let batch = Some(recorder.next_batch());
        let orders: Vec<Order> = orders.into_iter().map(|order| through.own(order)).collect();
        let begin = |order: &Order| recorder.begin(number, Asked::Write(through.write(*order, batch)));
        let tickets: Vec<_> = orders.iter().map(begin).collect();
        let results = through.send_all(&orders).await;
        for ((order, ticket), result) in orders.into_iter().zip(tickets).zip(results) {
            let (outcome, is_lost) = match result {
                Ok(written) => (translate::written(&written), false),
                Err(error) => translate::failed_write(&error),
            };
            plan.note(order, &outcome);
            recorder.end(ticket, outcome);
            self.drop_if(is_lost);
        }
    }

    fn drop_if(&mut self, is_lost: bool) {
        if is_lost {
            self.session = None;
        }
    }

    /// What to write through; nothing, if a session is wanted and cannot be had.
    async fn through(&mut self) -> Option<Through> {
        let Some(owner) = self.owner else {
            return Some(Through::Client(self.client.clone()));
        };
        if self.session.is_none() {
            let options = SessionOptions {
                owner: Some(translate::owner(owner)),
                ..SessionOptions::default()
            };
            self.session = self.client.open_session(options).await.ok();
        }
        self.session.clone().map(Through::Session)
    }
}

// === impl Through ===

impl Through {
    /// The same order, in the name of the session if there is one.
    fn own(&self, order: Order) -> Order {
        let Order { key, deed } = order;
        match (self, deed) {
            (Self::Session(session), Deed::Register { value, takeover, .. }) => {
                let holder = translate::holder(session.holder()).expect("the owner is one of the workload's");
                let deed = Deed::Register {
                    holder,
                    value,
                    takeover,
                };
                Order { key, deed }
            }
            (Self::Session(_) | Self::Client(_), _) => order,
        }
    }

    fn write(&self, order: Order, batch: Option<u64>) -> Write {
        let Order { key, deed } = order;
        let session = match self {
            Self::Client(_) => None,
            Self::Session(session) => Some(session.lease().get()),
        };
        let sent = Sent { session, batch };
        Write { key, deed, sent }
    }

    async fn send(&self, order: Order) -> Result<crate::record::Done, Error> {
        let Order { key, deed } = order;
        match deed {
            Deed::Register {
                holder,
                value,
                takeover,
            } => self.register(key, self.registration(holder, value, takeover)).await,
            Deed::Update { generation, value } => self.update(key, generation, value).await,
            Deed::Deregister { generation } => self.deregister(key, generation).await,
            Deed::SetAvailability {
                generation,
                availability,
            } => self.set_availability(key, generation, availability).await,
        }
    }

    async fn register(&self, key: Key, registration: RegisterOptions) -> Result<crate::record::Done, Error> {
        let (service, id) = names(key);
        let answer = match self {
            Self::Client(client) => client.register(&service, &id, registration).await,
            Self::Session(session) => session.register(&service, &id, registration).await,
        };
        Ok(translate::registered(&answer?))
    }

    async fn update(&self, key: Key, generation: Option<u64>, value: u64) -> Result<crate::record::Done, Error> {
        let (service, id) = names(key);
        let (generation, patch) = (generation.map(Generation::new), translate::patch(value));
        let answer = match self {
            Self::Client(client) => client.update(&service, &id, generation, patch).await,
            Self::Session(session) => session.update(&service, &id, generation, patch).await,
        };
        Ok(translate::changed(&answer?))
    }

    async fn deregister(&self, key: Key, generation: Option<u64>) -> Result<crate::record::Done, Error> {
        let (service, id) = names(key);
        let generation = generation.map(Generation::new);
        let answer = match self {
            Self::Client(client) => client.deregister(&service, &id, generation).await,
            Self::Session(session) => session.deregister(&service, &id, generation).await,
        };
        Ok(translate::deregistered(&answer?))
    }

    async fn set_availability(
        &self,
        key: Key,
        generation: Option<u64>,
        availability: Availability,
    ) -> Result<crate::record::Done, Error> {
        let (service, id) = names(key);
        let (generation, availability) = (generation.map(Generation::new), availability.into());
        let answer = match self {
            Self::Client(client) => client.set_availability(&service, &id, generation, availability).await,
            Self::Session(session) => session.set_availability(&service, &id, generation, availability).await,
        };
        Ok(translate::changed(&answer?))
    }

    async fn send_all(&self, orders: &[Order]) -> Vec<Result<quorate_client::Written, Error>> {
        let items = orders.iter().map(|order| self.item(*order)).collect();
        match self {
            Self::Client(client) => client.write_batch(items).await,
            Self::Session(session) => session.write_batch(items).await,
        }
    }

    fn item(&self, order: Order) -> Item {
        let Order { key, deed } = order;
        let (service, id) = names(key);
        let generation = deed.generation().map(Generation::new);
        match deed {
            Deed::Register {
                holder,
                value,
                takeover,
            } => Item::register(service, id, self.registration(holder, value, takeover)),
            Deed::Update { value, .. } => Item::update(service, id, generation, translate::patch(value)),
            Deed::Deregister { .. } => Item::deregister(service, id, generation),
            Deed::SetAvailability { availability, .. } => {
                Item::set_availability(service, id, generation, availability.into())
            }
        }
    }

    /// In a session nothing is said of the holder: it is the session that says it.
    fn registration(&self, holder: Holder, value: u64, takeover: bool) -> RegisterOptions {
        let holder = match self {
            Self::Client(_) => holder,
            Self::Session(_) => Holder::default(),
        };
        let mut registration = RegisterOptions::from(translate::spec(holder, value, value));
        if takeover {
            registration.takeover = Takeover::Allowed;
        }
        registration
    }
}

fn names(key: Key) -> (quorate_model::ServiceName, quorate_model::InstanceId) {
    (translate::service(key.service), translate::id(key.id))
}
