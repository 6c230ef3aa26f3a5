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
    io::{self, Read, Write},
};

use bytes::Bytes;

use super::{CHUNK_LEN_MAX, SnapshotName, UnfinishedFile};

const MAGIC: [u8; 6] = *b"QRSNAP";
const VERSION: u16 = 1;
const HEADER_LEN: usize = 24;

/// Buffer between chunks and the file: chunks may be tiny.
const BUFFER_BYTES: usize = 256 << 10;

pub(super) struct FrameWriter {
    file: io::BufWriter<Box<dyn UnfinishedFile>>,
    sums: Sums,
}

pub(super) struct FrameReader {
    file: io::BufReader<Box<dyn Read + Send>>,
    sums: Sums,
    ended: bool,
}

/// What the trailer holds.
#[derive(Default)]
struct Sums {
    chunks: u64,
    bytes: u64,
    crc: crc32fast::Hasher,
}

// === impl FrameWriter ===

impl FrameWriter {
    pub(super) fn create(file: Box<dyn UnfinishedFile>, name: SnapshotName) -> io::Result<Self> {
        let mut file = io::BufWriter::with_capacity(BUFFER_BYTES, file);
        let mut sums = Sums::default();
        let header = header(name);
        sums.crc.update(&header);
        file.write_all(&header)?;
        write_crc(&mut file, &mut sums)?;
        Ok(Self { file, sums })
    }

    pub(super) fn write_chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        let len = u32::try_from(chunk.len())
            .expect("a chunk is within its limit")
            .to_le_bytes();
        let crc = chunk_crc(len, chunk).to_le_bytes();
        for part in [&len, &crc, chunk] {
            self.sums.crc.update(part);
            self.file.write_all(part)?;
        }
        self.sums.count(chunk);
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        let trailer = self.sums.trailer();
        self.sums.crc.update(&trailer);
        self.file.write_all(&trailer)?;
        write_crc(&mut self.file, &mut self.sums)?;
        self.file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .publish()
    }

    pub(super) fn chunks(&self) -> u64 {
        self.sums.chunks
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sums.bytes
    }
}

impl fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameWriter")
            .field("chunks", &self.sums.chunks)
            .finish_non_exhaustive()
    }
}

// === impl FrameReader ===

impl FrameReader {
    pub(super) fn open(file: Box<dyn Read + Send>, name: SnapshotName) -> io::Result<Self> {
        let mut reader = Self {
            file: io::BufReader::with_capacity(BUFFER_BYTES, file),
            sums: Sums::default(),
            ended: false,
        };
        let found: [u8; HEADER_LEN] = reader.read_array()?;
        reader.check_crc("header")?;
        if found != header(name) {
            return Err(damaged("the header is of another snapshot, or of another version"));
        }
        Ok(reader)
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

/// Writes the checksum of all so far, which from then on counts itself.
fn write_crc(file: &mut impl Write, sums: &mut Sums) -> io::Result<()> {
    let crc = sums.crc.clone().finalize().to_le_bytes();
    sums.crc.update(&crc);
    file.write_all(&crc)
}

fn chunk_crc(len: [u8; 4], chunk: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&len);
    crc.update(chunk);
    crc.finalize()
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
