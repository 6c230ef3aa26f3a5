//! Flags of `pick`.

use std::str::FromStr;

use clap::Args;
use quorate_model::{Filter, HashKey, Policy, RegionName, ServiceName, ZoneName};

use super::{ReadArgs, read::FilterArgs};
use crate::failure::Failure;

/// See [`ClientVerb::Pick`](super::ClientVerb::Pick).
#[derive(Debug, Args)]
pub(crate) struct PickArgs {
    /// The service.
    pub(crate) service: ServiceName,
    /// How to choose: `random`, `round-robin`, `weighted`, `hash=KEY` (the same key, the same instance), or `zone`
    /// (the caller's zone first, then its region, then all, by weight).
    #[arg(long, value_name = "POLICY", default_value = "random")]
    policy: PolicyName,
    /// The caller's zone, for the policy `zone`.
    #[arg(long)]
    zone: Option<ZoneName>,
    /// The caller's region, for the policy `zone`.
    #[arg(long)]
    region: Option<RegionName>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// A policy, as it is named on the command line.
#[derive(Debug, Clone)]
enum PolicyName {
    Random,
    RoundRobin,
    Weighted,
    Hash(HashKey),
    Zone,
}

// === impl PickArgs ===

impl PickArgs {
    /// Among which instances is chosen.
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        self.filter.filter()
    }

    /// How to choose.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        let policy = match (&self.policy, &self.zone) {
            (PolicyName::Zone, Some(zone)) => {
                return Ok(Policy::ZoneFirst {
                    zone: zone.clone(),
                    region: self.region.clone(),
                });
            }
            (PolicyName::Zone, None) => {
                return Err(Failure::Usage("--policy zone: give the caller's --zone too".to_owned()));
            }
            (PolicyName::Random, _) => Policy::Random,
            (PolicyName::RoundRobin, _) => Policy::RoundRobin,
            (PolicyName::Weighted, _) => Policy::Weighted,
            (PolicyName::Hash(key), _) => Policy::ConsistentHash(key.clone()),
        };
        if self.zone.is_some() || self.region.is_some() {
            let problem = "--zone, --region: only --policy zone looks at where the caller is";
            return Err(Failure::Usage(problem.to_owned()));
        }
        Ok(policy)
    }
}

// === impl PolicyName ===

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "random" => Ok(Self::Random),
            None if text == "round-robin" => Ok(Self::RoundRobin),
            None if text == "weighted" => Ok(Self::Weighted),
            None if text == "zone" => Ok(Self::Zone),
            None if text == "least-load" => Err("instances do not report their load yet; use weighted".to_owned()),
            Some(("hash", key)) => {
                let key = HashKey::try_from(key.as_bytes().to_vec());
                key.map(Self::Hash).map_err(|problem| problem.to_string())
            }
            Some(_) | None => Err("it is none of random, round-robin, weighted, hash=KEY, zone".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, ClientVerb, Verb};
    use super::*;

    fn policy(flags: &str) -> Result<Policy, String> {
        let words = ["quorate", "pick", "payments"]
            .into_iter()
            .chain(flags.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        let Verb::Client(ClientVerb::Pick(args)) = cli.verb else {
            panic!("not pick")
        };
        args.policy().map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_policy_says_what_its_flags_say() {
        let zone_first = |region: Option<&str>| Policy::ZoneFirst {
            zone: "a".parse().unwrap(),
            region: region.map(|region| region.parse().unwrap()),
        };
        for (flags, expected) in [
            ("", Policy::Random),
            ("--policy round-robin", Policy::RoundRobin),
            ("--policy weighted", Policy::Weighted),
            (
                "--policy hash=a=b",
                Policy::ConsistentHash(b"a=b".to_vec().try_into().unwrap()),
            ),
            ("--policy zone --zone a", zone_first(None)),
            ("--policy zone --zone a --region eu", zone_first(Some("eu"))),
        ] {
            assert_eq!(policy(flags), Ok(expected), "{flags}");
        }
    }

    #[test]
    fn what_a_policy_does_not_look_at_is_refused() {
        for (flags, said) in [
            ("--policy zone", "give the caller's --zone"),
            ("--zone a", "only --policy zone"),
            ("--policy weighted --region eu", "only --policy zone"),
            ("--policy least-load", "do not report their load"),
            ("--policy hash=", "1–1024"),
            ("--policy first", "none of random"),
        ] {
            let refused = policy(flags).unwrap_err();
            assert!(refused.contains(said), "{flags}: {refused}");
        }
    }
}
