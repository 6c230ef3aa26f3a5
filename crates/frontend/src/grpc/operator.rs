//! The operator service.

use quorate_proto::{
    cluster::{self as pb, operator_server},
    convert,
    request::{
        ClearOverride, DropGuard, GetServiceSettings, ListGuards, ListOverrides, RaiseGuard, SetOverride,
        SetServiceSettings,
    },
};
use quorate_registry::{OverridePage, Registry};
use tonic::{Request, Response, Status};

use super::{answer, edge::TimeLeft, error::status, registry::wanted};

/// Answers what operators decide.
#[derive(Debug, Clone)]
pub(super) struct OperatorDoor {
    registry: Registry,
}

// === impl OperatorDoor ===

impl OperatorDoor {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry }
    }
}

#[tonic::async_trait]
impl operator_server::Operator for OperatorDoor {
    async fn set_override(
        &self,
        request: Request<pb::SetOverrideRequest>,
    ) -> Result<Response<pb::SetOverrideResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let SetOverride { spec, expires_after } = message.try_into()?;
        let asked = self.registry.set_override(spec, expires_after, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::SetOverrideResponse {
            header: Some(answer::header(answer.header)),
            changed: answer::changed(answer.value),
        }))
    }

    async fn clear_override(
        &self,
        request: Request<pb::ClearOverrideRequest>,
    ) -> Result<Response<pb::ClearOverrideResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let ClearOverride { target } = message.try_into()?;
        let asked = self.registry.clear_override(target, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::ClearOverrideResponse {
            header: Some(answer::header(answer.header)),
            existed: answer.value,
        }))
    }

    async fn list_overrides(
        &self,
        request: Request<pb::ListOverridesRequest>,
    ) -> Result<Response<pb::ListOverridesResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let ListOverrides {
            namespace,
            service,
            consistency,
            page,
        } = message.try_into()?;
        let page = wanted(&page);
        let asked = self
            .registry
            .list_overrides(&namespace, service.as_ref(), &page, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        let OverridePage { overrides, now, next } = answer.value;
        let overrides = overrides.iter().map(|current| convert::override_to_wire(current, now));
        Ok(Response::new(pb::ListOverridesResponse {
            header: Some(answer::header(answer.header)),
            overrides: overrides.collect(),
            next_page_token: next.as_ref().map(convert::token_of_target).unwrap_or_default(),
        }))
    }

    async fn set_service_settings(
        &self,
        request: Request<pb::SetServiceSettingsRequest>,
    ) -> Result<Response<pb::SetServiceSettingsResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let SetServiceSettings { service, patch, reset } = message.try_into()?;
        let asked = self.registry.set_service_settings(service, patch, reset, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::SetServiceSettingsResponse {
            header: Some(answer::header(answer.header)),
            settings: Some(answer.value.settings.into()),
            changed: answer::changed(answer.value.effect),
        }))
    }

    async fn get_service_settings(
        &self,
        request: Request<pb::GetServiceSettingsRequest>,
    ) -> Result<Response<pb::GetServiceSettingsResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let GetServiceSettings { service, consistency } = message.try_into()?;
        let asked = self.registry.get_service_settings(&service, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::GetServiceSettingsResponse {
            header: Some(answer::header(answer.header)),
            settings: Some(answer.value.into()),
            customized: answer.value.is_customized(),
        }))
    }

    async fn list_guards(
        &self,
        request: Request<pb::ListGuardsRequest>,
    ) -> Result<Response<pb::ListGuardsResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let ListGuards { consistency } = message.try_into()?;
        let asked = self.registry.list_guards(consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::ListGuardsResponse {
            header: Some(answer::header(answer.header)),
            guards: answer::guards(&answer.value),
        }))
    }

    async fn raise_guard(
        &self,
        request: Request<pb::RaiseGuardRequest>,
    ) -> Result<Response<pb::RaiseGuardResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let RaiseGuard { scope, lasts } = message.try_into()?;
        let asked = self.registry.raise_guard(scope, lasts, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::RaiseGuardResponse {
            header: Some(answer::header(answer.header)),
            changed: answer::changed(answer.value),
        }))
    }

    async fn drop_guard(
        &self,
        request: Request<pb::DropGuardRequest>,
    ) -> Result<Response<pb::DropGuardResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let DropGuard { scope } = message.try_into()?;
        let asked = self.registry.drop_guard(scope, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::DropGuardResponse {
            header: Some(answer::header(answer.header)),
            existed: answer.value,
        }))
    }
}
