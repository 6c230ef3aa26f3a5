//! Flags of `guard`.

use clap::{Args, Subcommand};
use quorate_model::{GuardScope, GuardTime, NamespaceName, ServiceKey, ServiceName, ZoneName};

use super::{ReadArgs, duration};

/// See [`ClientVerb::Guard`](super::ClientVerb::Guard).
#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    #[command(subcommand)]
    pub(crate) verb: GuardVerb,
}

/// What is wanted of guards.
#[derive(Debug, Subcommand)]
pub(crate) enum GuardVerb {
    /// List the guards that are raised in the whole cluster.
    List(ReadArgs),
    /// Raise a guard by hand, before leases lapse: for work on a network, say.
    ///
    /// While it is raised, instances whose leases lapse stay in default answers, as suspect ones, and none expires. One
    /// that is raised already lasts for as long as is asked for from now on.
    Raise(GuardRaiseArgs),
    /// Drop a guard: what is suspect by it leaves default answers.
    ///
    /// Exits with 3 if it was not raised.
    Drop(GuardDropArgs),
}

/// What is guarded: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ScopeArgs {
    /// One service of the namespace.
    #[arg(long, value_name = "S")]
    service: Option<ServiceName>,
    /// The instances in a zone, of whatever namespace.
    #[arg(long, value_name = "Z")]
    zone: Option<ZoneName>,
    /// All services of the namespace.
    #[arg(long)]
    of_namespace: bool,
    /// Everything.
    #[arg(long)]
    cluster: bool,
}

/// See [`GuardVerb::Raise`].
#[derive(Debug, Args)]
pub(crate) struct GuardRaiseArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Let it drop by itself after this time at most.
    #[arg(long = "for", value_parser = guard_time, value_name = "TIME", default_value = "10m")]
    pub(crate) time: GuardTime,
}

/// See [`GuardVerb::Drop`].
#[derive(Debug, Args)]
pub(crate) struct GuardDropArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

// === impl ScopeArgs ===

impl ScopeArgs {
    /// What is guarded, where a namespace has a say in it.
    pub(crate) fn scope(&self, namespace: &NamespaceName) -> GuardScope {
        match (&self.service, &self.zone) {
            (Some(service), _) => GuardScope::Service(ServiceKey {
                namespace: namespace.clone(),
                service: service.clone(),
            }),
            (None, Some(zone)) => GuardScope::Zone(zone.clone()),
            (None, None) if self.of_namespace => GuardScope::Namespace(namespace.clone()),
            (None, None) => GuardScope::Cluster,
        }
    }
}

fn guard_time(text: &str) -> Result<GuardTime, String> {
    let ms = u64::try_from(duration::parse(text)?.as_millis()).unwrap_or(u64::MAX);
    GuardTime::from_ms(ms).map_err(|problem| problem.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{
        super::{Cli, ClientVerb, Verb},
        *,
    };

    fn raise(line: &str) -> Option<GuardRaiseArgs> {
        let cli = Cli::try_parse_from(["quorate", "guard", "raise"].into_iter().chain(line.split_whitespace()));
        match cli.ok()?.verb {
            Verb::Client(ClientVerb::Guard(GuardArgs {
                verb: GuardVerb::Raise(args),
            })) => Some(args),
            verb @ (Verb::Server(_)
            | Verb::Dev(_)
            | Verb::Client(_)
            | Verb::Snapshot(_)
            | Verb::Bench(_)
            | Verb::Completion(_)) => panic!("{verb:?}"),
        }
    }

    #[test]
    fn a_guard_is_for_one_scope() {
        let namespace = "shop".parse().unwrap();
        for (line, scope) in [
            ("--service web", "service shop/web"),
            ("--zone eu-1", "zone eu-1"),
            ("--of-namespace", "namespace shop"),
            ("--cluster", "cluster"),
        ] {
            assert_eq!(raise(line).unwrap().scope.scope(&namespace).to_string(), scope);
        }
        for line in [
            "",
            "--service web --cluster",
            "--zone a --of-namespace",
            "--cluster --for 25h",
        ] {
            assert!(raise(line).is_none(), "{line}");
        }
        assert_eq!(raise("--cluster").unwrap().time, GuardTime::default());
        assert_eq!(raise("--cluster --for 2h").unwrap().time.as_ms(), 7_200_000);
    }
}
