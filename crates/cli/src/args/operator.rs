//! Flags of `override` and `service`.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use quorate_model::{
    ExpiresAfter, GuardShare, InstanceId, InstanceKey, LeaseTtl, NamespaceName, OverrideReason, OverrideSpec,
    OverrideTarget, ProtectMinimum, ServiceName, SettingsPatch, Weight, ZoneName,
};

use super::{ReadArgs, duration, lease_ttl};
use crate::failure::Failure;

/// See [`ClientVerb::Override`](super::ClientVerb::Override).
#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    #[command(subcommand)]
    pub(crate) verb: OverrideVerb,
}

/// What is wanted of overrides.
#[derive(Debug, Subcommand)]
pub(crate) enum OverrideVerb {
    /// Decide over the heads of registrants: take an instance or a zone out of traffic, or weigh an instance anew.
    ///
    /// An override needs no instance, and stands until it is cleared or its time is over, whoever registers.
    Set(Box<OverrideSetArgs>),
    /// Take an override back.
    ///
    /// Exits with 3 if it was not there.
    Clear(OverrideClearArgs),
    /// List the overrides of the namespace, or those that touch one service.
    List(OverrideListArgs),
}

/// See [`OverrideVerb::Set`].
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kind").required(true))]
pub(crate) struct OverrideSetArgs {
    /// The service. Only for `--zone-out` it may be left out, which means all services of the namespace.
    #[arg(required_unless_present = "zone_out")]
    service: Option<ServiceName>,
    /// The instance.
    #[arg(long, conflicts_with = "zone_out", required_unless_present = "zone_out")]
    id: Option<InstanceId>,
    /// The instance gets no traffic.
    #[arg(long, group = "kind")]
    disable: bool,
    /// The instance has this weight, 0–65535, whatever it states.
    #[arg(long, value_name = "N", group = "kind")]
    weight: Option<Weight>,
    /// No instance in this zone gets traffic.
    #[arg(long, value_name = "ZONE", group = "kind")]
    zone_out: Option<ZoneName>,
    /// Why, for whoever wonders later.
    #[arg(long, value_name = "TEXT")]
    reason: OverrideReason,
    /// Let it go by itself after this time, such as `30m`, `24h` or `7d`.
    #[arg(long, value_parser = duration::parse_long, value_name = "TIME")]
    expires_after: Option<Duration>,
}

/// See [`OverrideVerb::Clear`].
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kind").required(true))]
pub(crate) struct OverrideClearArgs {
    /// The service. Only for `--zone-out` it may be left out, as it was when that was set.
    #[arg(required_unless_present = "zone_out")]
    service: Option<ServiceName>,
    /// The instance.
    #[arg(long, conflicts_with = "zone_out", required_unless_present = "zone_out")]
    id: Option<InstanceId>,
    /// The override that disables the instance.
    #[arg(long, group = "kind")]
    disable: bool,
    /// The override of the instance's weight.
    #[arg(long, group = "kind")]
    weight: bool,
    /// The override that takes this zone out.
    #[arg(long, value_name = "ZONE", group = "kind")]
    zone_out: Option<ZoneName>,
}

/// See [`OverrideVerb::List`].
#[derive(Debug, Args)]
pub(crate) struct OverrideListArgs {
    /// Only those that touch this service.
    pub(crate) service: Option<ServiceName>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// See [`ClientVerb::Service`](super::ClientVerb::Service).
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    pub(crate) verb: ServiceVerb,
}

/// What is wanted of the settings of a service.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceVerb {
    /// Change settings. What is not given stays.
    Set(ServiceSetArgs),
    /// Show the settings: the defaults, where nobody has set anything.
    Show(ServiceShowArgs),
}

/// See [`ServiceVerb::Set`].
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("setting").required(true).multiple(true))]
pub(crate) struct ServiceSetArgs {
    /// The service, which needs no instance.
    pub(crate) service: ServiceName,
    /// The share of its leases that may lapse at once before it is guarded, such as `20%`.
    #[arg(long, value_parser = share, value_name = "PERCENT", group = "setting")]
    guard_share: Option<GuardShare>,
    /// How long a lease lives that is granted for it without a time, such as `30s`.
    #[arg(long, value_parser = lease_ttl, value_name = "TIME", group = "setting")]
    default_ttl: Option<LeaseTtl>,
    /// How many instances the guard protects at least.
    #[arg(long, value_parser = minimum, value_name = "N", group = "setting")]
    protect_minimum: Option<ProtectMinimum>,
    /// First put everything back to the defaults.
    #[arg(long, group = "setting")]
    pub(crate) reset: bool,
}

/// See [`ServiceVerb::Show`].
#[derive(Debug, Args)]
pub(crate) struct ServiceShowArgs {
    /// The service.
    pub(crate) service: ServiceName,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

// === impl OverrideSetArgs ===

impl OverrideSetArgs {
    /// What is stated, in a namespace.
    pub(crate) fn spec(&self, namespace: &NamespaceName) -> Result<OverrideSpec, Failure> {
        let target = target(namespace, self.service.as_ref(), self.id.as_ref(), self.about())?;
        OverrideSpec::new(target, self.weight, self.reason.clone())
            .map_err(|problem| Failure::flag("--weight", &problem))
    }

    /// How long it is to last, if not for ever.
    pub(crate) fn expires_after(&self) -> Result<Option<ExpiresAfter>, Failure> {
        let time = self.expires_after.map(|time| ExpiresAfter::from_ms(milliseconds(time)));
        time.transpose()
            .map_err(|problem| Failure::flag("--expires-after", &problem))
    }

    fn about(&self) -> About<'_> {
        match (&self.zone_out, self.weight) {
            (Some(zone), _) => About::Zone(zone),
            (None, Some(_)) => About::Weight,
            (None, None) => About::Traffic,
        }
    }
}

// === impl OverrideClearArgs ===

impl OverrideClearArgs {
    /// What was overridden, in a namespace.
    pub(crate) fn target(&self, namespace: &NamespaceName) -> Result<OverrideTarget, Failure> {
        let about = match (&self.zone_out, self.weight) {
            (Some(zone), _) => About::Zone(zone),
            (None, true) => About::Weight,
            (None, false) => About::Traffic,
        };
        target(namespace, self.service.as_ref(), self.id.as_ref(), about)
    }
}

// === impl ServiceSetArgs ===

impl ServiceSetArgs {
    /// What changes.
    pub(crate) fn patch(&self) -> SettingsPatch {
        SettingsPatch {
            guard_share: self.guard_share,
            default_ttl: self.default_ttl,
            protect_minimum: self.protect_minimum,
        }
    }
}

/// What of a service, or of a namespace, is overridden.
#[derive(Clone, Copy)]
enum About<'a> {
    Traffic,
    Weight,
    Zone(&'a ZoneName),
}

fn target(
    namespace: &NamespaceName,
    service: Option<&ServiceName>,
    id: Option<&InstanceId>,
    about: About<'_>,
) -> Result<OverrideTarget, Failure> {
    let instance = || match (service, id) {
        (Some(service), Some(id)) => Ok(InstanceKey {
            namespace: namespace.clone(),
            service: service.clone(),
            id: id.clone(),
        }),
        (None, _) | (_, None) => Err(Failure::Usage("an instance is named by SERVICE and --id".to_owned())),
    };
    Ok(match about {
        About::Traffic => OverrideTarget::Disable { key: instance()? },
        About::Weight => OverrideTarget::Weight { key: instance()? },
        About::Zone(zone) => OverrideTarget::ZoneOut {
            namespace: namespace.clone(),
            service: service.cloned(),
            zone: zone.clone(),
        },
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn share(text: &str) -> Result<GuardShare, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent = number
        .parse()
        .map_err(|_| format!("{text:?} is not a share from 1% to 100%"))?;
    GuardShare::from_percent(percent).map_err(|problem| problem.to_string())
}

fn minimum(text: &str) -> Result<ProtectMinimum, String> {
    let count: u32 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    ProtectMinimum::try_from(count).map_err(|problem| problem.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{
        super::{Cli, ClientVerb, Verb},
        *,
    };

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["quorate"].into_iter().chain(line.split_whitespace()))
    }

    fn set(line: &str) -> OverrideSetArgs {
        match parse(line).unwrap().verb {
            Verb::Client(ClientVerb::Override(OverrideArgs {
                verb: OverrideVerb::Set(args),
            })) => *args,
            verb @ (Verb::Server(_)
            | Verb::Dev(_)
            | Verb::Client(_)
            | Verb::Snapshot(_)
            | Verb::Bench(_)
            | Verb::Completion(_)) => {
                panic!("{verb:?}")
            }
        }
    }

    fn clear(line: &str) -> OverrideClearArgs {
        match parse(line).unwrap().verb {
            Verb::Client(ClientVerb::Override(OverrideArgs {
                verb: OverrideVerb::Clear(args),
            })) => args,
            verb @ (Verb::Server(_)
            | Verb::Dev(_)
            | Verb::Client(_)
            | Verb::Snapshot(_)
            | Verb::Bench(_)
            | Verb::Completion(_)) => {
                panic!("{verb:?}")
            }
        }
    }

    #[test]
    fn what_is_set_is_cleared_by_the_same_words() {
        let namespace = NamespaceName::default();
        for (words, shown) in [
            ("web --id a --disable", "disable default/web/a"),
            ("web --zone-out eu-1", "zone-out default/web/eu-1"),
            ("--zone-out eu-1", "zone-out default/*/eu-1"),
        ] {
            let spec = set(&format!("override set {words} --reason because"));
            let target = spec.spec(&namespace).unwrap().target().clone();
            assert_eq!(target.to_string(), shown);
            let cleared = clear(&format!("override clear {words}")).target(&namespace).unwrap();
            assert_eq!(cleared, target);
        }
        let weight = set("override set web --id a --weight 7 --reason because --expires-after 7d");
        assert_eq!(weight.spec(&namespace).unwrap().weight(), Some(Weight::new(7)));
        assert_eq!(weight.expires_after().unwrap().unwrap().as_ms(), 7 * 24 * 3_600_000);
        let cleared = clear("override clear web --id a --weight").target(&namespace).unwrap();
        assert_eq!(cleared, *weight.spec(&namespace).unwrap().target());
    }

    #[test]
    fn an_override_has_one_kind_and_what_belongs_to_it() {
        for line in [
            "override set web --id a --reason r",
            "override set web --id a --disable",
            "override set web --id a --disable --weight 3 --reason r",
            "override set web --disable --reason r",
            "override set --id a --disable --reason r",
            "override set web --id a --zone-out z --reason r",
            "override set web --id a --disable --reason r --expires-after 366d",
            "override clear web --id a",
            "override clear web --zone-out z --disable",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn settings_are_given_as_they_are_spoken_of() {
        let patch = |line: &str| match parse(line).unwrap().verb {
            Verb::Client(ClientVerb::Service(ServiceArgs {
                verb: ServiceVerb::Set(args),
            })) => args.patch(),
            verb @ (Verb::Server(_)
            | Verb::Dev(_)
            | Verb::Client(_)
            | Verb::Snapshot(_)
            | Verb::Bench(_)
            | Verb::Completion(_)) => {
                panic!("{verb:?}")
            }
        };
        let said = patch("service set web --guard-share 20% --default-ttl 30s --protect-minimum 2");
        assert_eq!(said.guard_share.unwrap().as_percent(), 20);
        assert_eq!(said.default_ttl.unwrap().as_ms(), 30_000);
        assert_eq!(said.protect_minimum.unwrap().get(), 2);
        assert_eq!(patch("service set web --guard-share 20").guard_share, said.guard_share);
        assert_eq!(patch("service set web --reset"), SettingsPatch::default());
        for line in [
            "service set web",
            "service set web --guard-share 0",
            "service set web --guard-share 101%",
            "service set web --default-ttl 1s",
            "service set web --protect-minimum 10001",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
