//! How a worker asks.

use quorate_client::{Builder, Client, Error, Reason};
use quorate_model::{Consistency, Filter, MaxStaleness, Revision};

use super::translate;
use crate::record::{About, Asked, Freshness, Outcome, Read, Recorder, Refusal, Shown};

/// A client, and what it has been shown.
pub(super) struct Seat {
    client: Client,
    /// The highest revision of its answers.
    seen: u64,
}

// === impl Seat ===

impl Seat {
    pub(super) fn new(builder: Builder) -> Self {
        let client = builder.build().expect("the builder of a workload has endpoints");
        Self { client, seen: 0 }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks, takes down the answer, and gives it back if there is one. If nothing is said of its freshness, it is at
    /// least as fresh as what this client has been shown before.
    pub(super) async fn ask(
        &mut self,
        recorder: &Recorder,
        number: u32,
        about: About,
        freshness: Option<Freshness>,
        is_final: bool,
    ) -> Option<Shown> {
        let (client, freshness) = match freshness {
            Some(freshness) => (self.client.with_consistency(consistency(freshness)), freshness),
            None if self.seen == 0 => (self.client.clone(), Freshness::Stale),
            None => (self.client.clone(), Freshness::AtLeast(self.seen)),
        };
        let ticket = recorder.begin(number, Asked::Read(Read::new(about, freshness, is_final)));
        let outcome = match read(&client, about).await {
            Ok(shown) => Outcome::Shown(shown),
            Err(error) => failure(&error),
        };
        let shown = match &outcome {
            Outcome::Shown(shown) => Some(shown.clone()),
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::NotDone | Outcome::Unknown => None,
        };
        recorder.end(ticket, outcome);
        let revision = shown.as_ref().and_then(|shown| shown.header);
        self.seen = self.seen.max(revision.map_or(0, |header| header.revision));
        shown
    }
}

async fn read(client: &Client, about: About) -> Result<Shown, Error> {
    match about {
        About::Instance(key) => match client
            .get_instance(&translate::service(key.service), &translate::id(key.id))
            .await
        {
            Ok(answer) => Ok(translate::one(&answer)),
            Err(Error::Refused {
                reason: Reason::NotFound,
                ..
            }) => Ok(translate::none()),
            Err(error) => Err(error),
        },
        About::Instances(service) => {
            let answer = client.list_instances(&translate::service(service)).await?;
            Ok(translate::many(&answer))
        }
        About::Callable(service) => {
            let answer = client.resolve(&translate::service(service), Filter::default()).await?;
            Ok(translate::many(&answer))
        }
    }
}

fn failure(error: &Error) -> Outcome {
    match error.reason() {
        Some(Reason::RevisionAhead) => Outcome::Refused(Refusal::RevisionAhead),
        Some(_) | None => Outcome::Unknown,
    }
}

fn consistency(freshness: Freshness) -> Consistency {
    match freshness {
        Freshness::Stale => Consistency::Stale,
        Freshness::Bounded(ms) => Consistency::Bounded {
            max_staleness: MaxStaleness::from_ms(ms).expect("a bound is at least 1 ms"),
        },
        Freshness::AtLeast(revision) => Consistency::AtLeast {
            epoch: None,
            revision: Revision::new(revision),
        },
        Freshness::Linearizable => Consistency::Linearizable,
    }
}
