//! A component as the authorizer.

use std::sync::Arc;

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::identity::{
    AccessNode, Action, Authorizer, DecidesBy, Decision, Identity, Question,
};
use callfs_telemetry::PluginMetrics;
use futures_util::future::BoxFuture;

use super::bindings::exports::callfs::plugin::authorizer as wit;
use super::convert;
use super::inspection::{Inspection, PluginKind};
use super::plugin::{LoadError, Plugin, PluginSettings};
use super::runtime::Runtime;

/// A component as the authorizer.
pub struct AuthorizerPlugin {
    plugin: Plugin,
    inspection: Inspection,
}

impl AuthorizerPlugin {
    /// Loads a component that exports `authorizer`.
    pub fn load<'a>(
        runtime: &'a Runtime,
        component: &'a [u8],
        settings: PluginSettings,
        metrics: Arc<PluginMetrics>,
    ) -> BoxFuture<'a, Result<Self, LoadError>> {
        Box::pin(async move {
            let loaded = Plugin::load(
                runtime,
                component,
                PluginKind::Authorizer,
                settings,
                metrics,
            );
            let (plugin, inspection) = loaded.await?;
            Ok(Self { plugin, inspection })
        })
    }

    /// What the component is.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}

#[async_trait]
impl Authorizer for AuthorizerPlugin {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    fn decides_by(&self) -> DecidesBy {
        decides_by(&self.inspection.features)
    }

    async fn authorize(
        &self,
        identity: &Identity,
        questions: &[Question],
    ) -> Result<Vec<Decision>> {
        let identity = convert::identity_out(identity);
        let questions: Vec<_> = questions.iter().map(question_out).collect();
        let call = self.plugin.call_sync("authorize", async |store, exports| {
            exports
                .authorizer()?
                .call_authorize(store, &identity, &questions)
                .await
        });
        Ok(call.await?.into_iter().map(decision_in).collect())
    }
}

/// What its description says that its decisions depend on.
fn decides_by(features: &[String]) -> DecidesBy {
    let says = |feature: &str| features.iter().any(|said| said == feature);
    match (says("pure-decisions"), says("path-blind")) {
        (true, true) => DecidesBy::Rights,
        (true, false) => DecidesBy::Question,
        // Blind or not, it may decide otherwise the next time.
        (false, _) => DecidesBy::Anything,
    }
}

fn question_out(question: &Question) -> wit::Question {
    wit::Question {
        action: action_out(question.action),
        path: question.path.clone(),
        target: question.target.as_ref().map(node_out),
        ancestors: question.ancestors.iter().map(node_out).collect(),
    }
}

fn node_out(node: &AccessNode) -> wit::Node {
    let AccessNode {
        kind,
        owner,
        group,
        mode,
    } = node.clone();
    wit::Node {
        kind: convert::kind_out(kind),
        owner,
        group,
        mode,
    }
}

fn action_out(action: Action) -> wit::Action {
    match action {
        Action::Read => wit::Action::Read,
        Action::Write => wit::Action::Write,
        Action::Create => wit::Action::Create,
        Action::Delete => wit::Action::Delete,
        Action::List => wit::Action::List,
        Action::Traverse => wit::Action::Traverse,
        Action::Move => wit::Action::Move,
        Action::Share => wit::Action::Share,
        Action::Administer => wit::Action::Administer,
        Action::Other(action) => wit::Action::Other(action.into()),
    }
}

fn decision_in(decision: wit::Decision) -> Decision {
    match decision {
        wit::Decision::Allow => Decision::Allow,
        wit::Decision::Deny(reason) => Decision::Deny(convert::cut(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_say_what_decisions_depend_on() {
        for (features, expected) in [
            (&[][..], DecidesBy::Anything),
            (&["pure-decisions"], DecidesBy::Question),
            (
                &["path-blind", "other", "pure-decisions"],
                DecidesBy::Rights,
            ),
            (&["path-blind"], DecidesBy::Anything),
        ] {
            let features: Vec<String> = features.iter().map(|&feature| feature.into()).collect();
            assert_eq!(decides_by(&features), expected, "{features:?}");
        }
    }
}
