//! What operators decide: overrides, the settings of services, and guards.
//!
//! These requests have no key: a change is sent again only if it surely was not carried out. A repetition could come
//! late, and undo what somebody has decided since. After [`Error::OutcomeUnknown`] a read tells.

use quorate_model::{ExpiresAfter, GuardScope, GuardTime, OverrideSpec, OverrideTarget, ServiceName, SettingsPatch};
use quorate_proto::{
    cluster::{self as pb, operator_client::OperatorClient},
    request::{
        ClearOverride, DropGuard, GetServiceSettings, ListGuards, ListOverrides, Page, RaiseGuard, SetOverride,
        SetServiceSettings,
    },
};

use super::Client;
use crate::{
    Answer, Error, GuardDropped, GuardRaised, GuardState, OverrideCleared, OverrideSet, OverrideState, SettingsSet,
    SettingsState, call::Purpose,
};

// === impl Client ===

impl Client {
    /// Sets an override in place of the one with the same target: until it is cleared, or for so long. It needs no
    /// instance, and outlasts registrations and restarts.
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use quorate_client::model::{ExpiresAfter, OverrideSpec, OverrideTarget};
    ///
    /// let target = OverrideTarget::ZoneOut {
    ///     namespace: "default".parse()?,
    ///     service: None,
    ///     zone: "eu-1a".parse()?,
    /// };
    /// let spec = OverrideSpec::new(target, None, "the cooling has failed".parse()?)?;
    /// client.set_override(spec, Some(ExpiresAfter::from_ms(3_600_000)?)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `LIMIT_EXCEEDED` if there are too many; [`Error::Unavailable`] with `READ_ONLY` while the
    /// cluster is short of disk.
    pub async fn set_override(
        &self,
        spec: OverrideSpec,
        expires_after: Option<ExpiresAfter>,
    ) -> Result<Answer<OverrideSet>, Error> {
        let request = pb::SetOverrideRequest::from(SetOverride { spec, expires_after });
        let send = |channel, request| async move { OperatorClient::new(channel).set_override(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Takes an override back. One that is not there is no error.
    pub async fn clear_override(&self, target: OverrideTarget) -> Result<Answer<OverrideCleared>, Error> {
        let request = pb::ClearOverrideRequest::from(ClearOverride { target });
        let send = |channel, request| async move { OperatorClient::new(channel).clear_override(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// The overrides of the namespace in the order of their targets: all, or those that touch `service`. Asks page by
    /// page, each with a deadline of its own; the header is that of the last page.
    pub async fn list_overrides(&self, service: Option<&ServiceName>) -> Result<Answer<Vec<OverrideState>>, Error> {
        let list = |consistency| ListOverrides {
            namespace: self.namespace.clone(),
            service: service.cloned(),
            consistency,
            page: Page::default(),
        };
        let request = |consistency, page_token| pb::ListOverridesRequest {
            page_token,
            ..list(consistency).into()
        };
        let send = |channel, request| async move { OperatorClient::new(channel).list_overrides(request).await };
        self.read_pages(request, send).await
    }

    /// Changes the settings of a service, which needs no instance, after putting them all back to the defaults if
    /// `reset` says so.
    pub async fn set_service_settings(
        &self,
        service: &ServiceName,
        patch: SettingsPatch,
        reset: bool,
    ) -> Result<Answer<SettingsSet>, Error> {
        let service = self.service_key(service);
        let request = pb::SetServiceSettingsRequest::from(SetServiceSettings { service, patch, reset });
        let send = |channel, request| async move { OperatorClient::new(channel).set_service_settings(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// The settings of a service: the defaults, where nobody has set anything.
    pub async fn get_service_settings(&self, service: &ServiceName) -> Result<Answer<SettingsState>, Error> {
        let request = |consistency| {
            let service = self.service_key(service);
            pb::GetServiceSettingsRequest::from(GetServiceSettings { service, consistency })
        };
        let send = |channel, request| async move { OperatorClient::new(channel).get_service_settings(request).await };
        self.read(request, send).await
    }

    /// Raises a guard by hand, before leases lapse: for work on a network, say. It drops when its time is over, or by
    /// [`drop_guard`](Self::drop_guard); raised again it lasts for as long as is asked for then.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `LIMIT_EXCEEDED` if there are too many; [`Error::Unavailable`] with `READ_ONLY` while the
    /// cluster is short of disk.
    pub async fn raise_guard(&self, scope: GuardScope, lasts: GuardTime) -> Result<Answer<GuardRaised>, Error> {
        let request = pb::RaiseGuardRequest::from(RaiseGuard { scope, lasts });
        let send = |channel, request| async move { OperatorClient::new(channel).raise_guard(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Drops a guard: what is suspect by it leaves default answers. One that is not raised is no error.
    pub async fn drop_guard(&self, scope: GuardScope) -> Result<Answer<GuardDropped>, Error> {
        let request = pb::DropGuardRequest::from(DropGuard { scope });
        let send = |channel, request| async move { OperatorClient::new(channel).drop_guard(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// The guards that are raised in the whole cluster, in the order of their scopes.
    pub async fn list_guards(&self) -> Result<Answer<Vec<GuardState>>, Error> {
        let request = |consistency| pb::ListGuardsRequest::from(ListGuards { consistency });
        let send = |channel, request| async move { OperatorClient::new(channel).list_guards(request).await };
        self.read(request, send).await
    }
}
