//! Guards, for programs and for people.

use std::time::Duration;

use quorate_client::{Answer, GuardDropped, GuardRaised, GuardState};
use quorate_model::{GuardScope, ServiceKey};
use serde::Serialize;

use super::{
    View,
    json::HeaderView,
    operator::about,
    table::{counted, table},
};

/// What `guard list` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GuardsView {
    header: HeaderView,
    guards: Vec<GuardView>,
}

/// What `guard raise` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GuardRaisedView {
    header: HeaderView,
    changed: bool,
}

/// What `guard drop` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GuardDroppedView {
    header: HeaderView,
    existed: bool,
}

/// One guard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GuardView {
    scope: ScopeView,
    revision: u64,
    cause: &'static str,
    suspect: u32,
    leased: u32,
    remaining_ms: u64,
}

/// What a guard is raised for: one of these, the others are `null`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeView {
    service: Option<ServiceScopeView>,
    zone: Option<String>,
    namespace: Option<String>,
    cluster: Option<ClusterView>,
    #[serde(skip)]
    shown: String,
}

/// A service that is guarded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceScopeView {
    namespace: String,
    service: String,
}

/// Everything.
#[derive(Debug, Serialize)]
struct ClusterView {}

impl View for GuardsView {
    fn table(&self) -> String {
        let names = ["GUARD", "CAUSE", "SUSPECT", "OF LEASED", "DROPS WITHIN", "REVISION"];
        let guards = table(names, self.guards.iter().map(GuardView::row));
        let count = counted(self.guards.len() as u64, "guard");
        format!("{guards}\n\n{count}; {}", self.header.line())
    }
}

impl View for GuardRaisedView {
    fn table(&self) -> String {
        let done = if self.changed {
            "raised"
        } else {
            "it was raised already"
        };
        format!("{done}; {}", self.header.line())
    }
}

impl View for GuardDroppedView {
    fn table(&self) -> String {
        let done = if self.existed { "dropped" } else { "it was not raised" };
        format!("{done}; {}", self.header.line())
    }
}

// === impl GuardView ===

impl GuardView {
    fn row(&self) -> [String; 6] {
        [
            self.scope.shown.clone(),
            self.cause.to_owned(),
            self.suspect.to_string(),
            self.leased.to_string(),
            about(Duration::from_millis(self.remaining_ms)),
            self.revision.to_string(),
        ]
    }

    /// What people are told of it who ask for something else.
    pub(super) fn line(&self) -> String {
        let Self {
            scope,
            cause,
            suspect,
            leased,
            ..
        } = self;
        format!("guarded: {} ({cause}), {suspect} of {leased} suspect", scope.shown)
    }
}

impl From<&GuardState> for GuardView {
    fn from(guard: &GuardState) -> Self {
        Self {
            scope: (&guard.scope).into(),
            revision: guard.revision.get(),
            cause: guard.cause.as_str(),
            suspect: guard.suspect,
            leased: guard.leased,
            remaining_ms: u64::try_from(guard.remaining.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl From<&GuardScope> for ScopeView {
    fn from(scope: &GuardScope) -> Self {
        let mut view = Self {
            service: None,
            zone: None,
            namespace: None,
            cluster: None,
            shown: scope.to_string(),
        };
        match scope {
            GuardScope::Service(ServiceKey { namespace, service }) => {
                view.service = Some(ServiceScopeView {
                    namespace: namespace.to_string(),
                    service: service.to_string(),
                });
            }
            GuardScope::Zone(zone) => view.zone = Some(zone.to_string()),
            GuardScope::Namespace(namespace) => view.namespace = Some(namespace.to_string()),
            GuardScope::Cluster => view.cluster = Some(ClusterView {}),
        }
        view
    }
}

impl From<&Answer<Vec<GuardState>>> for GuardsView {
    fn from(answer: &Answer<Vec<GuardState>>) -> Self {
        Self {
            header: (&answer.header).into(),
            guards: answer.value.iter().map(GuardView::from).collect(),
        }
    }
}

impl From<&Answer<GuardRaised>> for GuardRaisedView {
    fn from(answer: &Answer<GuardRaised>) -> Self {
        Self {
            header: (&answer.header).into(),
            changed: answer.value.changed,
        }
    }
}

impl From<&Answer<GuardDropped>> for GuardDroppedView {
    fn from(answer: &Answer<GuardDropped>) -> Self {
        Self {
            header: (&answer.header).into(),
            existed: answer.value.existed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    #[test]
    fn guard_list_prints_each_with_its_scope() {
        check("guard-list", &GuardsView::from(&answer(guards())));
        check("guard-list-none", &GuardsView::from(&answer(Vec::new())));
    }

    #[test]
    fn guard_raise_and_drop_print_what_came_of_it() {
        let raised = GuardRaised { changed: true };
        check("guard-raise", &GuardRaisedView::from(&answer(raised)));
        let dropped = GuardDropped { existed: true };
        check("guard-drop", &GuardDroppedView::from(&answer(dropped)));
    }
}
