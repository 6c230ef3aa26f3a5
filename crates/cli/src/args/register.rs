//! Flags of `register`.

use clap::Args;
use quorate_client::{Lifetime, RegisterOptions};
use quorate_model::{
    Address, Endpoint, Holder, InstanceSpec, LeaseTtl, Locality, Metadata, Owner, Port, ProtocolName, SpecParts, Tag,
    Takeover, Version, Weight, ZoneName,
};

use super::{InstanceArgs, check::CheckArgs, lease_ttl, tag_set};
use crate::failure::Failure;

/// See [`ClientVerb::Register`](super::ClientVerb::Register).
#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// Where it is reached: an IP address or a host name.
    #[arg(long, value_name = "HOST")]
    address: Address,
    /// The port there.
    #[arg(long, value_name = "N")]
    port: Port,
    /// The protocol spoken there, such as `grpc`.
    #[arg(long, value_name = "P")]
    protocol: Option<ProtocolName>,
    /// The version that it runs.
    #[arg(long, value_name = "V")]
    version: Option<Version>,
    /// The zone that it runs in.
    #[arg(long)]
    zone: Option<ZoneName>,
    /// Its share of the traffic relative to its fellows.
    #[arg(long, value_name = "N", default_value_t)]
    weight: Weight,
    /// A word to select by; may be repeated.
    #[arg(long = "tag", value_name = "T")]
    tags: Vec<Tag>,
    /// Data to select by; may be repeated.
    #[arg(long = "meta", value_name = "K=V", value_parser = key_and_value)]
    metadata: Vec<(String, String)>,
    /// A stable name of who registers it; another owner does not get the id then.
    #[arg(long, value_name = "O")]
    owner: Option<Owner>,
    /// Take the id over from another owner.
    #[arg(long)]
    takeover: bool,
    /// Let it lapse when it is not renewed for so long, such as `15s`. To register the same again renews it.
    #[arg(long, value_name = "TIME", value_parser = lease_ttl, conflicts_with = "persistent")]
    pub(crate) ttl: Option<LeaseTtl>,
    /// Keep it until it is deregistered: the default.
    #[arg(long)]
    persistent: bool,
    /// Stay, and keep it registered until the command is told to end (SIGINT, SIGTERM or SIGHUP); then deregister it.
    ///
    /// It lapses 15 s after the command has died, or after the time of --ttl.
    #[arg(long, conflicts_with = "persistent")]
    pub(crate) keep_alive: bool,
    #[command(flatten)]
    check: CheckArgs,
}

// === impl RegisterArgs ===

impl RegisterArgs {
    /// What is to be registered.
    pub(crate) fn registration(&self) -> Result<RegisterOptions, Failure> {
        let endpoint = Endpoint {
            address: self.address.clone(),
            port: self.port,
            protocol: self.protocol.clone(),
        };
        let parts = SpecParts {
            endpoints: endpoint.into(),
            version: self.version.clone(),
            weight: self.weight,
            locality: Locality {
                region: None,
                zone: self.zone.clone(),
            },
            metadata: self.metadata()?,
            tags: tag_set(&self.tags)?,
            holder: Holder {
                owner: self.owner.clone(),
                incarnation: None,
            },
            checks: self.check.checks()?,
        };
        Ok(RegisterOptions {
            spec: InstanceSpec::new(parts).map_err(|problem| Failure::Usage(problem.to_string()))?,
            takeover: if self.takeover {
                Takeover::Allowed
            } else {
                Takeover::Forbidden
            },
            lifetime: self.lifetime(),
        })
    }

    fn metadata(&self) -> Result<Metadata, Failure> {
        let pairs = self.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Metadata::parse(pairs).map_err(|problem| Failure::flag("--meta", &problem))
    }

    fn lifetime(&self) -> Lifetime {
        self.ttl.map_or(Lifetime::Persistent, Lifetime::Ttl)
    }
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
