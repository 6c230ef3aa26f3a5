//! What a long run came to, kept in the tree.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

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
    /// What an earlier run of the same sources had come to when it ended before its end.
    noted: Map<String, Value>,
}

// === impl Evidence ===

impl Evidence {
    /// Looks which sources a run is of that has not begun: it may be long, and they may go on. `command` is how its
    /// figures are taken again, and asks for them to be kept with `QUORATE_TEST_EVIDENCE`.
    ///
    /// It goes on where an earlier run of the same sources has noted to be, with the seed of that one.
    pub fn begin(name: &'static str, command: &'static str, seed: u64) -> Option<Self> {
        env::var_os(KEEP)?;
        let evidence = Self {
            name,
            command,
            seed,
            commit: git(&["log", "-1", "--format=%h of %cs"]),
            changed: !git(&["status", "--porcelain", "--", "*.rs", "*.toml", "*.c"]).is_empty(),
            noted: Map::new(),
        };
        Some(evidence.resumed())
    }

    /// The seed of the run: another one than it began with if it goes on with an earlier one.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What an earlier run had noted of a figure; 0 if there was none.
    pub fn noted(&self, figure: &str) -> u64 {
        self.noted.get(figure).and_then(Value::as_u64).unwrap_or_default()
    }

    /// Notes what the run has come to so far, for another one to go on with should this one not come to its end.
    pub fn note(&self, figures: &[(&str, u64)]) {
        self.write(&self.notes(), figures);
    }

    /// Keeps the figures as `docs/evidence/<name>.json`.
    pub fn keep(&self, figures: &[(&str, u64)]) {
        self.write(&root().join(format!("docs/evidence/{}.json", self.name)), figures);
        // There are none unless the test has noted any.
        let _ = fs::remove_file(self.notes());
    }

    fn write(&self, path: &Path, figures: &[(&str, u64)]) {
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
        fs::create_dir_all(path.parent().expect("a file in a directory")).expect("the tree can be written");
        let text = serde_json::to_string_pretty(&kept).expect("numbers and texts") + "\n";
        fs::write(path, text).expect("the tree can be written");
    }

    fn resumed(mut self) -> Self {
        let text = fs::read(self.notes()).unwrap_or_default();
        let Ok(mut notes) = serde_json::from_slice::<Value>(&text) else {
            return self;
        };
        let is_of_the_same = !self.changed && notes["commit"] == self.commit;
        if let (true, Some(seed), Value::Object(figures)) =
            (is_of_the_same, notes["seed"].as_u64(), notes["figures"].take())
        {
            crate::figure(format_args!("goes on with the run of seed {seed}: {figures:?}"));
            (self.seed, self.noted) = (seed, figures);
        }
        self
    }

    fn notes(&self) -> PathBuf {
        root().join(format!("target/evidence/{}.json", self.name))
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
