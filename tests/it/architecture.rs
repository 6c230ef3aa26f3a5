//! Which crate may use which: the house, checked. Its reasons are in docs/adr/0001-workspace-shape.md.
//!
//! An allowed edge may be unused. A crate's own tests may use any crate below it; the package of the
//! whole-system tests may use every crate.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::tree::{self, Offences, SourceFile};

/// One crate of the house.
struct Room {
    name: &'static str,
    /// Arrows point to a lower level only.
    level: u8,
    /// The crates that it may use.
    may_use: &'static [&'static str],
}

/// The house, bottom-up. A new crate gets a row here and a line in ADR 0001.
const HOUSE: &[Room] = &[
    Room {
        name: "model",
        level: 0,
        may_use: &[],
    },
    Room {
        name: "fuzz",
        level: 0,
        may_use: &[],
    },
    Room {
        name: "state",
        level: 1,
        may_use: &["model"],
    },
    Room {
        name: "storage",
        level: 1,
        may_use: &["model"],
    },
    Room {
        name: "proto",
        level: 1,
        may_use: &["model"],
    },
    Room {
        name: "consensus",
        level: 2,
        may_use: &["model", "state", "storage", "proto"],
    },
    Room {
        name: "client",
        level: 2,
        may_use: &["model", "proto"],
    },
    Room {
        name: "registry",
        level: 3,
        may_use: &["model", "state", "consensus"],
    },
    Room {
        name: "frontend",
        level: 4,
        may_use: &["model", "proto", "registry", "state"],
    },
    Room {
        name: "server",
        level: 5,
        may_use: &["model", "storage", "consensus", "registry", "frontend"],
    },
    Room {
        name: "bench",
        level: 5,
        may_use: &["model", "proto", "client"],
    },
    Room {
        name: "cli",
        level: 6,
        may_use: &["model", "client", "server", "bench"],
    },
];

/// Not a room of the house: it looks at all of them.
const TESTS: &str = "tests";

/// Libraries that must not spread, and the crates that answer for them.
const CONFINED: &[(&str, &[&str])] = &[
    ("sled", &["storage"]),
    ("openraft", &["storage", "consensus"]),
    ("openraft-rt", &["consensus"]),
    ("tonic-prost-build", &["proto", TESTS]),
    ("protox", &["proto", TESTS]),
];

/// Where a generated type may be named: at the edges, and nowhere else.
const GENERATED_TYPES_IN: &[&str] = &[
    "crates/proto/",
    "crates/consensus/src/network.rs",
    "crates/consensus/src/network/",
    "crates/client/",
    "crates/bench/",
    "crates/frontend/",
    "tests/",
    // Plays a peer.
    "crates/consensus/tests/it/network.rs",
];

/// What every package takes from the root manifest.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

#[test]
fn crates_use_only_what_the_house_allows() {
    let mut offences = Offences::default();
    for package in packages() {
        check_edges(&package, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn every_package_inherits_the_workspace() {
    let mut offences = Offences::default();
    for file in manifests() {
        check_inheritance(&file, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn generated_types_stay_at_the_edges() {
    let mut offences = Offences::default();
    for file in tree::files("rs") {
        check_generated_types(&file, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn the_table_itself_points_downwards() {
    for room in HOUSE {
        for used in room.may_use {
            let below = room_of(used).unwrap_or_else(|| panic!("{} may use {used}, which has no row", room.name));
            assert!(
                below.level < room.level,
                "{} may use {used}, which is not below it",
                room.name
            );
        }
    }
}

#[test]
fn the_checks_see_planted_offences() {
    let mut offences = Offences::default();
    check_generated_types(
        &SourceFile::planted("crates/registry/src/a.rs", "use quorate_proto::x;"),
        &mut offences,
    );
    check_generated_types(
        &SourceFile::planted("crates/registry/src/b.rs", "// quorate_proto"),
        &mut offences,
    );
    check_generated_types(
        &SourceFile::planted("crates/client/src/c.rs", "use quorate_proto::x;"),
        &mut offences,
    );
    check_inheritance(
        &SourceFile::planted("crates/x/Cargo.toml", "edition = \"2021\"\n"),
        &mut offences,
    );
    assert_eq!(offences.found().len(), 1 + INHERITED.len() + 1);
}

/// The packages of this workspace. Their dependencies are not resolved, so that this needs no network.
fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(tree::root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .expect("cargo metadata describes this workspace");
    assert!(
        metadata.packages.len() > HOUSE.len(),
        "cargo metadata lists fewer packages than the house has rooms"
    );
    metadata.packages
}

fn check_edges(package: &Package, offences: &mut Offences) {
    let name = short_name(package.name.as_str());
    let manifest = manifest_path(name);
    let room = room_of(name);
    if room.is_none() && name != TESTS {
        return offences.add(&manifest, 1, format!("{name} has no row in the table of the house"));
    }
    let text = tree::file(&manifest);
    for dependency in &package.dependencies {
        let line = text
            .lines()
            .find(|(_, line)| line.starts_with(&dependency.name))
            .map_or(1, |(number, _)| number);
        if let Some(problem) = confinement_problem(name, &dependency.name) {
            offences.add(&manifest, line, problem);
        }
        let Some(used) = dependency.name.strip_prefix("quorate-") else {
            continue;
        };
        if !room.is_none_or(|room| edge_is_allowed(room, used, dependency.kind)) {
            offences.add(&manifest, line, format!("{name} may not use {used}"));
        }
    }
}

fn edge_is_allowed(room: &Room, used: &str, kind: DependencyKind) -> bool {
    let below = room_of(used).is_some_and(|used| used.level < room.level);
    room.may_use.contains(&used) || (kind == DependencyKind::Development && below)
}

fn confinement_problem(name: &str, library: &str) -> Option<String> {
    let (_, allowed) = CONFINED.iter().find(|(confined, _)| *confined == library)?;
    (!allowed.contains(&name)).then(|| format!("only {} may use {library}", allowed.join(" and ")))
}

fn check_inheritance(file: &SourceFile, offences: &mut Offences) {
    for field in INHERITED {
        if !file
            .lines()
            .any(|(_, line)| line == format!("{field}.workspace = true"))
        {
            offences.add(&file.path, 1, format!("{field} is not taken from the workspace"));
        }
    }
    if !file.text.contains("\n[lints]\nworkspace = true\n") {
        offences.add(&file.path, 1, "lints are not taken from the workspace");
    }
}

fn check_generated_types(file: &SourceFile, offences: &mut Offences) {
    if GENERATED_TYPES_IN.iter().any(|allowed| file.path.starts_with(allowed)) {
        return;
    }
    for (number, line) in file.lines() {
        if line.contains("quorate_proto") && !line.trim_start().starts_with("//") {
            offences.add(&file.path, number, "a generated type is named away from the edges");
        }
    }
}

/// The manifests of the packages, without the root's.
fn manifests() -> Vec<SourceFile> {
    packages()
        .iter()
        .map(|package| tree::file(&manifest_path(short_name(package.name.as_str()))))
        .collect()
}

fn short_name(package: &str) -> &str {
    package.strip_prefix("quorate-").unwrap_or(package)
}

fn manifest_path(name: &str) -> String {
    if name == TESTS {
        format!("{TESTS}/Cargo.toml")
    } else {
        format!("crates/{name}/Cargo.toml")
    }
}

fn room_of(name: &str) -> Option<&'static Room> {
    HOUSE.iter().find(|room| room.name == name)
}
