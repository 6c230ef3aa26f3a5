//! The command line, parsed into values of the model: what is wrong with a value is said before anything is sent.

use std::{collections::BTreeSet, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use quorate_model::{DoorAddress, DrainTime, Generation, InstanceId, LeaseTtl, NamespaceName, ServiceName, Tag, Tags};

use crate::failure::Failure;

mod bench;
mod check;
mod dev;
mod duration;
mod guard;
mod lease;
mod member;
mod operator;
mod pick;
mod read;
mod register;
mod server;
mod snapshot;

pub(crate) use bench::{BenchArgs, BenchVerb, HoldArgs};
pub(crate) use dev::DevArgs;
pub(crate) use guard::{GuardArgs, GuardDropArgs, GuardRaiseArgs, GuardVerb};
pub(crate) use lease::{LeaseArgs, LeaseListArgs, LeaseShowArgs, LeaseVerb};
pub(crate) use member::{AddArgs, MemberArgs, MemberVerb, NamedArgs, PromoteArgs, ReplaceArgs, TransferLeaderArgs};
pub(crate) use operator::{
    OverrideArgs, OverrideClearArgs, OverrideListArgs, OverrideSetArgs, OverrideVerb, ServiceArgs, ServiceSetArgs,
    ServiceShowArgs, ServiceVerb,
};
pub(crate) use pick::PickArgs;
pub(crate) use read::{ReadArgs, ResolveArgs};
pub(crate) use register::RegisterArgs;
pub(crate) use server::ServerArgs;
pub(crate) use snapshot::{RestoreArgs, SaveArgs, SnapshotArgs, SnapshotVerb};

/// Where the flags of every client verb stand in the help.
const GLOBAL: &str = "Global options";

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not found, \
                          4 unavailable or out of time, 5 outcome unknown.";

/// A clustered service registry.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, arg_required_else_help = true, after_help = EXIT_CODES)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every client verb.
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalArgs {
    /// Client doors of members, asked in this order until one answers.
    ///
    /// The default is the door of a server on this machine, then those of `quorate dev`.
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        env = "QUORATE_ENDPOINTS",
        value_name = "ADDR,…",
        value_delimiter = ',',
        default_value = "127.0.0.1:7300,127.0.0.1:7301,127.0.0.1:7302,127.0.0.1:7303"
    )]
    pub(crate) endpoints: Vec<DoorAddress>,
    /// The namespace of the service.
    #[arg(long, global = true, help_heading = GLOBAL, env = "QUORATE_NAMESPACE", value_name = "NS", default_value_t)]
    pub(crate) namespace: NamespaceName,
    /// How answers are printed.
    #[arg(long, short, global = true, help_heading = GLOBAL, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
    /// How long a request may take in all, such as `500ms` or `5s`.
    #[arg(long, global = true, help_heading = GLOBAL, value_parser = duration::parse, value_name = "TIME", default_value = "5s")]
    pub(crate) timeout: Duration,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON object, for programs.
    Json,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a node.
    Server(ServerArgs),
    /// Run a whole cluster on this machine, to develop against.
    Dev(DevArgs),
    #[command(flatten)]
    Client(ClientVerb),
    /// Save the whole state to a file, look into one, or begin a new cluster with one.
    Snapshot(SnapshotArgs),
    /// Measure a cluster.
    Bench(BenchArgs),
    /// Print a script that completes commands in a shell.
    Completion(CompletionArgs),
}

/// What a cluster is to be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientVerb {
    /// Make an instance known, or renew the claim to it.
    Register(Box<RegisterArgs>),
    /// Take an instance out of the catalog.
    ///
    /// Exits with 3 if it was not there.
    Deregister(DeregisterArgs),
    /// Show the instances of a service that may be called now.
    ///
    /// Exits with 3 if nobody has registered the service, and with 0 if it is known but no instance matches.
    Resolve(Box<ResolveArgs>),
    /// Choose one of the instances of a service that may be called now.
    ///
    /// Exits with 3 if nobody has registered the service, or if none can be chosen: an instance of weight 0 never is.
    Pick(Box<PickArgs>),
    /// List the services of the namespace.
    Services(ReadArgs),
    /// List all instances of a service, whatever their state.
    ///
    /// Exits with 3 if nobody has registered the service.
    Instances(InstancesArgs),
    /// Let an instance finish what it has and give it nothing new.
    ///
    /// Exits with 3 if it is not there.
    Drain(DrainArgs),
    /// Let an instance get traffic again.
    ///
    /// Exits with 3 if it is not there.
    Enable(InstanceArgs),
    /// Take an instance out of traffic at once, registered as it is.
    ///
    /// Exits with 3 if it is not there.
    Disable(InstanceArgs),
    /// Decide over the heads of registrants, for one instance or for a zone.
    Override(OverrideArgs),
    /// Show or change how a service is guarded.
    Service(ServiceArgs),
    /// Look at the leases of clients.
    Lease(LeaseArgs),
    /// Look at what keeps answers from collapsing when many leases lapse at once, or decide about it.
    Guard(GuardArgs),
    /// Show how the member that answers sees itself and the cluster.
    Status(StatusArgs),
    /// List the members of the cluster, or change who belongs to it.
    Member(MemberArgs),
    /// Have another voter lead.
    ///
    /// Ends when it does.
    TransferLeader(TransferLeaderArgs),
}

/// Names one instance.
#[derive(Debug, Clone, Args)]
pub(crate) struct InstanceArgs {
    /// The service.
    pub(crate) service: ServiceName,
    /// The id of the instance, unique within the service.
    #[arg(long)]
    pub(crate) id: InstanceId,
}

/// See [`ClientVerb::Drain`].
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// Disable it after this time, such as `30s`. Otherwise it drains without end.
    #[arg(long = "for", value_parser = drain_time, value_name = "TIME")]
    pub(crate) time: Option<DrainTime>,
}

/// See [`ClientVerb::Deregister`].
#[derive(Debug, Args)]
pub(crate) struct DeregisterArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// Only if this is the current generation of its registration.
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<Generation>,
}

/// See [`ClientVerb::Instances`].
#[derive(Debug, Args)]
pub(crate) struct InstancesArgs {
    /// The service.
    pub(crate) service: ServiceName,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// See [`ClientVerb::Status`].
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Exit with 4 unless that member is ready: it has caught up with a leader that a quorum confirms.
    #[arg(long)]
    pub(crate) ready: bool,
}

/// See [`Verb::Completion`].
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell.
    pub(crate) shell: Shell,
}

/// What all `--tag` flags of a verb say together.
fn tag_set(flags: &[Tag]) -> Result<Tags, Failure> {
    let tags: BTreeSet<_> = flags.iter().cloned().collect();
    Tags::try_from(tags).map_err(|problem| Failure::flag("--tag", &problem))
}

fn drain_time(text: &str) -> Result<DrainTime, String> {
    DrainTime::try_from(duration::parse(text)?).map_err(|problem| problem.to_string())
}

fn lease_ttl(text: &str) -> Result<LeaseTtl, String> {
    LeaseTtl::try_from(duration::parse(text)?).map_err(|problem| problem.to_string())
}

#[cfg(test)]
mod tests;
