//! Requests about what operators decide: overrides, and the settings of services.

use quorate_model::{
    Consistency, ExpiresAfter, GuardShare, LeaseTtl, NamespaceName, OverrideReason, OverrideSpec, OverrideTarget,
    ProtectMinimum, ServiceKey, ServiceName, SettingsPatch,
};

use crate::{
    cluster as pb,
    convert::{
        self, InvalidField,
        field::{self, Field as _, optional, optional_to_wire, text},
    },
    request::{
        Page,
        read::{page_size_to_wire, service_key},
    },
};

/// See `Operator.SetOverride`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOverride {
    /// What is stated.
    pub spec: OverrideSpec,
    /// How long it is to last; until it is cleared, if absent.
    pub expires_after: Option<ExpiresAfter>,
}

/// See `Operator.ClearOverride`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearOverride {
    /// What was overridden.
    pub target: OverrideTarget,
}

/// See `Operator.ListOverrides`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOverrides {
    /// Whose overrides.
    pub namespace: NamespaceName,
    /// Only those that touch this service; all, if absent.
    pub service: Option<ServiceName>,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
    /// Which part of the list.
    pub page: Page<OverrideTarget>,
}

/// See `Operator.SetServiceSettings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetServiceSettings {
    /// The service.
    pub service: ServiceKey,
    /// What changes.
    pub patch: SettingsPatch,
    /// Whether all goes back to the defaults before.
    pub reset: bool,
}

/// See `Operator.GetServiceSettings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetServiceSettings {
    /// The service.
    pub service: ServiceKey,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
}

// === impl SetOverride ===

impl TryFrom<pb::SetOverrideRequest> for SetOverride {
    type Error = InvalidField;

    fn try_from(message: pb::SetOverrideRequest) -> Result<Self, InvalidField> {
        let target = convert::target(message.target)?;
        let weight = convert::weight(message.weight)?;
        let reason: OverrideReason = text("reason", message.reason)?;
        let expires_after = match message.expires_after_ms {
            0 => None,
            ms => Some(ExpiresAfter::from_ms(ms).field("expires_after_ms")?),
        };
        Ok(Self {
            spec: OverrideSpec::new(target, weight, reason).field("weight")?,
            expires_after,
        })
    }
}

impl From<SetOverride> for pb::SetOverrideRequest {
    fn from(request: SetOverride) -> Self {
        let spec = &request.spec;
        Self {
            target: Some(convert::target_to_wire(spec.target())),
            weight: spec.weight().map(|weight| weight.get().into()),
            reason: spec.reason().to_string(),
            expires_after_ms: request.expires_after.map_or(0, ExpiresAfter::as_ms),
        }
    }
}

// === impl ClearOverride ===

impl TryFrom<pb::ClearOverrideRequest> for ClearOverride {
    type Error = InvalidField;

    fn try_from(message: pb::ClearOverrideRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            target: convert::target(message.target)?,
        })
    }
}

impl From<ClearOverride> for pb::ClearOverrideRequest {
    fn from(request: ClearOverride) -> Self {
        Self {
            target: Some(convert::target_to_wire(&request.target)),
        }
    }
}

// === impl ListOverrides ===

impl TryFrom<pb::ListOverridesRequest> for ListOverrides {
    type Error = InvalidField;

    fn try_from(message: pb::ListOverridesRequest) -> Result<Self, InvalidField> {
        let namespace = field::namespace(message.namespace)?;
        let after = convert::target_of_token(&namespace, &message.page_token)?;
        Ok(Self {
            service: optional("service", message.service)?,
            consistency: convert::consistency(message.consistency)?,
            page: Page::new(usize::try_from(message.page_size).unwrap_or(usize::MAX), after),
            namespace,
        })
    }
}

impl From<ListOverrides> for pb::ListOverridesRequest {
    fn from(request: ListOverrides) -> Self {
        Self {
            page_size: page_size_to_wire(&request.page),
            page_token: request.page.after().map(convert::token_of_target).unwrap_or_default(),
            namespace: request.namespace.into(),
            service: optional_to_wire(request.service.as_ref()),
            consistency: Some(convert::consistency_to_wire(request.consistency)),
        }
    }
}

// === impl SetServiceSettings ===

impl TryFrom<pb::SetServiceSettingsRequest> for SetServiceSettings {
    type Error = InvalidField;

    fn try_from(message: pb::SetServiceSettingsRequest) -> Result<Self, InvalidField> {
        let guard_share = message.guard_share_percent.map(GuardShare::from_percent).transpose();
        let default_ttl = message.default_ttl_ms.map(LeaseTtl::from_ms).transpose();
        let protect_minimum = message.protect_minimum.map(ProtectMinimum::try_from).transpose();
        Ok(Self {
            service: service_key(message.namespace, message.service)?,
            patch: SettingsPatch {
                guard_share: guard_share.field("guard_share_percent")?,
                default_ttl: default_ttl.field("default_ttl_ms")?,
                protect_minimum: protect_minimum.field("protect_minimum")?,
            },
            reset: message.reset,
        })
    }
}

impl From<SetServiceSettings> for pb::SetServiceSettingsRequest {
    fn from(request: SetServiceSettings) -> Self {
        let patch = request.patch;
        Self {
            namespace: request.service.namespace.into(),
            service: request.service.service.into(),
            guard_share_percent: patch.guard_share.map(|share| share.as_percent().into()),
            default_ttl_ms: patch.default_ttl.map(LeaseTtl::as_ms),
            protect_minimum: patch.protect_minimum.map(|minimum| minimum.get().into()),
            reset: request.reset,
        }
    }
}

// === impl GetServiceSettings ===

impl TryFrom<pb::GetServiceSettingsRequest> for GetServiceSettings {
    type Error = InvalidField;

    fn try_from(message: pb::GetServiceSettingsRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            service: service_key(message.namespace, message.service)?,
            consistency: convert::consistency(message.consistency)?,
        })
    }
}

impl From<GetServiceSettings> for pb::GetServiceSettingsRequest {
    fn from(request: GetServiceSettings) -> Self {
        Self {
            namespace: request.service.namespace.into(),
            service: request.service.service.into(),
            consistency: Some(convert::consistency_to_wire(request.consistency)),
        }
    }
}
