//! The source tree as the checks see it: files relative to the root, and the offences found in them.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

/// Directories that hold nothing of ours. Other hidden directories are skipped too, but for [`OURS_THOUGH_HIDDEN`].
const NOT_OURS: &[&str] = &["target", "node_modules"];
const OURS_THOUGH_HIDDEN: &[&str] = &[".ci", ".config", ".cargo"];

/// A text file of the tree.
pub(crate) struct SourceFile {
    /// Path from the root of the tree, with `/` between its parts.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl SourceFile {
    /// A file that is not on disk, to show a check an offence.
    pub(crate) fn planted(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The line that holds the byte at `offset`.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    /// Generated code is committed under a folder named `gen` and answers to its generator alone.
    pub(crate) fn is_generated(&self) -> bool {
        self.path.split('/').any(|part| part == "gen")
    }
}

/// What a check found, one line each: `path:line: what is wrong`.
#[derive(Default)]
pub(crate) struct Offences(Vec<String>);

impl Offences {
    pub(crate) fn add(&mut self, path: &str, line: usize, problem: impl Display) {
        self.0.push(format!("{path}:{line}: {problem}"));
    }

    /// Fails the calling test with every offence, if there is one.
    pub(crate) fn assert_none(self) {
        assert!(self.0.is_empty(), "{} offence(s)\n{}", self.0.len(), self.0.join("\n"));
    }

    /// What was found, for the tests of the checks themselves.
    pub(crate) fn found(self) -> Vec<String> {
        self.0
    }
}

/// The root of the tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the test package is a directory of the tree")
        .to_owned()
}

/// All files whose name ends in `.extension`, sorted by path. That there is none is a broken check.
pub(crate) fn files(extension: &str) -> Vec<SourceFile> {
    let files = files_if_any(extension);
    assert!(!files.is_empty(), "no .{extension} file under {}", root().display());
    files
}

/// All files whose name ends in `.extension`, sorted by path.
pub(crate) fn files_if_any(extension: &str) -> Vec<SourceFile> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

/// One file, by its path from the root.
pub(crate) fn file(path: &str) -> SourceFile {
    read(&root().join(path))
}

fn read(path: &Path) -> SourceFile {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let relative = path.strip_prefix(root()).expect("the file was found under the root");
    SourceFile {
        path: relative.to_string_lossy().replace('\\', "/"),
        text,
    }
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let entry = entry.expect("the directory is readable");
        let kind = entry.file_type().expect("the kind of a directory entry is readable");
        if kind.is_dir() && is_ours(&entry.file_name().to_string_lossy()) {
            collect(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
}

fn is_ours(directory: &str) -> bool {
    OURS_THOUGH_HIDDEN.contains(&directory) || !(directory.starts_with('.') || NOT_OURS.contains(&directory))
}
