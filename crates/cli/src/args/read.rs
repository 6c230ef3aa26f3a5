//! Flags of the verbs that read the catalog.

use clap::Args;
use quorate_model::{
    Address, Availability, Consistency, Epoch, Filter, Health, Include, MaxStaleness, Port, ProtocolName, Revision,
    Selector, Selectors, ServiceName, Tag, VersionRequirement, ZoneName,
};

use super::{duration, tag_set};
use crate::failure::Failure;

/// Flags of every verb that reads.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ReadArgs {
    /// How fresh the answer has to be.
    ///
    /// `linearizable` holds every change that was acknowledged before.
    /// `bounded=500ms` is at most so old.
    /// `at-least=REV` or `at-least=EPOCH:REV` holds everything up to that revision.
    /// `stale` is what the asked member knows, with or without a quorum.
    #[arg(long, value_parser = consistency, value_name = "MODE", default_value = "linearizable")]
    pub(crate) consistency: Consistency,
}

/// See [`ClientVerb::Resolve`](super::ClientVerb::Resolve).
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// The service.
    pub(crate) service: ServiceName,
    /// The zone that the instances run in.
    #[arg(long)]
    zone: Option<ZoneName>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// Which instances are asked for.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// The version: exactly this one, or a range such as `^1.2` or `>=1.2, <3`.
    #[arg(long, value_name = "REQ")]
    version: Option<VersionRequirement>,
    /// A tag that the instances have; may be repeated.
    #[arg(long = "tag", value_name = "T")]
    tags: Vec<Tag>,
    /// A condition on the metadata: `k=v`, `k!=v`, `k` (is there) or `!k` (is not there); may be repeated.
    #[arg(long = "meta", value_name = "SEL")]
    metadata: Vec<Selector>,
    /// The address of one of their endpoints.
    #[arg(long, value_name = "HOST")]
    address: Option<Address>,
    /// The port of that endpoint.
    #[arg(long, value_name = "N")]
    port: Option<Port>,
    /// The protocol that it speaks.
    #[arg(long, value_name = "P")]
    protocol: Option<ProtocolName>,
    /// A health that they may have, in place of passing and warning; may be repeated.
    #[arg(long, value_name = "H")]
    health: Vec<Health>,
    /// An availability that they may have, in place of enabled; may be repeated.
    #[arg(long, value_name = "A")]
    availability: Vec<Availability>,
    /// Draining, disabled and unhealthy ones too.
    #[arg(long)]
    all: bool,
}

// === impl ResolveArgs ===

impl ResolveArgs {
    /// Which instances are asked for.
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        Ok(Filter {
            zone: self.zone.clone(),
            ..self.filter.filter()?
        })
    }
}

// === impl FilterArgs ===

impl FilterArgs {
    /// Which instances are asked for, wherever they run.
    pub(super) fn filter(&self) -> Result<Filter, Failure> {
        let metadata = Selectors::try_from(self.metadata.clone());
        Ok(Filter {
            version: self.version.clone(),
            address: self.address.clone(),
            port: self.port,
            protocol: self.protocol.clone(),
            tags: tag_set(&self.tags)?,
            metadata: metadata.map_err(|problem| Failure::flag("--meta", &problem))?,
            zone: None,
            include: if self.all { Include::All } else { Include::Available },
            health: self.health.iter().copied().collect(),
            availability: self.availability.iter().copied().collect(),
        })
    }
}

fn consistency(text: &str) -> Result<Consistency, String> {
    match text.split_once('=') {
        None if text == "stale" => Ok(Consistency::Stale),
        None if text == "linearizable" => Ok(Consistency::Linearizable),
        Some(("bounded", time)) => bounded(time),
        Some(("at-least", seen)) => at_least(seen),
        Some(_) | None => {
            Err("it is none of stale, bounded=TIME, at-least=REV, at-least=EPOCH:REV, linearizable".to_owned())
        }
    }
}

fn bounded(time: &str) -> Result<Consistency, String> {
    let time = duration::parse(time)?;
    let ms = u64::try_from(time.as_millis()).expect("a time on the command line is a day at most");
    let max_staleness = MaxStaleness::from_ms(ms).map_err(|problem| problem.to_string())?;
    Ok(Consistency::Bounded { max_staleness })
}

fn at_least(seen: &str) -> Result<Consistency, String> {
    let refused =
        |problem: quorate_model::InvalidValue| format!("{problem}; write it like at-least=42 or at-least=7:42");
    let (epoch, revision) = match seen.split_once(':') {
        Some((epoch, revision)) => (Some(epoch.parse().map_err(refused)?), revision),
        None => (None, seen),
    };
    if epoch == Some(Epoch::ZERO) {
        return Err("no cluster is in epoch 0; leave it out".to_owned());
    }
    let revision: Revision = revision.parse().map_err(refused)?;
    Ok(Consistency::AtLeast { epoch, revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_consistency_has_its_words() {
        let at_least = |epoch: Option<u64>, revision| Consistency::AtLeast {
            epoch: epoch.map(Epoch::new),
            revision: Revision::new(revision),
        };
        let max_staleness = MaxStaleness::from_ms(500).unwrap();
        for (text, expected) in [
            ("stale", Consistency::Stale),
            ("linearizable", Consistency::Linearizable),
            ("bounded=500ms", Consistency::Bounded { max_staleness }),
            ("at-least=42", at_least(None, 42)),
            ("at-least=7:42", at_least(Some(7), 42)),
        ] {
            assert_eq!(consistency(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_words_that_there_are() {
        for (text, said) in [
            ("Stale", "none of stale, bounded=TIME"),
            ("stale=1", "none of stale"),
            ("bounded", "none of stale"),
            ("bounded=0ms", "500ms"),
            ("bounded=5", "500ms"),
            ("at-least=", "at-least=42"),
            ("at-least=x", "at-least=42"),
            ("at-least=7:", "at-least=7:42"),
            ("at-least=0:42", "no cluster is in epoch 0"),
        ] {
            let refused = consistency(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
