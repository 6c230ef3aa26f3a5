//! Every place that a document or a comment points to exists.
//!
//! Checked are the relative links of every Markdown file, to files and to headings, and the code spans that are
//! written like a path from the root of the tree, in Markdown and in Rust comments.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use crate::tree::{self, Offences, SourceFile};

/// A code span that starts with one of these and has only the characters of a path is a reference.
const TOP_DIRECTORIES: &[&str] = &["crates/", "docs/", "tests/", "proto/", "deploy/", ".ci/"];

#[test]
fn links_in_documents_resolve() {
    let mut offences = Offences::default();
    let documents = Documents::new(tree::files("md"));
    for file in &documents.files {
        check_links(file, &documents, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn paths_in_code_spans_exist() {
    let mut offences = Offences::default();
    for file in tree::files("md").iter().chain(&tree::files("rs")) {
        check_code_spans(file, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn the_checks_see_planted_offences() {
    let text = "# A `b` c!\n[x](#a-b-c) [y](#none) [z](gone.md) ![p](../../etc/passwd)\n\
                [w](https://example.org/#none) `[v](gone.md)`\n```\n[u](gone.md)\n```\n[t]: other.md#none\n\
                `docs/gone.md` `docs/*` `docs`\n";
    let file = SourceFile::planted("docs/planted.md", text);
    let other = SourceFile::planted("docs/other.md", "");
    let documents = Documents::new(vec![file, other]);
    let mut offences = Offences::default();
    check_links(&documents.files[0], &documents, &mut offences);
    check_code_spans(&documents.files[0], &mut offences);
    let expected = [
        "docs/planted.md:2: no heading #none in docs/planted.md",
        "docs/planted.md:2: gone.md does not exist",
        "docs/planted.md:2: ../../etc/passwd leaves the tree",
        "docs/planted.md:7: other.md does not exist",
        "docs/planted.md:8: docs/gone.md does not exist",
    ];
    assert_eq!(offences.found(), expected);
}

#[test]
fn anchors_are_made_as_the_reader_makes_them() {
    let text = "# One, two\n## One two\n## G1 – `a_b` [c](d.md)\n<a id=\"own\"></a>\n```\n# no\n```\n";
    let expected = ["g1--a_b-c", "one-two", "one-two-1", "own"].map(str::to_owned);
    assert_eq!(anchors(&SourceFile::planted("a.md", text)), BTreeSet::from(expected));
}

/// The Markdown files and the anchors in each.
struct Documents {
    files: Vec<SourceFile>,
    anchors: BTreeMap<String, BTreeSet<String>>,
}

impl Documents {
    fn new(files: Vec<SourceFile>) -> Self {
        let anchors = files.iter().map(|file| (file.path.clone(), anchors(file))).collect();
        Self { files, anchors }
    }
}

fn check_links(file: &SourceFile, documents: &Documents, offences: &mut Offences) {
    for (number, line) in prose(file) {
        let line = without_code_spans(line);
        for target in targets(&line) {
            if let Some(problem) = link_problem(file, target, documents) {
                offences.add(&file.path, number, problem);
            }
        }
    }
}

fn link_problem(file: &SourceFile, target: &str, documents: &Documents) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target
        .split_once('#')
        .map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let Some(found) = resolve(&file.path, path) else {
        return Some(format!("{path} leaves the tree"));
    };
    if found != file.path && !tree::root().join(&found).exists() {
        return Some(format!("{path} does not exist"));
    }
    let anchor = anchor?;
    let known = documents
        .anchors
        .get(&found)
        .is_some_and(|anchors| anchors.contains(anchor));
    (!known).then(|| format!("no heading #{anchor} in {found}"))
}

/// The path from the root that a link in `from` means; `None` when it leaves the tree.
pub(crate) fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut found = PathBuf::from(from);
    found.pop();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => found.push(name),
            Component::CurDir => {}
            Component::ParentDir if found.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(found.to_string_lossy().into_owned())
}

fn check_code_spans(file: &SourceFile, offences: &mut Offences) {
    let is_rust = file.path.rsplit('.').next() == Some("rs");
    for (number, line) in prose(file) {
        if is_rust && !line.trim_start().starts_with("//") {
            continue;
        }
        for span in line.split('`').skip(1).step_by(2).filter(|span| is_path(span)) {
            if !tree::root().join(span).exists() {
                offences.add(&file.path, number, format!("{span} does not exist"));
            }
        }
    }
}

fn is_path(span: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    TOP_DIRECTORIES.iter().any(|top| span.starts_with(top)) && span.chars().all(allowed)
}

/// The lines outside fenced blocks.
fn prose(file: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().trim_start_matches(['/', '!', ' ']).starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The targets of `[text](target "title")` and `[name]: target`.
fn targets(line: &str) -> Vec<&str> {
    let first_word = |text: &str| text.find([' ', ')']).unwrap_or(text.len());
    let mut found: Vec<_> = line.split("](").skip(1).map(|rest| &rest[..first_word(rest)]).collect();
    if line.starts_with('[')
        && let Some((_, rest)) = line.split_once("]: ")
    {
        found.push(&rest[..first_word(rest)]);
    }
    found
}

/// What a `#anchor` may name in a Markdown file: its headings, as GitHub writes them, and explicit ids.
fn anchors(file: &SourceFile) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(file) {
        if let Some(heading) = line
            .trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#'))
        {
            let slug = slug(heading);
            let repeats = (1..).map(|count| format!("{slug}-{count}"));
            let free = std::iter::once(slug.clone())
                .chain(repeats)
                .find(|slug| !found.contains(slug));
            found.extend(free);
        }
        found.extend(
            line.split(" id=\"")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())),
        );
    }
    found
}

fn slug(heading: &str) -> String {
    let text: String = heading
        .split("](")
        .enumerate()
        .map(|(index, part)| after_target(index, part))
        .collect();
    let kept = text
        .trim()
        .chars()
        .filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    kept.map(|it| if it == ' ' { '-' } else { it })
        .collect::<String>()
        .to_lowercase()
}

/// The text of a heading that follows a link's target: all parts but the first begin with one.
fn after_target(index: usize, part: &str) -> &str {
    if index == 0 {
        part
    } else {
        part.split_once(')').map_or("", |(_, rest)| rest)
    }
}
