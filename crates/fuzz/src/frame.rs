//! Snapshot files around damaged chunks.

/// Bytes before the checksum of the header.
const HEADER_LEN: usize = 24;

/// Gives the frames of a snapshot file the checksums that they have to have, as far as there are whole ones. A copy of
/// the format too.
pub fn reframed(_: &[u8], damaged: &[u8]) -> Vec<u8> {
    let mut file = damaged.to_vec();
    let put = |file: &mut Vec<u8>, at: usize, sum: u32| file[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    let mut at = HEADER_LEN + 4;
    if file.len() < at {
        return file;
    }
    let sum = crc32fast::hash(&file[..HEADER_LEN]);
    put(&mut file, HEADER_LEN, sum);
    while let Some(head) = file[at..].first_chunk::<4>() {
        let len = u32::from_le_bytes(*head) as usize;
        if len == 0 {
            let sum_at = at + 20;
            if file.len() >= sum_at + 4 {
                let sum = crc32fast::hash(&file[..sum_at]);
                put(&mut file, sum_at, sum);
            }
            break;
        }
        let content = at + 8;
        let Some(next) = content.checked_add(len).filter(|next| *next <= file.len()) else {
            break;
        };
        let sum = crc32fast::hash(&[&file[at..at + 4], &file[content..next]].concat());
        put(&mut file, at + 4, sum);
        at = next;
    }
    file
}
