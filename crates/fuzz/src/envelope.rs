//! Envelopes around damaged payloads.

/// Bytes of the header: magic, kind, schema, flags, length, checksum.
const HEADER_LEN: usize = 12;

/// What `damaged` has behind a header, in an envelope like that of `valid`, with length and checksum as they have to
/// be. A copy of the format, on purpose: what it says must not change together with what is tested.
pub fn resealed(valid: &[u8], damaged: &[u8]) -> Vec<u8> {
    let payload = damaged.get(HEADER_LEN..).unwrap_or(damaged);
    let len = u32::try_from(payload.len()).expect("tests make short ones");
    let mut sealed = [&valid[..4], &len.to_le_bytes()].concat();
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&sealed);
    checksum.update(payload);
    sealed.extend(checksum.finalize().to_le_bytes());
    sealed.extend(payload);
    sealed
}
