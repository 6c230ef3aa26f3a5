//! The frozen format of the settings of services.

use quorate_model::{GuardShare, InvalidValue, LeaseTtl, ProtectMinimum, ServiceSettings, SettingsPatch};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SettingsV1 {
    guard_share_percent: u8,
    default_ttl_ms: u64,
    protect_minimum: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SettingsPatchV1 {
    guard_share_percent: Option<u8>,
    default_ttl_ms: Option<u64>,
    protect_minimum: Option<u32>,
}

fn parse_share(percent: u8) -> Result<GuardShare, InvalidValue> {
    GuardShare::from_percent(percent.into())
}

// === impl SettingsV1 ===

impl From<ServiceSettings> for SettingsV1 {
    fn from(settings: ServiceSettings) -> Self {
        Self {
            guard_share_percent: settings.guard_share.as_percent(),
            default_ttl_ms: settings.default_ttl.as_ms(),
            protect_minimum: settings.protect_minimum.get().into(),
        }
    }
}

impl TryFrom<SettingsV1> for ServiceSettings {
    type Error = InvalidValue;

    fn try_from(settings: SettingsV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            guard_share: parse_share(settings.guard_share_percent)?,
            default_ttl: LeaseTtl::from_ms(settings.default_ttl_ms)?,
            protect_minimum: settings.protect_minimum.try_into()?,
        })
    }
}

// === impl SettingsPatchV1 ===

impl From<&SettingsPatch> for SettingsPatchV1 {
    fn from(patch: &SettingsPatch) -> Self {
        Self {
            guard_share_percent: patch.guard_share.map(GuardShare::as_percent),
            default_ttl_ms: patch.default_ttl.map(LeaseTtl::as_ms),
            protect_minimum: patch.protect_minimum.map(|count| count.get().into()),
        }
    }
}

impl TryFrom<SettingsPatchV1> for SettingsPatch {
    type Error = InvalidValue;

    fn try_from(patch: SettingsPatchV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            guard_share: patch.guard_share_percent.map(parse_share).transpose()?,
            default_ttl: patch.default_ttl_ms.map(LeaseTtl::from_ms).transpose()?,
            protect_minimum: patch.protect_minimum.map(ProtectMinimum::try_from).transpose()?,
        })
    }
}
