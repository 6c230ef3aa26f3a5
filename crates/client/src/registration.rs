//! A registration that looks after itself, for as long as the process lives.

use std::{mem, sync::Arc};

use quorate_model::{
    Availability, DrainTime, Generation, InstanceId, InstancePatch, LeaseId, LeaseTtl, Owner, RemoveAfter, ServiceName,
};
use tokio::{runtime::Handle, sync::watch, task::JoinSet};

use crate::{Answer, Changed, Client, Error, RegisterOptions, SessionOptions};

mod hold;
mod supervision;
#[cfg(test)]
mod tests;

use hold::Shared;

/// Puts a [`Registration`] together; made by [`Client::registration`].
#[derive(Debug, Clone)]
pub struct RegistrationBuilder {
    client: Client,
    service: ServiceName,
    id: InstanceId,
    options: RegisterOptions,
    owner: Option<Owner>,
    ttl: LeaseTtl,
    remove_after: Option<RemoveAfter>,
}

/// An instance that is registered while this is there.
///
/// It is kept by a lease of its own, which is renewed in the background, so that it leaves default answers soon after
/// the process dies. What happens to the cluster meanwhile is no concern of the application: renewals go on through
/// whichever member answers, over elections, restarts of all members, and members that come and go. If the lease expires
/// nevertheless, because nobody could be reached for too long, the instance is registered anew: with the content that it
/// had last, by the same owner, in a new generation.
///
/// ```no_run
/// # use quorate_client::{Client, RegisterOptions, model::InstanceSpec};
/// # async fn example(client: Client, spec: InstanceSpec) -> Result<(), Box<dyn std::error::Error>> {
/// let registration = client
///     .registration("payments".parse()?, "payments-1".parse()?, spec.into())
///     .owner("pod-7".parse()?)
///     .open()
///     .await?;
/// let mut state = registration.state();
/// println!("{:?}", *state.borrow_and_update());
/// // ... and when the process is told to end:
/// registration.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Fencing
///
/// Whatever it does carries the generation that it has registered, and has no effect on any other. If somebody else has
/// the id by now, another owner or a later run of the same one, it gives way for good and says so:
/// [`RegistrationState::Lost`]. It finds that out when it writes, when its lease is gone or has come back, and otherwise
/// once a minute. State an owner: without one, the runs of all who state none are taken for runs of the same.
///
/// # The end
///
/// [`close`](Self::close) takes the instance out at once, and tells what came of it. One that is dropped is taken out too
/// if its runtime goes on, as well as that can be done without anybody waiting for it; if not, its lease lapses.
#[derive(Debug)]
#[must_use = "the instance is deregistered when this is dropped"]
pub struct Registration {
    shared: Arc<Shared>,
    /// Ends the task when it is dropped.
    supervision: JoinSet<()>,
}

/// How it is with a [`Registration`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationState {
    /// It is registered, and its lease lives.
    Registered {
        /// Its generation.
        generation: Generation,
        /// Its lease.
        lease: LeaseId,
    },
    /// No member has renewed its lease within the time to live: it may have left default answers. It is tried on, and it
    /// is back as soon as a member answers.
    Late {
        /// Its generation.
        generation: Generation,
        /// Its lease.
        lease: LeaseId,
    },
    /// Its lease is gone. It is being registered anew, until that works.
    Registering,
    /// It is not registered any more, and will not be: somebody has decided so. The handle does nothing any more.
    Lost {
        /// Who, and how.
        why: Lost,
    },
    /// It was closed.
    Closed,
}

/// Why a [`Registration`] is no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// Another owner has the id.
    #[error("the id belongs to {}", .owner.as_ref().map_or("another owner", Owner::as_str))]
    Taken {
        /// Who, if stated.
        owner: Option<Owner>,
    },
    /// A later run of the same owner has registered the id.
    #[error("a later run of the same owner has registered the id, generation {generation}")]
    Superseded {
        /// The generation of that one.
        generation: Generation,
    },
    /// Somebody has deregistered it.
    #[error("somebody has deregistered the instance")]
    Deregistered,
    /// The cluster refuses to register it anew.
    #[error("the cluster does not take it any more: {error}")]
    Refused {
        /// What it said.
        error: Error,
    },
}

// === impl Client ===

impl Client {
    /// Begins a registration that looks after itself: see [`Registration`]. Its lifetime is that of the handle, whatever
    /// the options state.
    #[must_use]
    pub fn registration(&self, service: ServiceName, id: InstanceId, options: RegisterOptions) -> RegistrationBuilder {
        RegistrationBuilder {
            client: self.clone(),
            service,
            id,
            owner: options.spec.holder().owner.clone(),
            options,
            ttl: LeaseTtl::default(),
            remove_after: None,
        }
    }
}

// === impl RegistrationBuilder ===

impl RegistrationBuilder {
    /// Who registers, by a name that is the same after a restart: the name of a pod, say. In place of the one that the
    /// options state.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// How long the instance stays in default answers when the process has died: 15 s otherwise.
    #[must_use]
    pub fn ttl(mut self, ttl: LeaseTtl) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long it can come back after it has lapsed without being registered anew; twice the time to live otherwise.
    #[must_use]
    pub fn remove_after(mut self, remove_after: RemoveAfter) -> Self {
        self.remove_after = Some(remove_after);
        self
    }

    /// Registers the instance, and keeps it from then on.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ALREADY_EXISTS` if another owner holds the id and the options do not take it over, with
    /// `LIMIT_EXCEEDED` if there are too many. After [`Error::OutcomeUnknown`] the instance may be there until its lease
    /// has expired; it is safe to try again.
    pub async fn open(self) -> Result<Registration, Error> {
        let session = SessionOptions {
            owner: self.owner,
            ttl: self.ttl,
            remove_after: self.remove_after,
            keep_alive: true,
        };
        let shared = Shared::open(self.client, self.service, self.id, self.options, session).await?;
        let shared = Arc::new(shared);
        let mut supervision = JoinSet::new();
        supervision.spawn(supervision::supervise(Arc::clone(&shared)));
        Ok(Registration { shared, supervision })
    }
}

// === impl Registration ===

impl Registration {
    /// How it is, and how it goes on.
    pub fn state(&self) -> watch::Receiver<RegistrationState> {
        self.shared.state()
    }

    /// Changes parts of the instance. What is changed stays so if it has to be registered anew.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `STALE_GENERATION` or `NOT_FOUND` if the registration is lost, see
    /// [`state`](Self::state); otherwise those of [`Client::update`].
    pub async fn update(&self, patch: InstancePatch) -> Result<Answer<Changed>, Error> {
        self.shared.update(patch).await
    }

    /// Lets the instance finish what it has and gives it nothing new: without end, or for so long in the time of the
    /// cluster, after which it is disabled.
    ///
    /// # Errors
    ///
    /// Those of [`update`](Self::update).
    pub async fn drain(&self, time: Option<DrainTime>) -> Result<Answer<Changed>, Error> {
        self.shared.set_availability(Availability::Draining, time).await
    }

    /// Lets the instance get traffic again after a drain.
    ///
    /// # Errors
    ///
    /// Those of [`update`](Self::update).
    pub async fn enable(&self) -> Result<Answer<Changed>, Error> {
        self.shared.set_availability(Availability::Enabled, None).await
    }

    /// Takes the instance out: it drains, so that it gets nothing new even if the rest fails, is deregistered, and its
    /// lease is ended. One that is lost has nothing to be taken out, which is no error.
    ///
    /// # Errors
    ///
    /// After [`Error::Unavailable`] and [`Error::OutcomeUnknown`] the instance may still be there: it leaves default
    /// answers when its lease lapses, and goes when that expires.
    pub async fn close(mut self) -> Result<(), Error> {
        self.supervision.shutdown().await;
        self.shared.close().await
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.shared.is_over() {
            return;
        }
        // Without a runtime nobody can be told; the lease lapses.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (shared, mut supervision) = (Arc::clone(&self.shared), mem::take(&mut self.supervision));
        // What comes of it concerns nobody any more; it takes a few deadlines of the client at most.
        drop(runtime.spawn(async move {
            supervision.shutdown().await;
            let _unheard = shared.close().await;
        }));
    }
}
