//! What the cluster answers when it is asked to choose an instance.

use quorate_model::Found;
use quorate_proto::{convert::InvalidField, registry as pb};

use crate::Answer;

/// One instance of a service, chosen by the member that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    /// Whether the service has any instance at all, wanted or not.
    pub service_known: bool,
    /// The instance; absent if none could be chosen.
    pub instance: Option<Found>,
}

impl TryFrom<pb::PickResponse> for Answer<Picked> {
    type Error = InvalidField;

    fn try_from(message: pb::PickResponse) -> Result<Self, InvalidField> {
        let instance = message.instance.map(Found::try_from).transpose();
        let value = Picked {
            service_known: message.service_known,
            instance: instance.map_err(|error| error.within("instance"))?,
        };
        Self::new(message.header, value)
    }
}
