//! What a victim said before it died, and whether the survivor keeps it.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;

use crate::common::{block_on, open_dir, read_all};

/// What must and what may be in the log, from what the victim printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// Era of each acknowledged entry, by index. Truncated ones are not in it.
    acked: Vec<u64>,
    /// Acknowledged entries of which a truncation was begun that is not known to be durable, by index.
    cutting: BTreeMap<u64, u64>,
    era: u64,
    /// Entries beyond the acknowledged ones are at least of this era: older ones were truncated, durably.
    era_min: u64,
    /// Entries up to here may be gone.
    purging: Option<u64>,
    voted: u64,
    voting: u64,
    /// Index of the newest snapshot that was finished.
    snapped: u64,
    acks: u64,
    /// The end of a line that is not complete yet.
    partial: String,
}

/// The content of an entry: it says where it belongs, and fills up.
pub(crate) fn text(index: u64, era: u64, len: usize) -> Bytes {
    let mut text = format!("{index} {era} ");
    while text.len() < len {
        text.push(char::from(
            b'a' + u8::try_from((index + text.len() as u64) % 26).unwrap(),
        ));
    }
    text.into()
}

// === impl History ===

impl History {
    /// Adds printed bytes, which may end in the middle of a line.
    pub(crate) fn print(&mut self, bytes: &[u8]) {
        self.partial.push_str(&String::from_utf8_lossy(bytes));
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            // libtest prints too, and not always whole lines.
            if let Some((_, said)) = line.trim_end().split_once('@') {
                self.say(said);
            }
        }
    }

    /// Forgets half a line: its writer is dead.
    pub(crate) fn died(&mut self) {
        self.partial.clear();
    }

    pub(crate) fn acks(&self) -> u64 {
        self.acks
    }

    fn say(&mut self, said: &str) {
        let (verb, number) = said.split_once(' ').unwrap();
        let number: u64 = number.parse().unwrap();
        match verb {
            "era" => self.era = number,
            "ack" => {
                self.acks += 1;
                let len = usize::try_from(number + 1).unwrap();
                // Acknowledgements of one life come in order; a later life goes on where this one may not have
                // been heard.
                self.acked.resize(len.max(self.acked.len()), self.era);
            }
            "cutting" => {
                let cut = self.acked.split_off(usize::try_from(number).unwrap());
                self.cutting = (number..).zip(cut).collect();
            }
            "cut" => {
                self.cutting.clear();
                (self.era, self.era_min) = (number, number);
            }
            "purging" => self.purging = self.purging.max(Some(number)),
            "snapped" => self.snapped = self.snapped.max(number),
            "voting" => self.voting = number,
            "voted" => self.voted = number,
            other => panic!("the victim said {other:?}"),
        }
    }

    /// Opens what the victim left and holds it against the history. Gives what is wrong.
    pub(crate) fn check(&mut self, dir: &Path) -> Result<(), String> {
        let storage = open_dir(dir).map_err(|error| format!("does not open: {error}"))?;
        let range = storage.log.range();
        let may_begin = self.purging.map_or(0, |purging| purging + 1);
        if range.start > may_begin {
            return Err(format!("begins at {}, purged only to {may_begin}", range.start));
        }
        if range.end < self.acked.len() as u64 {
            return Err(format!("ends at {}, acknowledged to {}", range.end, self.acked.len()));
        }
        let entries = read_all(&storage.log);
        if entries.len() as u64 != range.end - range.start {
            return Err(format!("{} entries in {range:?}", entries.len()));
        }
        let mut eras = Vec::new();
        for (index, entry) in range.clone().zip(&entries) {
            eras.push(self.check_entry(index, entry)?);
        }
        let vote = storage
            .log
            .vote()
            .map_or(0, |vote| String::from_utf8_lossy(&vote).parse().unwrap());
        if vote != self.voted && vote != self.voting {
            return Err(format!("vote {vote}, said {} and {}", self.voted, self.voting));
        }
        let snapshot = block_on(storage.snapshots.latest()).map_err(|error| error.to_string())?;
        let snapshot = snapshot.map_or(0, |snapshot| snapshot.name().index);
        if snapshot < self.snapped {
            return Err(format!("newest snapshot {snapshot}, finished was {}", self.snapped));
        }
        // What is there now is durable: the next victim builds on it.
        self.cutting.clear();
        self.acked.resize(usize::try_from(range.end).unwrap(), 0);
        for (index, era) in range.zip(eras) {
            self.acked[usize::try_from(index).unwrap()] = era;
        }
        (self.voted, self.voting) = (vote, vote);
        Ok(())
    }

    /// Gives the era of the entry, or what is wrong with it.
    fn check_entry(&self, index: u64, entry: &[u8]) -> Result<u64, String> {
        let said = String::from_utf8_lossy(entry);
        let mut words = said.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(at), Some(era)) = (number(), number()) else {
            return Err(format!("entry {index} is not one of ours"));
        };
        if at != index || entry != text(index, era, entry.len()) {
            return Err(format!("entry {index} holds other content"));
        }
        match self.acked.get(usize::try_from(index).unwrap()) {
            Some(acked) if *acked != era => Err(format!("entry {index} is of era {era}, acknowledged was {acked}")),
            None if era < self.era_min && self.cutting.get(&index) != Some(&era) => {
                Err(format!("entry {index} of era {era} came back after its truncation"))
            }
            Some(_) | None => Ok(era),
        }
    }
}
