//! What a snapshot file looks like.
//!
//! ```text
//! header   magic "QRSNAP" | version u16 | index u64 | term u64 | crc u32 of all before
//! chunk    length u32, not 0 | crc u32 of length and content | content      … any number of them
//! trailer  0 u32 | chunks u64 | content bytes u64 | crc u32 over all before, from the first byte of the file
//! ```
//!
//! All numbers are little-endian. A chunk's checksum lets it be used before the rest is read; the trailer's says
//! that no chunk is missing, repeated or out of its order.

use std::{
    fmt,
    io::{self, BufRead as _, Read, Write},
};

use bytes::Bytes;

use super::{CHUNK_LEN_MAX, SnapshotName, UnfinishedFile};

const MAGIC: [u8; 6] = *b"QRSNAP";
pub(super) const VERSION: u16 = 1;
const HEADER_LEN: usize = 24;

/// Length and checksum of a chunk.
const CHUNK_HEAD_LEN: usize = 8;

/// Buffer between chunks and the file: chunks may be tiny.
const BUFFER_BYTES: usize = 256 << 10;

/// Makes the bytes of a snapshot file, in order: for whoever sends them on instead of keeping them.
pub struct SnapshotFramer {
    sums: Sums,
}

pub(super) struct FrameWriter {
    file: io::BufWriter<Box<dyn UnfinishedFile>>,
    framer: SnapshotFramer,
}

pub(super) struct FrameReader {
    file: io::BufReader<Box<dyn Read + Send>>,
    sums: Sums,
    ended: bool,
}

/// Why a file does not begin like a snapshot of this version.
#[derive(Debug)]
pub(super) enum HeaderError {
    Io(io::Error),
    Foreign,
    Version(u16),
}

/// What the trailer holds.
#[derive(Default)]
struct Sums {
    chunks: u64,
    bytes: u64,
    crc: crc32fast::Hasher,
}

// === impl SnapshotFramer ===

impl SnapshotFramer {
    /// Begins the file of a snapshot, and gives its first bytes.
    pub fn begin(name: SnapshotName) -> (Self, Bytes) {
        let mut framer = Self { sums: Sums::default() };
        let mut begin = Vec::from(header(name));
        framer.sums.crc.update(&begin);
        begin.extend(framer.sums.crc_so_far());
        (framer, begin.into())
    }

    /// What stands before `chunk` in the file; the chunk itself comes next. Nothing may be written of an empty one.
    ///
    /// # Panics
    /// If the chunk is longer than 4 GiB; a reader refuses one that is longer than [`CHUNK_LEN_MAX`].
    pub fn before_chunk(&mut self, chunk: &[u8]) -> [u8; CHUNK_HEAD_LEN] {
        let len = u32::try_from(chunk.len()).expect("a chunk is within its limit");
        let crc = chunk_crc(len.to_le_bytes(), chunk);
        let mut head = [0; CHUNK_HEAD_LEN];
        head[..4].copy_from_slice(&len.to_le_bytes());
        head[4..].copy_from_slice(&crc.to_le_bytes());
        self.sums.crc.update(&head);
        self.sums.crc.update(chunk);
        self.sums.count(chunk);
        head
    }

    /// The last bytes of the file.
    #[must_use]
    pub fn end(mut self) -> Bytes {
        let mut end = Vec::from(self.sums.trailer());
        self.sums.crc.update(&end);
        end.extend(self.sums.crc_so_far());
        end.into()
    }
}

impl fmt::Debug for SnapshotFramer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotFramer")
            .field("chunks", &self.sums.chunks)
            .finish_non_exhaustive()
    }
}

// === impl FrameWriter ===

impl FrameWriter {
    pub(super) fn create(file: Box<dyn UnfinishedFile>, name: SnapshotName) -> io::Result<Self> {
        let mut file = io::BufWriter::with_capacity(BUFFER_BYTES, file);
        let (framer, begin) = SnapshotFramer::begin(name);
        file.write_all(&begin)?;
        Ok(Self { file, framer })
    }

    pub(super) fn write_chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        let head = self.framer.before_chunk(chunk);
        self.file.write_all(&head)?;
        self.file.write_all(chunk)
    }

    pub(super) fn finish(self) -> io::Result<()> {
        let Self { mut file, framer } = self;
        file.write_all(&framer.end())?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.publish()
    }

    pub(super) fn chunks(&self) -> u64 {
        self.framer.sums.chunks
    }

    pub(super) fn bytes(&self) -> u64 {
        self.framer.sums.bytes
    }
}

impl fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameWriter")
            .field("chunks", &self.chunks())
            .finish_non_exhaustive()
    }
}

// === impl FrameReader ===

impl FrameReader {
    /// Reads the file of a snapshot that is known by name.
    pub(super) fn open(file: Box<dyn Read + Send>, name: SnapshotName) -> io::Result<Self> {
        let mut reader = Self::new(file);
        if reader.read_header()? != header(name) {
            return Err(damaged("the header is of another snapshot, or of another version"));
        }
        Ok(reader)
    }

    /// Reads the file of any snapshot of this version, and gives its name.
    pub(super) fn open_any(file: Box<dyn Read + Send>) -> Result<(Self, SnapshotName), HeaderError> {
        let mut reader = Self::new(file);
        let found = reader.read_header_of_any()?;
        let number = |at: usize| u64::from_le_bytes(found[at..at + 8].try_into().expect("eight bytes"));
        let name = SnapshotName {
            index: number(8),
            term: number(16),
        };
        Ok((reader, name))
    }

    fn new(file: Box<dyn Read + Send>) -> Self {
        Self {
            file: io::BufReader::with_capacity(BUFFER_BYTES, file),
            sums: Sums::default(),
            ended: false,
        }
    }

    fn read_header(&mut self) -> io::Result<[u8; HEADER_LEN]> {
        let found = self.read_array()?;
        self.check_crc("header")?;
        Ok(found)
    }

    /// Says of a file that is none of ours that it is none, and not that it is damaged.
    fn read_header_of_any(&mut self) -> Result<[u8; HEADER_LEN], HeaderError> {
        let known = self.file.fill_buf()?;
        if !known.starts_with(&MAGIC) {
            return Err(HeaderError::Foreign);
        }
        let found = self.read_header()?;
        match u16::from_le_bytes([found[6], found[7]]) {
            VERSION => Ok(found),
            version => Err(HeaderError::Version(version)),
        }
    }

    pub(super) fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        let len = self.read_array()?;
        if len == [0; 4] {
            self.check_trailer()?;
            self.ended = true;
            return Ok(None);
        }
        let chunk_len = u32::from_le_bytes(len) as usize;
        if chunk_len > CHUNK_LEN_MAX {
            return Err(damaged("a chunk is longer than any can be"));
        }
        let crc = u32::from_le_bytes(self.read_array()?);
        let mut chunk = vec![0; chunk_len];
        self.file.read_exact(&mut chunk)?;
        self.sums.crc.update(&chunk);
        if crc != chunk_crc(len, &chunk) {
            return Err(damaged("the checksum of a chunk does not match"));
        }
        self.sums.count(&chunk);
        Ok(Some(chunk.into()))
    }

    pub(super) fn chunks(&self) -> u64 {
        self.sums.chunks
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sums.bytes
    }

    /// The trailer after its first four bytes, and the end of the file.
    fn check_trailer(&mut self) -> io::Result<()> {
        let expected = self.sums.trailer();
        let counts: [u8; 16] = self.read_array()?;
        self.check_crc("whole file")?;
        if counts != expected[4..] {
            return Err(damaged("the trailer counts other chunks than there are"));
        }
        match self.file.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(damaged("there are bytes after the end")),
        }
    }

    fn check_crc(&mut self, what: &str) -> io::Result<()> {
        let expected = self.sums.crc.clone().finalize();
        let found: [u8; 4] = self.read_array()?;
        if found == expected.to_le_bytes() {
            return Ok(());
        }
        Err(damaged(&format!("the checksum of the {what} does not match")))
    }

    fn read_array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        self.sums.crc.update(&bytes);
        Ok(bytes)
    }
}

impl fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader")
            .field("chunks", &self.sums.chunks)
            .finish_non_exhaustive()
    }
}

// === impl Sums ===

impl Sums {
    fn count(&mut self, chunk: &[u8]) {
        self.chunks += 1;
        self.bytes += chunk.len() as u64;
    }

    /// The checksum of all so far, which from then on counts itself.
    fn crc_so_far(&mut self) -> [u8; 4] {
        let crc = self.crc.clone().finalize().to_le_bytes();
        self.crc.update(&crc);
        crc
    }

    /// The trailer without its checksum.
    fn trailer(&self) -> [u8; 20] {
        let mut trailer = [0; 20];
        trailer[4..12].copy_from_slice(&self.chunks.to_le_bytes());
        trailer[12..].copy_from_slice(&self.bytes.to_le_bytes());
        trailer
    }
}

/// The header without its checksum.
fn header(name: SnapshotName) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..6].copy_from_slice(&MAGIC);
    header[6..8].copy_from_slice(&VERSION.to_le_bytes());
    header[8..16].copy_from_slice(&name.index.to_le_bytes());
    header[16..].copy_from_slice(&name.term.to_le_bytes());
    header
}

fn chunk_crc(len: [u8; 4], chunk: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&len);
    crc.update(chunk);
    crc.finalize()
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
