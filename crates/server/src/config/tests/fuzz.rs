//! The configuration, held against hostile bytes: files and variables are written by hand, or by scripts.

use std::fs;

use proptest::{prelude::*, sample::subsequence};
use quorate_fuzz::Fuzz;

use super::*;

/// What may stand in a file together, a key or two in each.
const LINES: &[&str] = &[
    "listen_client = \"[::1]:7300\"",
    "advertise_client = 'node-1.example.com:7300'",
    "listen_peer = \"127.0.0.1:7400\"\nadvertise_peer = \"node-1.example.com:7400\"",
    "peers = [\"node-1.example.com:7400\", \"node-2.example.com:7400\"]",
    "join = [ # ≥ 1\n  \"node-2.example.com:7400\",\n]\nlearner = true",
    "heartbeat_ms = 50",
    "election_timeout_max_ms = 2_000",
    "min_free_disk_bytes = 0",
    "disk_ballast_bytes = 0x10",
    "snapshot_every_entries = 100\nlog_keep_entries = 10",
    "client_connections_max = 100",
    "probe_refuse = [\"10.0.0.0/8\", \"::/0\"]",
    "probe_allow = [\"127.0.0.0/8\"]",
    "probe_ca_file = \"ca.pem\"",
    "log_format = \"json\"",
    "log_level = '''debug'''",
];

fn loads(file: Option<&Path>, environment: impl Fn(&str) -> Option<String>) -> bool {
    Config::layered(file, environment, &ConfigOverrides::default()).is_ok()
}

#[test]
fn a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("quorate.toml");
    let valid = subsequence(LINES, 0..=LINES.len())
        .prop_map(|lines| format!("data_dir = \"data\"\n{}\n", lines.join("\n")).into_bytes());
    Fuzz::new("Config::load", valid).one_way(|bytes| {
        fs::write(&path, bytes).unwrap();
        loads(Some(&path), |_| None)
    });
}

#[test]
fn a_variable() {
    let variables = [
        ("QUORATE_HEARTBEAT_MS", "60"),
        ("QUORATE_LISTEN_PEER", "[::1]:7400"),
        ("QUORATE_JOIN", "node-1:7400, node-2:7400"),
        ("QUORATE_LOG_LEVEL", "info"),
    ];
    for (name, text) in variables {
        Fuzz::new("from_environment", Just(text.into())).one_way(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let variable = |wanted: &str| match wanted {
                "QUORATE_DATA_DIR" => Some("data".to_owned()),
                _ => (wanted == name).then(|| text.to_string()),
            };
            loads(None, variable)
        });
    }
}
