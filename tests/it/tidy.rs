//! The shape of the sources: module docs, file length, leftovers, lint suppressions, words.

use crate::tree::{self, Offences, SourceFile};

/// Longer files hide more than one thing.
const FILE_LINES_MAX: usize = 700;

/// Marks of unfinished work. Cut in two, so that this file does not offend itself.
const LEFTOVERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
];

/// Kinds of files that are searched for leftovers.
const TEXT_EXTENSIONS: &[&str] = &["rs", "md", "proto", "toml", "yaml", "service"];

/// Words of other systems, and ours for the same concept (docs/glossary.md). Only where the code is ours to name:
/// the front ends of foreign protocols speak as their clients do.
const SYNONYMS: &[(&str, &str)] = &[
    ("tenant", "namespace"),
    ("unregister", "deregister"),
    ("datacenter", "region or zone"),
    ("data_center", "region or zone"),
    ("catalogue", "catalog"),
    ("non_voter", "learner"),
    ("nonvoter", "learner"),
    ("slave", "follower"),
];

/// Where foreign words live, and the file that lists them.
const FOREIGN: &[&str] = &[
    "crates/frontend/src/consul",
    "crates/frontend/src/eureka",
    "crates/frontend/src/xds",
    "crates/frontend/src/dns",
    "tests/interop/",
    "tests/it/tidy.rs",
];

#[test]
fn sources_are_in_shape() {
    let mut offences = Offences::default();
    for file in tree::files("rs").iter().filter(|file| !file.is_generated()) {
        check_shape(file, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn nothing_is_left_unfinished() {
    let mut offences = Offences::default();
    for extension in TEXT_EXTENSIONS {
        for file in tree::files_if_any(extension).iter().filter(|file| !file.is_generated()) {
            check_leftovers(file, &mut offences);
        }
    }
    offences.assert_none();
}

#[test]
fn suppressed_lints_state_a_reason() {
    let mut offences = Offences::default();
    for file in tree::files("rs").iter().filter(|file| !file.is_generated()) {
        check_suppressions(file, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn one_concept_has_one_word() {
    let mut offences = Offences::default();
    for file in tree::files("rs").iter().chain(&tree::files_if_any("proto")) {
        check_words(file, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn the_checks_see_planted_offences() {
    let mut offences = Offences::default();
    let text = format!("use x;\n// {}: y\n#[expect(z)]\nlet tenant_id = 1;\n", LEFTOVERS[0]);
    let file = SourceFile::planted("crates/x/src/mod.rs", &text);
    check_shape(&file, &mut offences);
    check_leftovers(&file, &mut offences);
    check_suppressions(&file, &mut offences);
    check_words(&file, &mut offences);
    let long = "//! Docs.\n".repeat(FILE_LINES_MAX + 1);
    check_shape(&SourceFile::planted("a.rs", &long), &mut offences);
    let expected = [
        "crates/x/src/mod.rs:1: a file starts with `//!` and says what it is",
        "crates/x/src/mod.rs:1: write foo.rs beside foo/, not mod.rs",
        &format!("crates/x/src/mod.rs:2: unfinished: {}", LEFTOVERS[0]),
        "crates/x/src/mod.rs:3: a suppressed lint needs `reason = \"…\"`",
        "crates/x/src/mod.rs:4: say namespace, not tenant",
        "a.rs:701: more than 700 lines: split it",
    ];
    assert_eq!(offences.found(), expected);
}

fn check_shape(file: &SourceFile, offences: &mut Offences) {
    if !file.text.starts_with("//!") {
        offences.add(&file.path, 1, "a file starts with `//!` and says what it is");
    }
    if file.path.ends_with("/mod.rs") {
        offences.add(&file.path, 1, "write foo.rs beside foo/, not mod.rs");
    }
    if file.lines().count() > FILE_LINES_MAX {
        offences.add(
            &file.path,
            FILE_LINES_MAX + 1,
            format!("more than {FILE_LINES_MAX} lines: split it"),
        );
    }
}

fn check_leftovers(file: &SourceFile, offences: &mut Offences) {
    for (number, line) in file.lines() {
        for leftover in LEFTOVERS.iter().filter(|leftover| line.contains(**leftover)) {
            offences.add(&file.path, number, format!("unfinished: {leftover}"));
        }
    }
}

fn check_suppressions(file: &SourceFile, offences: &mut Offences) {
    for opening in ["[allow(", "[expect("] {
        for (offset, _) in file.text.match_indices(opening) {
            let attribute = file.text[offset..].split(")]").next().unwrap_or_default();
            let before = file.text[..offset].lines().next_back().unwrap_or_default().trim_start();
            let is_code = matches!(before, "#" | "#!");
            if is_code && !attribute.contains("reason = ") {
                offences.add(
                    &file.path,
                    file.line_of(offset),
                    "a suppressed lint needs `reason = \"…\"`",
                );
            }
        }
    }
}

fn check_words(file: &SourceFile, offences: &mut Offences) {
    if FOREIGN.iter().any(|foreign| file.path.starts_with(foreign)) {
        return;
    }
    for (number, line) in file.lines() {
        let line = line.to_lowercase();
        for (foreign, ours) in SYNONYMS.iter().filter(|(foreign, _)| line.contains(foreign)) {
            offences.add(&file.path, number, format!("say {ours}, not {foreign}"));
        }
    }
}
