//! Every dependency has its version in the root manifest, its reason in docs/dependencies.md, and a use.

use std::collections::BTreeMap;

use crate::tree::{self, Offences, SourceFile};

const LEDGER: &str = "docs/dependencies.md";
const OWN_PREFIX: &str = "quorate-";

/// One `name = …` line of a dependency section of a manifest.
struct Declared<'a> {
    line: usize,
    section: &'a str,
    name: &'a str,
    value: &'a str,
}

#[test]
fn every_dependency_has_its_reason_and_every_reason_a_dependency() {
    let mut offences = Offences::default();
    check_ledger(&tree::file("Cargo.toml"), &tree::file(LEDGER), &mut offences);
    offences.assert_none();
}

#[test]
fn versions_are_in_the_root_manifest_only() {
    let mut offences = Offences::default();
    for manifest in member_manifests() {
        check_versions(&manifest, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn every_dependency_is_used() {
    let mut offences = Offences::default();
    let manifests = member_manifests();
    let sources = tree::files("rs");
    for manifest in &manifests {
        check_uses(manifest, &sources, &mut offences);
    }
    let root = tree::file("Cargo.toml");
    for dependency in declared(&root).iter().filter(|it| !it.name.starts_with(OWN_PREFIX)) {
        let taken = |manifest| declared(manifest).iter().any(|taken| taken.name == dependency.name);
        if !manifests.iter().any(taken) {
            offences.add(
                &root.path,
                dependency.line,
                format!("no crate takes {}", dependency.name),
            );
        }
    }
    offences.assert_none();
}

#[test]
fn the_checks_see_planted_offences() {
    let mut offences = Offences::default();
    let root = SourceFile::planted(
        "Cargo.toml",
        "[workspace.dependencies]\nquorate-a = { }\nb = \"1\"\nc = \"1\"\n",
    );
    check_ledger(
        &root,
        &SourceFile::planted(LEDGER, "| `c` | why |\n| `d` | why |\n"),
        &mut offences,
    );
    let text = "[dependencies]\nb = \"1\"\nserde.workspace = true\n[dependencies.c]\nversion = \"1\"\n";
    let member = SourceFile::planted("crates/a/Cargo.toml", text);
    check_versions(&member, &mut offences);
    check_uses(
        &member,
        &[SourceFile::planted("crates/a/src/lib.rs", "//! b\nuse serde::de;\n")],
        &mut offences,
    );
    let expected = [
        "Cargo.toml:3: b has no line in docs/dependencies.md",
        "docs/dependencies.md:2: d is not a dependency",
        "crates/a/Cargo.toml:2: the version of b belongs into the root manifest",
        "crates/a/Cargo.toml:4: write one line `name.workspace = true` per dependency",
        "crates/a/Cargo.toml:2: b is never named in crates/a/src/",
    ];
    assert_eq!(offences.found(), expected);
}

fn check_ledger(root: &SourceFile, ledger: &SourceFile, offences: &mut Offences) {
    let wanted: BTreeMap<_, _> = declared(root).iter().map(|it| (it.name, it.line)).collect();
    let explained: BTreeMap<_, _> = ledger
        .lines()
        .filter_map(|(number, line)| Some((row(line)?, number)))
        .collect();
    for (name, line) in &wanted {
        if !name.starts_with(OWN_PREFIX) && !explained.contains_key(name) {
            offences.add(&root.path, *line, format!("{name} has no line in {LEDGER}"));
        }
    }
    for (name, line) in &explained {
        if !wanted.contains_key(name) {
            offences.add(&ledger.path, *line, format!("{name} is not a dependency"));
        }
    }
}

/// The dependency that a table row of the ledger is about: its first cell, in backticks.
fn row(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)
}

fn check_versions(manifest: &SourceFile, offences: &mut Offences) {
    for dependency in declared(manifest)
        .iter()
        .filter(|it| !it.value.contains("workspace = true"))
    {
        let problem = format!("the version of {} belongs into the root manifest", dependency.name);
        offences.add(&manifest.path, dependency.line, problem);
    }
    for (number, line) in manifest.lines() {
        if line.starts_with('[') && line.contains("dependencies.") {
            offences.add(
                &manifest.path,
                number,
                "write one line `name.workspace = true` per dependency",
            );
        }
    }
}

/// A dependency that no source of the package names is dead weight, and one that only tests name is not a
/// dependency of the crate.
fn check_uses(manifest: &SourceFile, sources: &[SourceFile], offences: &mut Offences) {
    let package = manifest.path.trim_end_matches("Cargo.toml");
    for dependency in declared(manifest) {
        let place = match dependency.section {
            "dependencies" => format!("{package}src/"),
            "build-dependencies" => format!("{package}build.rs"),
            _ => package.to_owned(),
        };
        let name = dependency.name.replace('-', "_");
        if !sources
            .iter()
            .any(|file| file.path.starts_with(&place) && names(file, &name))
        {
            offences.add(
                &manifest.path,
                dependency.line,
                format!("{} is never named in {place}", dependency.name),
            );
        }
    }
}

/// Whether the code of a file, comments aside, holds the word.
fn names(file: &SourceFile, word: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    file.lines()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .any(|(_, line)| line.split(|character| !is_word(character)).any(|found| found == word))
}

/// The dependencies of a manifest, in its order. Sections that are a single dependency's table are not seen.
fn declared(manifest: &SourceFile) -> Vec<Declared<'_>> {
    let mut section = "";
    let mut found = Vec::new();
    for (line, text) in manifest.lines() {
        if let Some(header) = text.strip_prefix('[') {
            section = header.trim_end_matches(']');
        } else if section.ends_with("dependencies")
            && let Some((name, value)) = entry(text)
        {
            found.push(Declared {
                line,
                section,
                name,
                value,
            });
        }
    }
    found
}

/// `name = value` or `name.workspace = true`, as name and the rest.
fn entry(line: &str) -> Option<(&str, &str)> {
    let end = line.find([' ', '.', '='])?;
    (end > 0 && !line.starts_with('#')).then(|| line.split_at(end))
}

fn member_manifests() -> Vec<SourceFile> {
    let manifests: Vec<_> = tree::files("toml")
        .into_iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"))
        .collect();
    assert!(!manifests.is_empty(), "the workspace has no members");
    manifests
}
