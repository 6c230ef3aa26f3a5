//! What a registrant says about an instance in its own words: metadata and tags.

use std::collections::{BTreeMap, BTreeSet};

use crate::{InvalidValue, MetadataKey, MetadataValue, Tag, error::check_count, limits, names::share};

/// Keys and values: at most [`limits::METADATA_KEYS_MAX`] keys and [`limits::METADATA_LEN_MAX`] bytes in all.
///
/// Kept as a slice in the order of the keys: a map would take several times the room of the few that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Metadata(Box<[(MetadataKey, MetadataValue)]>);

/// Goes through metadata in the order of its keys.
pub type MetadataIter<'a> =
    std::iter::Map<std::slice::Iter<'a, Entry>, fn(&'a Entry) -> (&'a MetadataKey, &'a MetadataValue)>;

type Entry = (MetadataKey, MetadataValue);

/// A set of at most [`limits::TAGS_MAX`] tags, kept as a slice in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tags(Box<[Tag]>);

// === impl Metadata ===

impl Metadata {
    /// Parses pairs of key and value; a key given twice is refused.
    pub fn parse<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, InvalidValue>
    where
        K: TryInto<MetadataKey, Error = InvalidValue>,
        V: TryInto<MetadataValue, Error = InvalidValue>,
    {
        let mut entries = BTreeMap::new();
        for (key, value) in pairs {
            let key = key.try_into()?;
            if let Some(_twice) = entries.insert(key.clone(), value.try_into()?) {
                return Err(InvalidValue::new("metadata", format!("the key {key} is given twice")));
            }
        }
        Self::try_from(entries)
    }

    /// The value of `key`, if there is one.
    pub fn get(&self, key: &MetadataKey) -> Option<&MetadataValue> {
        self.find(key).map(|(_, value)| value)
    }

    fn find(&self, key: &MetadataKey) -> Option<&Entry> {
        let place = self.0.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
        self.0.get(place)
    }

    /// Goes through the entries in the order of their keys.
    pub fn iter(&self) -> MetadataIter<'_> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Takes the texts of `like` in place of equal ones of its own.
    pub(crate) fn share_texts(&mut self, like: &Self) {
        for (key, value) in &mut self.0 {
            if let Some((known, known_value)) = like.find(key) {
                share(key, known);
                share(value, known_value);
            }
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeMap<MetadataKey, MetadataValue>> for Metadata {
    type Error = InvalidValue;

    fn try_from(entries: BTreeMap<MetadataKey, MetadataValue>) -> Result<Self, InvalidValue> {
        check_count("metadata", entries.len(), limits::METADATA_KEYS_MAX)?;
        let len: usize = entries
            .iter()
            .map(|(key, value)| key.as_str().len() + value.as_str().len())
            .sum();
        if len > limits::METADATA_LEN_MAX {
            let max = limits::METADATA_LEN_MAX;
            let problem = format!("{len} bytes of keys and values are over the limit of {max}");
            return Err(InvalidValue::new("metadata", problem));
        }
        Ok(Self(entries.into_iter().collect()))
    }
}

impl<'a> IntoIterator for &'a Metadata {
    type Item = (&'a MetadataKey, &'a MetadataValue);
    type IntoIter = MetadataIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

// === impl Tags ===

impl Tags {
    /// Parses tags; one given twice counts once.
    pub fn parse<T>(tags: impl IntoIterator<Item = T>) -> Result<Self, InvalidValue>
    where
        T: TryInto<Tag, Error = InvalidValue>,
    {
        let tags: Result<BTreeSet<Tag>, InvalidValue> = tags.into_iter().map(TryInto::try_into).collect();
        Self::try_from(tags?)
    }

    /// Whether `tag` is one of them.
    pub fn contains(&self, tag: &Tag) -> bool {
        self.find(tag).is_some()
    }

    fn find(&self, tag: &Tag) -> Option<&Tag> {
        let place = self.0.binary_search(tag).ok()?;
        self.0.get(place)
    }

    /// Whether all of these are among `others`.
    pub fn is_subset(&self, others: &Self) -> bool {
        self.iter().all(|tag| others.contains(tag))
    }

    /// Goes through the tags in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.0.iter()
    }

    /// Takes the texts of `like` in place of equal ones of its own.
    pub(crate) fn share_texts(&mut self, like: &Self) {
        for tag in &mut self.0 {
            if let Some(known) = like.find(tag) {
                share(tag, known);
            }
        }
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no tag.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeSet<Tag>> for Tags {
    type Error = InvalidValue;

    fn try_from(tags: BTreeSet<Tag>) -> Result<Self, InvalidValue> {
        check_count("tags", tags.len(), limits::TAGS_MAX)?;
        Ok(Self(tags.into_iter().collect()))
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = &'a Tag;
    type IntoIter = std::slice::Iter<'a, Tag>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(keys: usize, value_len: usize) -> Result<Metadata, InvalidValue> {
        // Keys of four bytes.
        Metadata::parse((0..keys).map(|number| (format!("k{number:03}"), "v".repeat(value_len))))
    }

    #[test]
    fn metadata_is_found_by_its_keys_and_comes_in_their_order() {
        let metadata = Metadata::parse([("b", "2"), ("a", "1"), ("c", "")]).unwrap();
        let shown: Vec<_> = metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(shown, [("a", "1"), ("b", "2"), ("c", "")]);
        let get = |key: &str| metadata.get(&key.parse().unwrap()).map(MetadataValue::as_str);
        assert_eq!((get("b"), get("c"), get("d")), (Some("2"), Some(""), None));
    }

    #[test]
    fn tags_are_a_set() {
        let tags = |tags: &[&str]| Tags::parse(tags.iter().copied()).unwrap();
        assert_eq!(tags(&["u", "t", "u"]), tags(&["t", "u"]));
        assert!(tags(&["t"]).is_subset(&tags(&["t", "u"])) && tags(&[]).is_subset(&tags(&[])));
        assert!(!tags(&["t", "v"]).is_subset(&tags(&["t", "u"])));
    }

    #[test]
    fn metadata_has_up_to_64_keys() {
        assert_eq!(metadata(64, 0).unwrap().len(), 64);
        assert!(metadata(65, 0).is_err());
    }

    #[test]
    fn metadata_has_up_to_8_kib() {
        let full = limits::METADATA_LEN_MAX - 4;
        assert!(metadata(1, full).is_ok());
        assert!(metadata(1, full + 1).is_err());
        assert!(metadata(8, 1_020).is_ok());
        assert!(metadata(8, 1_021).is_err());
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert!(Metadata::parse([("k", "v"), ("k", "v")]).is_err());
    }

    #[test]
    fn up_to_64_tags_of_which_repetitions_count_once() {
        let tags = |count: usize| (0..count).map(|number| format!("t{number}"));
        assert_eq!(Tags::parse(tags(64)).unwrap().len(), 64);
        assert!(Tags::parse(tags(65)).is_err());
        assert_eq!(Tags::parse(tags(64).chain(tags(64))).unwrap().len(), 64);
    }
}
