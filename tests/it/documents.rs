//! The documents keep their promises about themselves.
//!
//! # docs/guarantees.md
//!
//! One section `## G<number> <title>` per guarantee, numbered from 1 without gaps. A section names what checks
//! it, one test per line, as a link to the file that holds the test function:
//!
//! ```text
//! - [`the_name_of_the_test_function`](../tests/it/cluster.rs)
//! ```
//!
//! or says in a line that starts with `Not yet: ` what is not checked, or not even built. A section may have
//! both; one with neither is an unchecked promise, and fails.
//!
//! # docs/adr
//!
//! One file `NNNN-title.md` per decision, numbered from 1 without gaps, with the headings below.

use std::path::Path;

use crate::{
    links,
    tree::{self, Offences, SourceFile},
};

const GUARANTEES: &str = "docs/guarantees.md";
const DECISIONS: &str = "docs/adr/";
const DECISION_HEADINGS: &[&str] = &[
    "## Context",
    "## Decision",
    "## Evidence",
    "## Consequences",
    "## How we would know it is wrong",
];
/// About a page. A longer decision is a design document or several decisions.
const DECISION_LINES_MAX: usize = 70;

#[test]
fn every_guarantee_names_its_test_or_says_not_yet() {
    let mut offences = Offences::default();
    check_guarantees(&tree::file(GUARANTEES), &mut offences);
    offences.assert_none();
}

#[test]
fn every_decision_has_its_evidence_and_its_way_to_be_wrong() {
    let mut offences = Offences::default();
    let documents = tree::files("md");
    let decisions = documents
        .iter()
        .filter(|file| file.path.starts_with(DECISIONS) && !file.path.ends_with("README.md"));
    for (index, file) in decisions.enumerate() {
        check_decision(file, index + 1, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn the_checks_see_planted_offences() {
    let mut offences = Offences::default();
    let text = "# Guarantees\n## G1 One\nwords\n## G3 Three\nNot yet: all of it.\n\
                ## G3 Again\n- [`no_such_test`](../tests/it/documents.rs)\n- [`root`](../tests/it/tree.rs)\n\
                - [`the_checks_see_planted_offences`](../tests/it/documents.rs)\n";
    check_guarantees(&SourceFile::planted(GUARANTEES, text), &mut offences);
    let decision = "# 0002 Two\n## Context\n## Decision\n## Evidence\n## Consequences\n";
    check_decision(&SourceFile::planted("docs/adr/0002-two.md", decision), 1, &mut offences);
    let expected = [
        "docs/guarantees.md:4: expected the section of G2",
        "docs/guarantees.md:7: no test function no_such_test in tests/it/documents.rs",
        "docs/guarantees.md:8: no test function root in tests/it/tree.rs",
        "docs/guarantees.md:2: G1 names no test and does not say `Not yet: `",
        "docs/adr/0002-two.md:1: expected the decision 0001",
        "docs/adr/0002-two.md:1: no heading `## How we would know it is wrong`",
    ];
    assert_eq!(offences.found(), expected);
}

fn check_guarantees(file: &SourceFile, offences: &mut Offences) {
    let mut sections: Vec<(usize, bool)> = Vec::new();
    for (number, line) in file.lines() {
        if line.starts_with("## G") {
            sections.push((number, false));
            if !line.starts_with(&format!("## G{} ", sections.len())) {
                offences.add(
                    &file.path,
                    number,
                    format!("expected the section of G{}", sections.len()),
                );
            }
        }
        let Some((_, is_backed)) = sections.last_mut() else {
            continue;
        };
        *is_backed |= line.starts_with("Not yet: ");
        if let Some((name, link)) = named_test(line) {
            *is_backed = true;
            if let Some(problem) = test_problem(name, link) {
                offences.add(&file.path, number, problem);
            }
        }
    }
    if sections.is_empty() {
        offences.add(&file.path, 1, "no guarantee");
    }
    for (index, (line, _)) in sections.iter().enumerate().filter(|(_, (_, is_backed))| !is_backed) {
        let problem = format!("G{} names no test and does not say `Not yet: `", index + 1);
        offences.add(&file.path, *line, problem);
    }
}

/// The function and the link in a line that names a test.
fn named_test(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("- [`")?.split_once("`](")?;
    Some((name, rest.split_once(')')?.0))
}

fn test_problem(name: &str, link: &str) -> Option<String> {
    let path = links::resolve(GUARANTEES, link).filter(|path| tree::root().join(path).is_file());
    let Some(path) = path else {
        return Some(format!("{link} does not exist"));
    };
    (!holds_test(&tree::file(&path), name)).then(|| format!("no test function {name} in {path}"))
}

/// Whether the file has a function of that name under an attribute that makes it a test.
fn holds_test(file: &SourceFile, name: &str) -> bool {
    let lines: Vec<_> = file.text.lines().map(str::trim_start).collect();
    let opening = format!("fn {name}(");
    let is_head = |line: &&&str| line.starts_with('#') || line.starts_with("//");
    let is_test = |line: &str| line.starts_with("#[") && line.contains("test");
    let functions = lines.iter().enumerate().filter(|(_, line)| line.contains(&opening));
    functions.into_iter().any(|(index, _)| {
        lines[..index]
            .iter()
            .rev()
            .take_while(is_head)
            .any(|line| is_test(line))
    })
}

fn check_decision(file: &SourceFile, number: usize, offences: &mut Offences) {
    let name = Path::new(&file.path)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if !name.starts_with(&format!("{number:04}-")) {
        offences.add(&file.path, 1, format!("expected the decision {number:04}"));
    }
    for heading in DECISION_HEADINGS {
        if !file.lines().any(|(_, line)| line == *heading) {
            offences.add(&file.path, 1, format!("no heading `{heading}`"));
        }
    }
    if file.lines().count() > DECISION_LINES_MAX {
        offences.add(&file.path, DECISION_LINES_MAX + 1, "a decision fits on a page");
    }
}
