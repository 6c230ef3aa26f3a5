//! What the conversions of all messages share: a parsed field, and where it stood.

use std::collections::{BTreeMap, HashMap};

use quorate_model::{
    Address, Endpoint, Endpoints, InvalidValue, Locality, Metadata, MetadataKey, MetadataValue, NamespaceName, Tag,
    Tags,
};

use crate::{convert::InvalidField, registry as pb};

/// Says in which field a value stood.
pub trait Field<T> {
    /// The value, or what is wrong with it, in the field of this name.
    fn field(self, name: &str) -> Result<T, InvalidField>;
}

impl<T> Field<T> for Result<T, InvalidValue> {
    fn field(self, name: &str) -> Result<T, InvalidField> {
        self.map_err(|problem| InvalidField::new(name, problem))
    }
}

/// A text that may be empty, which means that nothing is stated.
pub(crate) fn optional<T>(name: &str, text: String) -> Result<Option<T>, InvalidField>
where
    T: TryFrom<String, Error = InvalidValue>,
{
    if text.is_empty() {
        return Ok(None);
    }
    T::try_from(text).map(Some).field(name)
}

/// A text of the model as messages carry it: empty if nothing is stated.
pub(crate) fn optional_to_wire<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}

/// A text that has to be there.
pub(crate) fn text<T>(name: &str, text: String) -> Result<T, InvalidField>
where
    T: TryFrom<String, Error = InvalidValue>,
{
    T::try_from(text).field(name)
}

/// A namespace, where empty means the default one.
pub(crate) fn namespace(text: String) -> Result<NamespaceName, InvalidField> {
    Ok(optional("namespace", text)?.unwrap_or_default())
}

/// A number that may be 0, which means that nothing is stated.
pub(crate) fn nonzero<N, T>(name: &str, number: N) -> Result<Option<T>, InvalidField>
where
    N: PartialEq + Default,
    T: TryFrom<N, Error = InvalidValue>,
{
    if number == N::default() {
        return Ok(None);
    }
    T::try_from(number).map(Some).field(name)
}

pub(crate) fn endpoints(messages: Vec<pb::Endpoint>) -> Result<Endpoints, InvalidField> {
    // Counted first: a list that is too long anyway is not worth the parsing.
    let parsed: Result<Vec<Endpoint>, InvalidField> = messages
        .into_iter()
        .take(quorate_model::limits::ENDPOINTS_MAX + 1)
        .enumerate()
        .map(|(index, message)| endpoint(message).map_err(|error| error.within(&format!("endpoints[{index}]"))))
        .collect();
    Endpoints::try_from(parsed?).field("endpoints")
}

fn endpoint(message: pb::Endpoint) -> Result<Endpoint, InvalidField> {
    Ok(Endpoint {
        address: text::<Address>("address", message.address)?,
        port: message.port.try_into().field("port")?,
        protocol: optional("protocol", message.protocol)?,
    })
}

pub(crate) fn endpoints_to_wire(endpoints: &Endpoints) -> Vec<pb::Endpoint> {
    let to_wire = |endpoint: &Endpoint| pb::Endpoint {
        address: endpoint.address.to_string(),
        port: endpoint.port.get().into(),
        protocol: optional_to_wire(endpoint.protocol.as_ref()),
    };
    endpoints.iter().map(to_wire).collect()
}

pub(crate) fn metadata(entries: HashMap<String, String>) -> Result<Metadata, InvalidField> {
    let mut parsed = BTreeMap::new();
    for (key, value) in entries {
        let key = MetadataKey::try_from(key).field("metadata")?;
        let value =
            MetadataValue::try_from(value).map_err(|problem| InvalidField::new(format!("metadata[{key}]"), problem))?;
        parsed.insert(key, value);
    }
    Metadata::try_from(parsed).field("metadata")
}

pub(crate) fn metadata_to_wire(metadata: &Metadata) -> HashMap<String, String> {
    metadata
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

pub(crate) fn tags(texts: Vec<String>) -> Result<Tags, InvalidField> {
    let mut parsed = std::collections::BTreeSet::new();
    for (index, text) in texts.into_iter().enumerate() {
        parsed.insert(Tag::try_from(text).map_err(|problem| InvalidField::new(format!("tags[{index}]"), problem))?);
    }
    Tags::try_from(parsed).field("tags")
}

pub(crate) fn tags_to_wire(tags: &Tags) -> Vec<String> {
    tags.iter().map(ToString::to_string).collect()
}

pub(crate) fn locality(region: String, zone: String) -> Result<Locality, InvalidField> {
    Ok(Locality {
        region: optional("region", region)?,
        zone: optional("zone", zone)?,
    })
}
