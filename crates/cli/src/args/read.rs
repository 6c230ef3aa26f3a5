//! Flags of the verbs that read the catalog.

use clap::Args;
use quorate_model::{
    Consistency, Filter, Include, Selector, Selectors, ServiceName, Tag, VersionRequirement, ZoneName,
};

use super::tag_set;
use crate::failure::Failure;

/// Flags of every verb that reads.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ReadArgs {
    /// How fresh the answer has to be: `linearizable` holds every change that was acknowledged before,
    /// `stale` is what the asked member knows, with or without a quorum.
    #[arg(long, value_parser = consistency, value_name = "MODE", default_value = "linearizable")]
    pub(crate) consistency: Consistency,
}

/// See [`ClientVerb::Resolve`](super::ClientVerb::Resolve).
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// The service.
    pub(crate) service: ServiceName,
    /// The version: exactly this one, or a range such as `^1.2` or `>=1.2, <3`.
    #[arg(long, value_name = "REQ")]
    version: Option<VersionRequirement>,
    /// A tag that the instances have; may be repeated.
    #[arg(long = "tag", value_name = "T")]
    tags: Vec<Tag>,
    /// A condition on the metadata: `k=v`, `k!=v`, `k` (is there) or `!k` (is not there); may be repeated.
    #[arg(long = "meta", value_name = "SEL")]
    metadata: Vec<Selector>,
    /// The zone that the instances run in.
    #[arg(long)]
    zone: Option<ZoneName>,
    /// Draining, disabled and unhealthy ones too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

// === impl ResolveArgs ===

impl ResolveArgs {
    /// Which instances are asked for.
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        let metadata = Selectors::try_from(self.metadata.clone());
        Ok(Filter {
            version: self.version.clone(),
            tags: tag_set(&self.tags)?,
            metadata: metadata.map_err(|problem| Failure::flag("--meta", &problem))?,
            zone: self.zone.clone(),
            include: if self.all { Include::All } else { Include::Available },
            ..Filter::default()
        })
    }
}

fn consistency(text: &str) -> Result<Consistency, String> {
    match text {
        "stale" => Ok(Consistency::Stale),
        "linearizable" => Ok(Consistency::Linearizable),
        _ if text.starts_with("bounded=") || text.starts_with("at-least=") => {
            Err("this mode is not supported yet; use stale or linearizable".to_owned())
        }
        _ => Err("it is none of stale, linearizable".to_owned()),
    }
}
