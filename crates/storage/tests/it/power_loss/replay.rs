//! A model of a disk: what is certainly on it, and what may be.
//!
//! Certain is the content of a file up to its last sync, and the names in a directory up to the directory's own. Of what
//! came later, any 4 KiB block of a file may have been written up to any of its writes, and the names may have
//! changed up to any of their changes.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rand::{RngExt as _, rngs::StdRng};

const BLOCK: usize = 4096;

/// One recorded operation; the recorder's source says what each is.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Create(PathBuf),
    Write {
        path: PathBuf,
        offset: usize,
        data: Vec<u8>,
    },
    SetLen {
        path: PathBuf,
        len: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    RemoveFile(PathBuf),
    MakeDir(PathBuf),
    RemoveDir(PathBuf),
    Sync(PathBuf),
    DataSync(PathBuf),
    Print(Vec<u8>),
}

/// Which syncs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syncs {
    /// All of them.
    All,
    /// All but fdatasync: as if the victim acknowledged after sled's own flush.
    WithoutData,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// What is at each path now.
    now: Names,
    /// What is certainly at each path.
    durable: Names,
    /// Changes of names since then.
    changes: Vec<Change>,
}

type Names = BTreeMap<PathBuf, Node>;

#[derive(Debug, Clone, Copy)]
enum Node {
    Dir,
    /// An index of `Disk::files`.
    File(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Add(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    unsynced: Vec<Unsynced>,
}

#[derive(Debug, Clone)]
enum Unsynced {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

/// How lucky an image is.
#[derive(Debug, Clone, Copy)]
enum Luck {
    /// Nothing that was not synced is there.
    None,
    /// Everything is.
    All,
    /// A write is there with this chance.
    Some(f64),
}

// === impl Disk ===

impl Disk {
    /// A disk that certainly holds what is in `dir`.
    pub(crate) fn load(dir: &Path) -> Self {
        let mut disk = Self::default();
        disk.load_below(dir);
        disk.durable = disk.now.clone();
        disk
    }

    fn load_below(&mut self, dir: &Path) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.now.insert(path.clone(), Node::Dir);
                self.load_below(&path);
            } else {
                let durable = fs::read(&path).unwrap();
                let node = self.add_file(File {
                    durable,
                    unsynced: Vec::new(),
                });
                self.now.insert(path, node);
            }
        }
    }

    fn add_file(&mut self, file: File) -> Node {
        self.files.push(file);
        Node::File(self.files.len() - 1)
    }

    pub(crate) fn apply(&mut self, operation: &Operation, syncs: Syncs) {
        match operation {
            Operation::Create(path) => {
                let node = self.add_file(File::default());
                self.change(Change::Add(path.clone(), node));
            }
            Operation::MakeDir(path) => self.change(Change::Add(path.clone(), Node::Dir)),
            Operation::Rename { from, to } => self.change(Change::Rename(from.clone(), to.clone())),
            Operation::RemoveFile(path) | Operation::RemoveDir(path) => self.change(Change::Remove(path.clone())),
            Operation::Write { path, offset, data } => {
                self.file(path).unsynced.push(Unsynced::Write(*offset, data.clone()));
            }
            Operation::SetLen { path, len } => self.file(path).unsynced.push(Unsynced::SetLen(*len)),
            Operation::Sync(path) => self.sync(path),
            Operation::DataSync(path) if syncs == Syncs::All => self.sync(path),
            Operation::DataSync(_) | Operation::Print(_) => {}
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.changes.push(change);
    }

    fn file(&mut self, path: &Path) -> &mut File {
        match self.now.get(path) {
            Some(Node::File(file)) => &mut self.files[*file],
            other => panic!("{} is {other:?}", path.display()),
        }
    }

    fn sync(&mut self, path: &Path) {
        if let Some(Node::File(file)) = self.now.get(path) {
            self.files[*file].sync();
            return;
        }
        // Stricter than ext4, where any sync commits every change of a name in any directory.
        let (synced, unsynced) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|change| change.dir() == Some(path));
        self.changes = unsynced;
        let synced: Vec<Change> = synced;
        for change in synced {
            change.apply(&mut self.durable);
        }
    }

    /// Writes one of the states in which a power cut may leave the files below `dir` to `into`.
    pub(crate) fn write_image(&self, dir: &Path, into: &Path, rng: &mut StdRng) {
        let luck = Luck::draw(rng);
        let mut names = self.durable.clone();
        let changes = luck.prefix(self.changes.len(), rng);
        for change in &self.changes[..changes] {
            change.apply(&mut names);
        }
        // A directory sorts before what is in it.
        for (path, node) in names {
            let Ok(below) = path.strip_prefix(dir) else {
                panic!("{} is not below {}", path.display(), dir.display());
            };
            let target = into.join(below);
            if !target.parent().is_some_and(Path::is_dir) {
                // Its own name is durable, that of its directory is not.
                continue;
            }
            match node {
                Node::Dir => fs::create_dir(target).unwrap(),
                Node::File(file) => fs::write(target, self.files[file].image(luck, rng)).unwrap(),
            }
        }
    }
}

// === impl Change ===

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(path, node) => drop(names.insert(path.clone(), *node)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to) => {
                let node = names.remove(from).expect("what is renamed has a name");
                names.insert(to.clone(), node);
            }
        }
    }

    /// The directory whose sync makes the change durable. Nothing is renamed from one to another.
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Remove(path) | Self::Rename(_, path) => path.parent(),
        }
    }
}

// === impl File ===

impl File {
    fn sync(&mut self) {
        for unsynced in std::mem::take(&mut self.unsynced) {
            match unsynced {
                Unsynced::Write(offset, data) => put(&mut self.durable, offset, &data),
                Unsynced::SetLen(len) => self.durable.resize(len, 0),
            }
        }
    }

    /// The content after a power cut.
    fn image(&self, luck: Luck, rng: &mut StdRng) -> Vec<u8> {
        let mut content = self.durable.clone();
        // How many of its writes reach each block.
        let mut left: BTreeMap<usize, usize> = BTreeMap::new();
        for block in self.unsynced.iter().flat_map(Unsynced::blocks) {
            *left.entry(block).or_default() += 1;
        }
        for writes in left.values_mut() {
            *writes = luck.prefix(*writes, rng);
        }
        for unsynced in &self.unsynced {
            match unsynced {
                Unsynced::SetLen(len) if luck.holds(rng) => content.resize(*len, 0),
                Unsynced::SetLen(_) => {}
                Unsynced::Write(offset, data) => {
                    for block in unsynced.blocks() {
                        let left = left.get_mut(&block).expect("every block was counted");
                        if *left > 0 {
                            *left -= 1;
                            let from = (block * BLOCK).max(*offset);
                            let to = ((block + 1) * BLOCK).min(offset + data.len());
                            put(&mut content, from, &data[from - offset..to - offset]);
                        }
                    }
                }
            }
        }
        content
    }
}

// === impl Unsynced ===

impl Unsynced {
    /// The blocks that it touches.
    fn blocks(&self) -> std::ops::Range<usize> {
        match self {
            Self::Write(offset, data) => offset / BLOCK..(offset + data.len()).div_ceil(BLOCK),
            Self::SetLen(_) => 0..0,
        }
    }
}

// === impl Luck ===

impl Luck {
    fn draw(rng: &mut StdRng) -> Self {
        match rng.random_range(0..5) {
            0 => Self::None,
            1 => Self::All,
            _ => Self::Some([0.1, 0.5, 0.9][rng.random_range(0..3)]),
        }
    }

    fn holds(self, rng: &mut StdRng) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(chance) => rng.random_bool(chance),
        }
    }

    /// How many of `len` things in a row happened.
    fn prefix(self, len: usize, rng: &mut StdRng) -> usize {
        match self {
            Self::None => 0,
            Self::All => len,
            Self::Some(chance) if rng.random_bool(chance) => len,
            Self::Some(_) => rng.random_range(0..=len),
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

/// Parses what the recorder wrote: each operation with the length of the record up to its end.
pub(crate) fn parse(bytes: &[u8]) -> Vec<(usize, Operation)> {
    let (mut operations, mut rest) = (Vec::new(), bytes);
    while let Some(operation) = next(&mut rest) {
        operations.push((bytes.len() - rest.len(), operation));
    }
    assert!(rest.is_empty(), "half a record");
    operations
}

fn next(bytes: &mut &[u8]) -> Option<Operation> {
    let (op, rest) = bytes.split_first()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (path_len, rest) = rest.split_first_chunk::<4>()?;
    let (data_len, rest) = rest.split_first_chunk::<4>()?;
    let (path, rest) = rest.split_at_checked(u32::from_ne_bytes(*path_len) as usize)?;
    let (data, rest) = rest.split_at_checked(u32::from_ne_bytes(*data_len) as usize)?;
    *bytes = rest;
    let offset = usize::try_from(u64::from_ne_bytes(*offset)).unwrap();
    let path = PathBuf::from(OsStr::from_bytes(path));
    Some(match op {
        b'C' => Operation::Create(path),
        b'W' => Operation::Write {
            path,
            offset,
            data: data.to_vec(),
        },
        b'T' => Operation::SetLen { path, len: offset },
        b'M' => Operation::Rename {
            from: path,
            to: PathBuf::from(OsStr::from_bytes(data)),
        },
        b'U' => Operation::RemoveFile(path),
        b'D' => Operation::MakeDir(path),
        b'R' => Operation::RemoveDir(path),
        b'S' => Operation::Sync(path),
        b's' => Operation::DataSync(path),
        b'A' => Operation::Print(data.to_vec()),
        other => panic!("the recorder wrote {other:?}"),
    })
}
