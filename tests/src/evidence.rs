//! What a long run came to, kept in the tree.

use std::{env, fs, path::Path, process::Command};

use serde_json::{Map, Value, json};

/// Set to anything, a test that has figures to show writes them to `docs/evidence`.
const KEEP: &str = "QUORATE_TEST_EVIDENCE";

/// Where the figures of a run will have come from.
#[derive(Debug)]
pub struct Evidence {
    name: &'static str,
    command: &'static str,
    seed: u64,
    commit: String,
    changed: bool,
}

// === impl Evidence ===

impl Evidence {
    /// Looks which sources a run is of that has not begun: it may be long, and they may go on. `command` is how its
    /// figures are taken again, and asks for them to be kept with `QUORATE_TEST_EVIDENCE`.
    pub fn begin(name: &'static str, command: &'static str, seed: u64) -> Option<Self> {
        env::var_os(KEEP).map(|_| Self {
            name,
            command,
            seed,
            commit: git(&["log", "-1", "--format=%h of %cs"]),
            changed: !git(&["status", "--porcelain", "--", "*.rs", "*.toml", "*.c"]).is_empty(),
        })
    }

    /// Keeps the figures as `docs/evidence/<name>.json`.
    pub fn keep(&self, figures: &[(&str, u64)]) {
        let figures: Map<String, Value> = figures
            .iter()
            .map(|(figure, value)| ((*figure).to_owned(), (*value).into()))
            .collect();
        let kept = json!({
            "command": self.command,
            "commit": self.commit,
            "sources_differ_from_commit": self.changed,
            "seed": self.seed,
            "figures": figures,
        });
        let directory = root().join("docs/evidence");
        fs::create_dir_all(&directory).expect("the tree can be written");
        let text = serde_json::to_string_pretty(&kept).expect("numbers and texts") + "\n";
        fs::write(directory.join(format!("{}.json", self.name)), text).expect("the tree can be written");
    }
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
