//! What a registrant says about an instance in its own words: metadata and tags.

use std::collections::{BTreeMap, BTreeSet};

use crate::{InvalidValue, MetadataKey, MetadataValue, Tag, error::check_count, limits};

/// Keys and values: at most [`limits::METADATA_KEYS_MAX`] keys and [`limits::METADATA_LEN_MAX`] bytes in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Metadata(BTreeMap<MetadataKey, MetadataValue>);

/// A set of at most [`limits::TAGS_MAX`] tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tags(BTreeSet<Tag>);

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
        self.0.get(key)
    }

    /// Goes through the entries in the order of their keys.
    pub fn iter(&self) -> std::collections::btree_map::Iter<'_, MetadataKey, MetadataValue> {
        self.0.iter()
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
        Ok(Self(entries))
    }
}

impl<'a> IntoIterator for &'a Metadata {
    type Item = (&'a MetadataKey, &'a MetadataValue);
    type IntoIter = std::collections::btree_map::Iter<'a, MetadataKey, MetadataValue>;

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
        self.0.contains(tag)
    }

    /// Whether all of these are among `others`.
    pub fn is_subset(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }

    /// Goes through the tags in order.
    pub fn iter(&self) -> std::collections::btree_set::Iter<'_, Tag> {
        self.0.iter()
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
        Ok(Self(tags))
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = &'a Tag;
    type IntoIter = std::collections::btree_set::Iter<'a, Tag>;

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
