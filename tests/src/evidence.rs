//! What a long run came to, kept in the tree.

use std::{env, fs, path::Path, process::Command};

use serde_json::{Map, Value, json};

/// Set to anything, a test that has figures to show writes them to `docs/evidence`.
const KEEP: &str = "QUORATE_TEST_EVIDENCE";

/// Keeps the figures of the calling test as `docs/evidence/<name>.json`, with the command that takes them again, if the
/// environment asks for it with `QUORATE_TEST_EVIDENCE`.
pub fn evidence(name: &str, command: &str, seed: u64, figures: &[(&str, u64)]) {
    if env::var_os(KEEP).is_none() {
        return;
    }
    let figures: Map<String, Value> = figures
        .iter()
        .map(|(figure, value)| ((*figure).to_owned(), (*value).into()))
        .collect();
    let kept = json!({
        "command": command,
        "commit": git(&["rev-parse", "HEAD"]),
        "sources_changed_since": !git(&["status", "--porcelain", "--", "*.rs", "*.toml", "*.c"]).is_empty(),
        "date": git(&["log", "-1", "--format=%cs"]),
        "seed": seed,
        "figures": figures,
    });
    let directory = root().join("docs/evidence");
    fs::create_dir_all(&directory).expect("the tree can be written");
    let text = serde_json::to_string_pretty(&kept).expect("numbers and texts") + "\n";
    fs::write(directory.join(format!("{name}.json")), text).expect("the tree can be written");
}

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(root()).output();
    let output = output.expect("the tree is a clone, and git is there");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the test package is a directory of the tree")
}
