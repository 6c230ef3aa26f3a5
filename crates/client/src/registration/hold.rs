//! What a registration holds at the moment, and everything that is done with it.

use quorate_model::{
    Availability, Consistency, DrainTime, Found, Generation, InstanceId, InstancePatch, InstanceSpec, ServiceName,
    Takeover,
};
use tokio::sync::{Mutex, watch};

use super::{Lost, RegistrationState};
use crate::{Answer, Changed, Client, Error, Reason, RegisterOptions, Session, SessionOptions, Vitality};

/// What the handle and the task behind it share.
#[derive(Debug)]
pub(super) struct Shared {
    client: Client,
    service: ServiceName,
    id: InstanceId,
    session: SessionOptions,
    /// Held while anything is done with the registration: one thing at a time.
    core: Mutex<Core>,
    state: watch::Sender<RegistrationState>,
}

/// What is registered.
#[derive(Debug)]
struct Core {
    /// What is to be registered, should it be necessary again.
    options: RegisterOptions,
    /// What the application wants it to be.
    intent: Intent,
    /// Absent once it is lost or closed.
    hold: Option<Hold>,
}

/// What is wanted of the instance.
#[derive(Debug, Clone, Copy, Default)]
struct Intent {
    availability: Availability,
    /// For how long, if it is to drain; without end, if absent.
    drain: Option<DrainTime>,
}

/// One life of the registration.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    session: Session,
    generation: Generation,
}

/// How an attempt to register anew has failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// For now.
    ForNow,
    /// For good.
    ForGood(Lost),
}

// === impl Shared ===

impl Shared {
    pub(super) async fn open(
        client: Client,
        service: ServiceName,
        id: InstanceId,
        options: RegisterOptions,
        session: SessionOptions,
    ) -> Result<Self, Error> {
        let (state, _) = watch::channel(RegistrationState::Registering);
        let shared = Self {
            client,
            service,
            id,
            session,
            core: Mutex::new(Core {
                options,
                intent: Intent::default(),
                hold: None,
            }),
            state,
        };
        {
            let mut core = shared.core.lock().await;
            core.hold = Some(shared.register(&core.options).await?);
            // Whoever takes it over from us later has a reason.
            core.options.takeover = Takeover::Forbidden;
            shared.tell(&core, Vitality::Live);
        }
        Ok(shared)
    }

    pub(super) fn state(&self) -> watch::Receiver<RegistrationState> {
        self.state.subscribe()
    }

    /// Whether nothing is held any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(
            *self.state.borrow(),
            RegistrationState::Lost { .. } | RegistrationState::Closed
        )
    }

    /// How it is with the lease; nothing, if none is held any more.
    pub(super) async fn vitality(&self) -> Option<watch::Receiver<Vitality>> {
        self.core.lock().await.hold.as_ref()?.session.vitality()
    }

    /// Tells how it is with the lease that is held.
    pub(super) async fn tell_vitality(&self, vitality: Vitality) {
        self.tell(&*self.core.lock().await, vitality);
    }

    pub(super) async fn update(&self, patch: InstancePatch) -> Result<Answer<Changed>, Error> {
        let mut core = self.core.lock().await;
        let spec = core.options.spec.patched(&patch).map_err(|problem| refused(&problem))?;
        let act = async |hold: &Hold| {
            let generation = Some(hold.generation);
            let updating = hold.session.update(&self.service, &self.id, generation, patch.clone());
            updating.await
        };
        let answer = self.act(&mut core, act).await?;
        core.options.spec = spec;
        Ok(answer)
    }

    pub(super) async fn set_availability(
        &self,
        availability: Availability,
        drain: Option<DrainTime>,
    ) -> Result<Answer<Changed>, Error> {
        let mut core = self.core.lock().await;
        let intent = Intent { availability, drain };
        let act = async |hold: &Hold| hold.intend(self, intent).await;
        let answer = self.act(&mut core, act).await?;
        core.intent = intent;
        Ok(answer)
    }

    pub(super) async fn close(&self) -> Result<(), Error> {
        let mut core = self.core.lock().await;
        let Some(hold) = core.hold.take() else {
            return Ok(());
        };
        self.state.send_replace(RegistrationState::Closed);
        let draining = Intent {
            availability: Availability::Draining,
            drain: None,
        };
        if let Err(error @ (Error::Unavailable { .. } | Error::OutcomeUnknown { .. })) =
            hold.intend(self, draining).await
        {
            // Nobody is there to be told the rest either.
            return Err(error);
        }
        let generation = Some(hold.generation);
        let deregistered = hold.session.deregister(&self.service, &self.id, generation).await;
        match deregistered.map_err(|error| (error.reason(), error)) {
            // It is somebody else's by now.
            Ok(_) | Err((Some(Reason::StaleGeneration), _)) => hold.session.close().await,
            // It has gone with its lease.
            Err((Some(Reason::LeaseNotFound), _)) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }

    /// Looks whether the registration is still there, and gives way if it is somebody else's or was taken out.
    pub(super) async fn verify(&self) {
        let mut core = self.core.lock().await;
        if let Some(hold) = core.hold.clone()
            && let Some(lost) = self.look(&hold).await
        {
            self.lose(&mut core, lost);
        }
    }

    /// Registers anew what has gone with its lease; nothing, if that has been seen to already.
    pub(super) async fn recover(&self) -> Result<(), Failed> {
        let mut core = self.core.lock().await;
        match &core.hold {
            Some(hold) if hold.session.is_lost() => self.register_anew(&mut core).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Does something with what is held. If the lease is gone, registers anew and does it then.
    async fn act<T>(
        &self,
        core: &mut Core,
        act: impl AsyncFn(&Hold) -> Result<Answer<T>, Error>,
    ) -> Result<Answer<T>, Error> {
        let hold = core.hold.clone().ok_or_else(|| self.nothing_held())?;
        let error = match act(&hold).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match error.reason() {
            Some(Reason::LeaseNotFound) => {
                if self.register_anew(core).await.is_err() {
                    return Err(error);
                }
                let hold = core.hold.clone().ok_or_else(|| self.nothing_held())?;
                act(&hold).await
            }
            Some(Reason::StaleGeneration | Reason::NotFound) => {
                if let Some(lost) = self.look(&hold).await {
                    self.lose(core, lost);
                }
                Err(error)
            }
            Some(_) | None => Err(error),
        }
    }

    async fn register_anew(&self, core: &mut Core) -> Result<(), Failed> {
        self.state.send_replace(RegistrationState::Registering);
        let outcome = self.try_anew(core).await;
        if let Err(Failed::ForGood(lost)) = &outcome {
            self.lose(core, lost.clone());
        }
        outcome
    }

    async fn try_anew(&self, core: &mut Core) -> Result<(), Failed> {
        let Some(before) = core.hold.clone() else {
            return Ok(());
        };
        // To register over a later run of the same owner would push it aside: who comes back late gives way.
        let confirmed = self.client.with_consistency(Consistency::Linearizable);
        match self.found(&confirmed).await {
            Ok(Some(found)) if found.generation() != before.generation => {
                return Err(Failed::ForGood(before.lost_to(&found)));
            }
            Ok(_) => {}
            Err(_) => return Err(Failed::ForNow),
        }
        let hold = self.register(&core.options).await.map_err(judge)?;
        core.hold = Some(hold.clone());
        self.tell(core, Vitality::Live);
        if core.intent.availability != Availability::Enabled {
            // Should that fail it gets traffic until the application drains it again; not to be there would be worse.
            let _if_it_can = hold.intend(self, core.intent).await;
        }
        Ok(())
    }

    /// Opens a session and registers what it is to keep.
    async fn register(&self, options: &RegisterOptions) -> Result<Hold, Error> {
        let session = self.client.open_session(self.session.clone()).await?;
        let mut parts = options.spec.clone().into_parts();
        parts.holder = session.holder().clone();
        let options = RegisterOptions {
            spec: InstanceSpec::new(parts).map_err(|problem| refused(&problem))?,
            ..options.clone()
        };
        match session.register_kept(&self.service, &self.id, options).await {
            Ok(registered) => Ok(Hold {
                session,
                generation: registered.value.generation,
            }),
            Err(error) => {
                // Nobody needs the lease; if it stays it lapses.
                if matches!(error, Error::Refused { .. }) {
                    let _if_it_can = session.close().await;
                }
                Err(error)
            }
        }
    }

    /// Why the registration is lost, if it is: nothing while it is ours, or cannot be found out.
    async fn look(&self, hold: &Hold) -> Option<Lost> {
        match self.found(&self.client).await {
            // What is older than ours is not the last word.
            Ok(Some(found)) if found.generation() > hold.generation => Some(hold.lost_to(&found)),
            Ok(Some(_)) | Err(_) => None,
            // Gone with its lease, or alone? The lease that is gone is seen to by whoever keeps it.
            Ok(None) => match self.client.get_lease(hold.session.lease()).await {
                Ok(_) => Some(Lost::Deregistered),
                Err(_) => None,
            },
        }
    }

    async fn found(&self, client: &Client) -> Result<Option<Found>, Error> {
        match client.get_instance(&self.service, &self.id).await {
            Ok(answer) => Ok(Some(answer.value)),
            Err(Error::Refused {
                reason: Reason::NotFound,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lose(&self, core: &mut Core, why: Lost) {
        core.hold = None;
        self.state.send_replace(RegistrationState::Lost { why });
    }

    fn tell(&self, core: &Core, vitality: Vitality) {
        let Some(hold) = &core.hold else {
            return;
        };
        let (generation, lease) = (hold.generation, hold.session.lease());
        let state = match vitality {
            Vitality::Live | Vitality::Revived => RegistrationState::Registered { generation, lease },
            Vitality::Late => RegistrationState::Late { generation, lease },
            Vitality::Gone => RegistrationState::Registering,
        };
        self.state.send_if_modified(|known| {
            let is_news = *known != state;
            *known = state;
            is_news
        });
    }

    fn nothing_held(&self) -> Error {
        let why = match &*self.state.borrow() {
            RegistrationState::Lost { why } => format!("the registration of {} is lost: {why}", self.id),
            RegistrationState::Registered { .. }
            | RegistrationState::Late { .. }
            | RegistrationState::Registering
            | RegistrationState::Closed => format!("the registration of {} is closed", self.id),
        };
        Error::Refused {
            reason: Reason::StaleGeneration,
            message: why,
        }
    }
}

// === impl Hold ===

impl Hold {
    async fn intend(&self, shared: &Shared, intent: Intent) -> Result<Answer<Changed>, Error> {
        let (service, id, generation) = (&shared.service, &shared.id, Some(self.generation));
        match intent.drain {
            Some(time) => self.session.drain(service, id, generation, time).await,
            None => {
                self.session
                    .set_availability(service, id, generation, intent.availability)
                    .await
            }
        }
    }

    /// What has become of this one where another generation was found.
    fn lost_to(&self, found: &Found) -> Lost {
        let owner = &found.spec().holder().owner;
        if *owner == self.session.holder().owner {
            let generation = found.generation();
            return Lost::Superseded { generation };
        }
        Lost::Taken { owner: owner.clone() }
    }
}

/// Whether it makes sense to try again.
fn judge(error: Error) -> Failed {
    let is_final = match &error {
        // There may be room again; and a lease that has lapsed before it kept anything is followed by another one.
        Error::Refused { reason, .. } => !matches!(reason, Reason::LimitExceeded | Reason::LeaseLapsed),
        Error::InvalidArgument { .. } => true,
        Error::Unavailable { .. }
        | Error::Deadline { .. }
        | Error::OutcomeUnknown { .. }
        | Error::SessionLost { .. }
        | Error::WrongCluster { .. }
        | Error::BadAnswer { .. } => false,
    };
    match error.reason() {
        _ if !is_final => Failed::ForNow,
        Some(Reason::AlreadyExists) => Failed::ForGood(Lost::Taken { owner: None }),
        Some(_) | None => Failed::ForGood(Lost::Refused { error }),
    }
}

fn refused(problem: &quorate_model::InvalidValue) -> Error {
    Error::InvalidArgument {
        message: problem.to_string(),
    }
}
