//! The command line holds together, and says what it means.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use clap::CommandFactory as _;
use proptest::{prelude::*, sample::select};
use quorate_client::Lifetime;
use quorate_fuzz::Fuzz;
use quorate_model::{Availability, Check, Consistency, Filter, Health, Include};

use super::*;

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(["quorate"].into_iter().chain(line.split_whitespace())).unwrap()
}

#[test]
fn the_command_line_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn global_flags_stand_before_or_behind_the_verb() {
    for line in [
        "--endpoints 10.0.0.1:1,[::1]:2 --namespace n -o json --timeout 250ms services",
        "services --endpoints 10.0.0.1:1,[::1]:2 --namespace n -o json --timeout 250ms",
    ] {
        let global = parse(line).global;
        let endpoints: Vec<_> = global.endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(endpoints, ["10.0.0.1:1", "[::1]:2"]);
        assert_eq!(global.namespace.as_str(), "n");
        assert_eq!(global.output, OutputFormat::Json);
        assert_eq!(global.timeout, Duration::from_millis(250));
    }
}

#[test]
fn a_server_of_this_machine_is_asked_first_and_then_the_dev_doors() {
    let ports: Vec<_> = parse("services")
        .global
        .endpoints
        .iter()
        .map(|door| door.port().get())
        .collect();
    assert_eq!(ports, [7300, 7301, 7302, 7303]);
}

#[test]
fn reads_are_linearizable_unless_told_otherwise() {
    let consistency = |line: &str| {
        let verb = parse(line).verb;
        if let Verb::Client(ClientVerb::Resolve(args)) = verb {
            args.read.consistency
        } else if let Verb::Client(ClientVerb::Instances(args)) = verb {
            args.read.consistency
        } else if let Verb::Client(ClientVerb::Services(args)) = verb {
            args.consistency
        } else {
            panic!("{verb:?}")
        }
    };
    for line in ["resolve a", "services", "instances a"] {
        assert_eq!(consistency(line), Consistency::Linearizable);
        assert_eq!(consistency(&format!("{line} --consistency stale")), Consistency::Stale);
    }
}

#[test]
fn a_registration_says_what_its_flags_say() {
    let line = "register payments --id a --address 10.0.0.1 --port 8080 --protocol grpc --version 1.2.3 --zone z \
                --weight 7 --tag blue --tag canary --meta k=v --meta e= --owner o --takeover --ttl 15s";
    let Verb::Client(ClientVerb::Register(args)) = parse(line).verb else {
        panic!("not register")
    };
    let registration = args.registration().unwrap();
    let spec = &registration.spec;
    assert_eq!(spec.endpoints().as_slice()[0].to_string(), "10.0.0.1:8080");
    assert_eq!(spec.weight().get(), 7);
    assert_eq!((spec.tags().len(), spec.metadata().len()), (2, 2));
    assert_eq!(spec.holder().owner.as_ref().unwrap().as_str(), "o");
    assert_eq!(registration.lifetime, Lifetime::Ttl(LeaseTtl::default()));
}

#[test]
fn checks_are_of_the_kinds_that_are_asked_for_at_one_pace() {
    let register = |flags: &str| {
        let line = format!("quorate register s --id a --address h --port 1 {flags}");
        Cli::try_parse_from(line.split_whitespace()).map(|cli| {
            let Verb::Client(ClientVerb::Register(args)) = cli.verb else {
                panic!("not register")
            };
            args.registration()
        })
    };
    let checks = |flags: &str| {
        let registration = register(flags).unwrap().unwrap();
        let checks = registration.spec.checks().iter();
        let told = |check: &Check| {
            let pace = check.pace.parts();
            format!(
                "{} {:?} {} {}",
                check.name, check.probe, pace.interval_ms, pace.timeout_ms
            )
        };
        checks.map(told).collect::<Vec<_>>()
    };
    assert_eq!(checks(""), [""; 0]);
    assert_eq!(checks("--check-tcp"), ["tcp Tcp 10000 2000"]);
    assert_eq!(checks("--check-tcp --check-interval 1s"), ["tcp Tcp 1000 1000"]);
    let all = checks("--check-http /health?deep --check-grpc=shop.Cart --check-interval 5s --check-timeout 300ms");
    assert!(
        all[0].starts_with("http Http") && all[0].contains("/health?deep"),
        "{all:?}"
    );
    assert!(
        all[1].starts_with("grpc Grpc") && all[1].contains("shop.Cart"),
        "{all:?}"
    );
    assert!(all.iter().all(|check| check.ends_with(" 5000 300")), "{all:?}");
    let whole = checks("--check-grpc");
    assert!(whole[0].contains("service: None"), "{whole:?}");

    for flags in ["--check-interval 5s", "--check-timeout 1s", "--check-interval 5"] {
        assert!(register(flags).is_err(), "{flags}");
    }
    for flags in [
        "--check-http health",
        "--check-tcp --check-interval 500ms",
        "--check-tcp --check-interval 2s --check-timeout 3s",
    ] {
        let failure = register(flags).unwrap().unwrap_err();
        assert!(
            matches!(&failure, Failure::Usage(said) if said.contains("--check-")),
            "{failure}"
        );
    }
}

#[test]
fn what_is_kept_alive_does_not_stay() {
    let parse = |flags: &str| {
        let line = format!("quorate register s --id a --address h --port 1 {flags}");
        Cli::try_parse_from(line.split_whitespace())
    };
    assert!(parse("--keep-alive").is_ok());
    assert!(parse("--keep-alive --ttl 2s").is_ok());
    for flags in [
        "--keep-alive --persistent",
        "--ttl 15s --persistent",
        "--ttl 1s",
        "--ttl 25h",
    ] {
        assert!(parse(flags).is_err(), "{flags}");
    }
}

#[test]
fn a_drain_ends_when_it_is_told_to() {
    let time = |line: &str| {
        let Verb::Client(ClientVerb::Drain(args)) = parse(line).verb else {
            panic!("not drain")
        };
        args.time.map(DrainTime::as_ms)
    };
    assert_eq!(time("drain s --id a"), None);
    assert_eq!(time("drain s --id a --for 30s"), Some(30_000));
}

#[test]
fn a_filter_says_what_its_flags_say() {
    let line = "resolve payments --version ^1 --zone z --tag blue --tag canary --tag blue --meta k=v --meta !e --all \
                --address 10.0.0.1 --port 80 --protocol grpc --health critical --health passing --availability draining";
    let Verb::Client(ClientVerb::Resolve(args)) = parse(line).verb else {
        panic!("not resolve")
    };
    let filter = args.filter().unwrap();
    let tags: Vec<_> = filter.tags.iter().map(Tag::as_str).collect();
    assert_eq!(tags, ["blue", "canary"]);
    let expected = Filter {
        version: Some("^1".parse().unwrap()),
        tags: filter.tags.clone(),
        metadata: vec!["k=v".parse().unwrap(), "!e".parse().unwrap()].try_into().unwrap(),
        zone: Some("z".parse().unwrap()),
        include: Include::All,
        address: Some("10.0.0.1".parse().unwrap()),
        port: Some("80".parse().unwrap()),
        protocol: Some("grpc".parse().unwrap()),
        health: [Health::Critical, Health::Passing].into_iter().collect(),
        availability: [Availability::Draining].into_iter().collect(),
    };
    assert_eq!(filter, expected);
}

#[test]
fn what_the_parser_lets_through_is_a_mistake_of_usage_too() {
    let register = "register payments --id a --address 10.0.0.1 --port 8080";
    let tags: Vec<_> = (0..65).map(|n| format!("--tag t{n}")).collect();
    let tags = format!(" {}", tags.join(" "));
    for (flags, part) in [
        (" --meta k=1 --meta k=2", "given twice"),
        (" --meta ü=1", "--meta: invalid metadata key"),
        (tags.as_str(), "limit of 64"),
    ] {
        let Verb::Client(ClientVerb::Register(args)) = parse(&format!("{register}{flags}")).verb else {
            panic!("not register")
        };
        let failure = args.registration().unwrap_err();
        assert!(
            matches!(&failure, Failure::Usage(message) if message.contains(part)),
            "{failure}"
        );
    }
    let Verb::Client(ClientVerb::Resolve(args)) = parse(&format!("resolve payments{tags}")).verb else {
        panic!("not resolve")
    };
    let failure = args.filter().unwrap_err();
    assert!(
        matches!(&failure, Failure::Usage(message) if message.contains("limit of 64")),
        "{failure}"
    );
}

#[test]
fn a_dev_cluster_has_one_to_seven_members_on_ports_that_exist() {
    for line in [
        "dev --nodes 0",
        "dev --nodes 8",
        "dev --base-port 65500",
        "dev --base-port 0",
        "dev --memory --data-dir d",
    ] {
        let words = ["quorate"].into_iter().chain(line.split_whitespace());
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
    let Verb::Dev(args) = parse("dev").verb else {
        panic!("not dev")
    };
    assert_eq!((args.nodes, args.base_port, args.memory), (3, 7300, false));
}

#[test]
fn server_flags_are_handed_on_as_they_are_written() {
    let line =
        "server --data-dir d --listen-client 0.0.0.0:1 --join a:1,b:2 --learner --probe-allow 10.0.0.0/8,::1/128";
    let Verb::Server(args) = parse(line).verb else {
        panic!("not server")
    };
    let overrides = args.overrides();
    assert_eq!(overrides.data_dir.as_deref(), Some("d"));
    assert_eq!(
        overrides.probe_allow,
        Some(vec!["10.0.0.0/8".to_owned(), "::1/128".to_owned()])
    );
    assert_eq!(overrides.join, Some(vec!["a:1".to_owned(), "b:2".to_owned()]));
    assert_eq!(
        (overrides.learner, overrides.bootstrap, overrides.memory),
        (Some(true), None, None)
    );
}

#[test]
fn a_hostile_command_line_is_refused() {
    let lines = [
        "--endpoints 10.0.0.1:1,[::1]:2 --namespace n -o json --timeout 250ms services",
        "resolve web --version ^1.2 --meta team=shop --consistency stale",
        "register web --id web-1 --address 10.0.0.1 --port 8080 --tag blue --meta a=b",
        "override set web --id web-1 --disable --reason r --expires-after 1h",
        "server --data-dir d --listen-client 127.0.0.1:0 --bootstrap",
    ];
    let valid = select(lines.to_vec()).prop_map(|line| line.as_bytes().to_vec());
    Fuzz::new("Cli", valid).one_way(|bytes| {
        let words = bytes.split(|byte| *byte == b' ').map(OsStr::from_bytes);
        Cli::try_parse_from([OsStr::new("quorate")].into_iter().chain(words)).is_ok()
    });
}
