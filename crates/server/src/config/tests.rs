//! What the layers say together, and how a configuration is refused.

use std::{fs, path::PathBuf, time::Duration};

use quorate_consensus::Calling;

use super::{settings::Settings, *};

mod fuzz;

/// Layers to be read.
#[derive(Default)]
struct Given {
    file: Option<&'static str>,
    environment: &'static [(&'static str, &'static str)],
    flags: ConfigOverrides,
}

impl Given {
    fn load(self) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("quorate.toml");
        if let Some(text) = self.file {
            fs::write(&path, text).unwrap();
        }
        let variable = |wanted: &str| {
            let found = self.environment.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::layered(self.file.map(|_| &*path), variable, &self.flags)
            .map_err(|error| error.to_string().replace(path.to_str().unwrap(), "FILE"))
    }
}

fn file(text: &'static str) -> Given {
    Given {
        file: Some(text),
        ..Given::default()
    }
}

fn environment(environment: &'static [(&'static str, &'static str)]) -> Given {
    Given {
        environment,
        ..Given::default()
    }
}

fn flags(set: impl FnOnce(&mut ConfigOverrides)) -> Given {
    let mut flags = ConfigOverrides {
        data_dir: Some("data".to_owned()),
        ..ConfigOverrides::default()
    };
    set(&mut flags);
    Given {
        flags,
        ..Given::default()
    }
}

#[test]
fn what_nobody_says_has_its_default() {
    let config = flags(|_| ()).load().unwrap();
    assert_eq!(config.place(), &Place::Directory("data".into()));
    assert_eq!(config.start(), &Start::Existing);
    assert_eq!(config.doors().client().listen(), "127.0.0.1:7300".parse().unwrap());
    assert_eq!(config.doors().peer().advertise(), &"127.0.0.1:7400".parse().unwrap());
    assert_eq!(config.timing().heartbeat, Duration::from_millis(100));
    let needs = config.limits().disk_needs();
    assert_eq!((needs.floor_bytes, needs.ballast_bytes), (256 << 20, 64 << 20));
    assert_eq!(config.logging().format(), LogFormat::Text);
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let config = Given {
        file: Some("data_dir = \"file\"\nheartbeat_ms = 50\nlog_format = \"json\"\nlisten_peer = \"127.0.0.1:1\"\n"),
        environment: &[("QUORATE_DATA_DIR", "environment"), ("QUORATE_HEARTBEAT_MS", "60")],
        flags: ConfigOverrides {
            data_dir: Some("flag".into()),
            ..ConfigOverrides::default()
        },
    };
    let config = config.load().unwrap();
    assert_eq!(config.place(), &Place::Directory("flag".into()));
    assert_eq!(config.timing().heartbeat, Duration::from_millis(60));
    assert_eq!(config.logging().format(), LogFormat::Json);
    assert_eq!(config.doors().peer().listen(), "127.0.0.1:1".parse().unwrap());
    assert_eq!(config.doors().client().listen(), "127.0.0.1:7300".parse().unwrap());
}

#[test]
fn the_environment_gives_every_kind_of_value() {
    let config = environment(&[
        ("QUORATE_DATA_DIR", "42"),
        ("QUORATE_JOIN", "a:1, b:2"),
        ("QUORATE_LEARNER", "true"),
        ("QUORATE_MEMORY", ""),
        ("QUORATE_CLIENT_CONNECTIONS_MAX", "7"),
        ("QUORATE_ENDPOINTS", "for the command line"),
    ]);
    let config = config.load().unwrap();
    assert_eq!(config.place(), &Place::Directory("42".into()));
    let members = vec!["a:1".parse().unwrap(), "b:2".parse().unwrap()];
    assert_eq!(
        config.start(),
        &Start::Join {
            members,
            calling: Calling::Learner
        }
    );
    assert_eq!(config.limits().client_connections_max(), 7);
}

#[test]
fn a_node_can_join_in_the_place_of_a_member() {
    let successor = |config: &Config| match config.start() {
        Start::Join { calling, .. } => *calling,
        other @ (Start::Bootstrap { .. } | Start::Existing) => panic!("{other:?}"),
    };
    let three = Calling::Successor(3.try_into().unwrap());
    let flagged = flags(|flags| (flags.join, flags.replace) = (Some(vec!["a:1".to_owned()]), Some(3)));
    assert_eq!(successor(&flagged.load().unwrap()), three);
    let from_environment = environment(&[
        ("QUORATE_DATA_DIR", "data"),
        ("QUORATE_JOIN", "a:1"),
        ("QUORATE_REPLACE", "3"),
    ]);
    assert_eq!(successor(&from_environment.load().unwrap()), three);

    for text in [
        "data_dir = \"data\"\nreplace = 3\n",
        "data_dir = \"data\"\nbootstrap = true\nreplace = 3\n",
        "data_dir = \"data\"\njoin = [\"a:1\"]\nlearner = true\nreplace = 3\n",
    ] {
        let refused = file(text).load().unwrap_err();
        assert!(refused.contains("replace"), "{text}: {refused}");
    }
}

#[test]
fn one_list_of_members_serves_all_nodes() {
    let list = || {
        Some(vec![
            "127.0.0.1:7400".to_owned(),
            "node-2:7400".to_owned(),
            "node-2:7400".to_owned(),
        ])
    };
    let config = flags(|flags| flags.join = list()).load().unwrap();
    let members = vec!["node-2:7400".parse().unwrap()];
    assert_eq!(
        config.start(),
        &Start::Join {
            members: members.clone(),
            calling: Calling::Voter
        }
    );

    let config = file("memory = true\nbootstrap = true\npeers = [\"127.0.0.1:7400\", \"node-2:7400\"]\n")
        .load()
        .unwrap();
    assert_eq!(config.start(), &Start::Bootstrap { peers: members });
}

#[test]
fn a_door_on_every_address_can_be_advertised() {
    let config = flags(|flags| {
        flags.listen_client = Some("[::]:7300".into());
        flags.advertise_client = Some("node-1.example.com:7300".into());
    });
    let config = config.load().unwrap();
    assert_eq!(
        config.doors().client().advertise().to_string(),
        "node-1.example.com:7300"
    );
}

#[track_caller]
fn refused(given: Given, message: &str) {
    let refused = given.load().unwrap_err();
    assert_eq!(refused.lines().count(), 1, "one line: {refused}");
    assert!(refused.contains(message), "{refused:?} does not say {message:?}");
}

#[test]
fn an_unknown_key_is_refused_with_the_file_and_the_known_keys() {
    refused(
        file("data_dirr = \"x\"\n"),
        "unknown key \"data_dirr\" in file FILE; known keys are data_dir, memory,",
    );
    refused(file("[raft]\nx = 1\n"), "unknown key \"raft\" in file FILE");
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_refused() {
    let missing = Config::layered(
        Some(&PathBuf::from("/nowhere/quorate.toml")),
        |_| None,
        &ConfigOverrides::default(),
    );
    let message = missing.unwrap_err().to_string();
    assert_eq!(
        message,
        "cannot read the configuration file /nowhere/quorate.toml: No such file or directory (os error 2)"
    );
    refused(file("memory = true\nbootstrap = \n"), "FILE:2: not valid TOML: ");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_layer() {
    refused(
        file("memory = 1\n"),
        "memory in file FILE: it is 1, and has to be true or false",
    );
    refused(
        file("listen_client = 7300\n"),
        "listen_client in file FILE: it is 7300, and has to be text",
    );
    refused(
        file("join = \"a:1\"\n"),
        "join in file FILE: it is string \"a:1\", and has to be a list of texts",
    );
    refused(
        file("heartbeat_ms = -1\n"),
        "heartbeat_ms in file FILE: it is -1, and has to be a whole number",
    );
    let typo = environment(&[("QUORATE_HEARTBEAT_MS", "fast")]);
    refused(
        typo,
        "heartbeat_ms in environment variable QUORATE_HEARTBEAT_MS: it is string \"fast\"",
    );
}

#[test]
fn a_bad_address_is_refused() {
    let listen = |address: &str| flags(|flags| flags.listen_client = Some(address.into()));
    refused(
        listen("localhost:7300"),
        "flag --listen-client: \"localhost:7300\" is not an IP address and a port; write 127.0.0.1:7300",
    );
    refused(listen("127.0.0.1"), "\"127.0.0.1\" is not an IP address and a port");
    refused(
        listen("127.0.0.1:65536"),
        "\"127.0.0.1:65536\" is not an IP address and a port",
    );
    refused(listen("127.0.0.1:0"), "flag --listen-client: \"127.0.0.1:0\": ");
    refused(
        listen("0.0.0.0:7300"),
        "tells nobody where to find it: set --advertise-client",
    );
    refused(listen("[::]:7300"), "set --advertise-client");
    let peer = flags(|flags| flags.listen_peer = Some("0.0.0.0:7400".into()));
    refused(
        peer,
        "listen_peer in flag --listen-peer: 0.0.0.0:7400 is every address of this host",
    );

    let advertise = |address: &str| flags(|flags| flags.advertise_peer = Some(address.into()));
    refused(
        advertise("node-1"),
        "advertise_peer in flag --advertise-peer: \"node-1\" has no port; write it as host:port",
    );
    refused(advertise("0.0.0.0:7400"), "nobody can be reached at 0.0.0.0:7400");
    refused(
        environment(&[("QUORATE_JOIN", "a:1,b:x"), ("QUORATE_DATA_DIR", "d")]),
        "join in environment variable QUORATE_JOIN: \"b:x\"",
    );
    refused(
        file("memory = true\nbootstrap = true\npeers = [\"a\"]\n"),
        "peers in file FILE: \"a\" has no port",
    );
}

#[test]
fn doors_that_are_one_are_refused() {
    let one = flags(|flags| flags.listen_client = Some("127.0.0.1:7400".into()));
    refused(
        one,
        "--listen-client and listen_peer in the defaults are both 127.0.0.1:7400: give each door",
    );
    let advertised = flags(|flags| {
        flags.advertise_client = Some("node:1".into());
        flags.advertise_peer = Some("node:1".into());
    });
    refused(advertised, "--advertise-client and --advertise-peer are both node:1");
}

#[test]
fn values_that_do_not_fit_together_are_refused() {
    refused(
        Given::default(),
        "there is no place for data: give --data-dir, or --memory",
    );
    refused(file("data_dir = \" \"\n"), "data_dir in file FILE: it is empty");
    let both_places = Given {
        file: Some("data_dir = \"x\"\n"),
        ..flags(|flags| {
            flags.data_dir = None;
            flags.memory = Some(true);
        })
    };
    refused(
        both_places,
        "data_dir in file FILE and --memory contradict each other: give one of them",
    );
    refused(
        environment(&[("QUORATE_MEMORY", "true")]),
        "QUORATE_MEMORY needs --bootstrap or --join",
    );
    let both_starts = flags(|flags| {
        flags.bootstrap = Some(true);
        flags.join = Some(vec!["node:1".to_owned()]);
    });
    refused(
        both_starts,
        "--bootstrap and --join contradict each other: the first node founds the cluster",
    );
    let itself = flags(|flags| flags.join = Some(vec!["127.0.0.1:7400".to_owned()]));
    refused(itself, "join in flag --join: it names this node only");
    let learner = flags(|flags| {
        flags.bootstrap = Some(true);
        flags.learner = Some(true);
    });
    refused(
        learner,
        "--bootstrap and --learner contradict each other: the founder of a cluster has to vote",
    );
}

#[test]
fn numbers_out_of_range_are_refused() {
    refused(
        file("memory = true\nbootstrap = true\nheartbeat_ms = 9\n"),
        "heartbeat_ms in file FILE: 9 is too often; allowed is 10 or more",
    );
    refused(
        file("memory = true\nbootstrap = true\nelection_timeout_min_ms = 299\n"),
        "299 is too short; allowed is 3 × heartbeat_ms = 300 or more",
    );
    for max in ["election_timeout_max_ms = 500\n", "election_timeout_max_ms = 60001\n"] {
        let text = format!("memory = true\nbootstrap = true\n{max}");
        refused(
            file(text.leak()),
            "it is more than election_timeout_min_ms = 500 and at most 60000",
        );
    }
    for entries in [
        "snapshot_every_entries = 99\n",
        "snapshot_every_entries = 10000001\n",
        "snapshot_every_bytes = 1048575\n",
        "snapshot_every_bytes = 17179869185\n",
        "log_keep_entries = 10000001\n",
    ] {
        let text = format!("memory = true\nbootstrap = true\n{entries}");
        refused(file(text.leak()), " in file FILE: ");
    }
    for connections in ["client_connections_max = 0\n", "client_connections_max = 1000001\n"] {
        let text = format!("memory = true\nbootstrap = true\n{connections}");
        refused(file(text.leak()), "is not allowed; it is 1–1000000");
    }
    refused(
        file("memory = true\nbootstrap = true\ndisk_ballast_bytes = 17179869185\n"),
        "disk_ballast_bytes in file FILE: 17179869185 is not allowed; it is 0–17179869184",
    );
}

#[test]
fn bad_log_settings_are_refused() {
    refused(
        flags(|flags| flags.log_format = Some("xml".into())),
        "flag --log-format: \"xml\" is not allowed; it is text or json",
    );
    refused(
        flags(|flags| flags.log_level = Some("loud=noise".into())),
        "flag --log-level: \"loud=noise\" is no filter; write error,",
    );
    refused(flags(|flags| flags.log_level = Some(" ".into())), "is no filter");
}

#[test]
fn a_filter_can_name_openraft_and_win() {
    let quiet = flags(|flags| flags.log_level = Some("debug".into())).load().unwrap();
    assert!(quiet.logging().filter().to_string().contains("openraft=error"));
    let loud = flags(|flags| flags.log_level = Some("info,openraft=debug".into()))
        .load()
        .unwrap();
    let filter = loud.logging().filter().to_string();
    assert!(
        filter.contains("openraft=debug") && !filter.contains("openraft=error"),
        "{filter}"
    );
}

#[test]
fn the_example_file_loads_and_shows_every_key_with_its_default() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/quorate.toml");
    let example = fs::read_to_string(path).unwrap();
    let config = Config::layered(Some(path.as_ref()), |_| None, &ConfigOverrides::default()).unwrap();
    assert_eq!(config.place(), &Place::Directory("/var/lib/quorate".into()));

    // A line such as `# key = value` is a key that has no default, or whose default is given for information.
    let shown = |key: &str| {
        let line = example
            .lines()
            .find(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
        line.unwrap_or_else(|| panic!("{key} is not in the example")).to_owned()
    };
    let defaults = figment::value::Value::serialize(Settings::default())
        .unwrap()
        .into_dict()
        .unwrap();
    for (key, default) in defaults {
        let line = shown(&key);
        if let Some(default) = default.as_str() {
            assert_eq!(line, format!("{key} = {default:?}"));
        } else if let Some(default) = default.to_u128() {
            assert_eq!(line.replace('_', ""), format!("{} = {default}", key.replace('_', "")));
        } else {
            assert!(
                line.starts_with("# ") || key == "data_dir",
                "{line} would change a default"
            );
        }
        if key == "probe_refuse" {
            assert_eq!(line, format!("# {key} = {:?}", Settings::default().probe_refuse));
        }
    }
}

#[test]
fn networks_that_are_not_probed_replace_the_usual_ones() {
    let usual = file("memory = true\nbootstrap = true\n").load().unwrap();
    let refuses = |config: &Config, ip: &str| config.probes().policy().refusing(ip.parse().unwrap()).is_some();
    assert!(refuses(&usual, "169.254.169.254") && !refuses(&usual, "10.0.0.1"));
    assert_eq!(usual.probes().ca_file(), None);
    let own = file("memory = true\nbootstrap = true\nprobe_refuse = [\"10.0.0.0/8\"]\nprobe_ca_file = \"ca.pem\"\n");
    let own = own.load().unwrap();
    assert!(!refuses(&own, "169.254.169.254") && refuses(&own, "10.0.0.1"));
    assert_eq!(own.probes().ca_file(), Some(Path::new("ca.pem")));
    refused(
        file("memory = true\nbootstrap = true\nprobe_refuse = [\"10.0.0.0\"]\n"),
        "probe_refuse in file FILE: invalid network: \"10.0.0.0\" is not an address, a slash and a number of bits",
    );
}

#[test]
fn networks_may_be_probed_though_they_are_refused() {
    let refuses = |config: &Config, ip: &str| config.probes().policy().refusing(ip.parse().unwrap()).is_some();
    let usual = file("memory = true\nbootstrap = true\n").load().unwrap();
    assert!(refuses(&usual, "127.0.0.1") && refuses(&usual, "::1"));
    let own = file("memory = true\nbootstrap = true\nprobe_allow = [\"127.0.0.0/8\"]\n");
    let own = own.load().unwrap();
    assert!(!refuses(&own, "127.0.0.1") && refuses(&own, "::1"));
    refused(
        file("memory = true\nbootstrap = true\nprobe_allow = [\"localhost\"]\n"),
        "probe_allow in file FILE: invalid network: \"localhost\" is not an address, a slash and a number of bits",
    );
}
