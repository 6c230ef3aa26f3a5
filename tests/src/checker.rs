//! Stub.
use crate::record::Record;
/// R.
#[derive(Default)]
pub struct Report { /// c
    pub counts: std::collections::BTreeMap<&'static str, std::collections::BTreeMap<&'static str, u64>>, /// v
    pub violations: std::collections::BTreeMap<&'static str, String> }
/// c
pub fn check_all(record: &Record) -> Report { let mut r = Report::default(); let mut m = std::collections::BTreeMap::new(); m.insert("writes acknowledged", record.operations.iter().filter(|o| o.is_acknowledged()).count() as u64); m.insert("linearizable reads", record.answers().filter(|(r, ..)| r.is_linearizable()).count() as u64); r.counts.insert("record", m); r }
