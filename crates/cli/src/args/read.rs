//! Flags of the verbs that read the catalog.

use clap::Args;
use quorate_model::{Consistency, Selector, ServiceName, Tag, VersionRequirement, ZoneName};

/// Flags of every verb that reads.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ReadArgs {
    /// How fresh the answer has to be: `linearizable` holds every change that was acknowledged before,
    /// `stale` is what the asked member knows, with or without a quorum.
    #[arg(long, value_parser = consistency, value_name = "MODE", default_value = "linearizable")]
    pub(crate) consistency: Consistency,
}

/// See [`Verb::Resolve`](super::Verb::Resolve).
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// The service.
    pub(crate) service: ServiceName,
    /// The version: exactly this one, or a range such as `^1.2` or `>=1.2, <3`.
    #[arg(long, value_name = "REQ")]
    pub(crate) version: Option<VersionRequirement>,
    /// A tag that the instances have; may be repeated.
    #[arg(long = "tag", value_name = "T")]
    pub(crate) tags: Vec<Tag>,
    /// A condition on the metadata: `k=v`, `k!=v`, `k` (is there) or `!k` (is not there); may be repeated.
    #[arg(long = "meta", value_name = "SEL")]
    pub(crate) metadata: Vec<Selector>,
    /// The zone that the instances run in.
    #[arg(long)]
    pub(crate) zone: Option<ZoneName>,
    /// Draining, disabled and unhealthy ones too.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
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
