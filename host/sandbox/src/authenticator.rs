//! A component as an authenticator.

use std::sync::Arc;

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::identity::{Authenticator, Credential, Recognised};
use callfs_telemetry::PluginMetrics;
use futures_util::future::BoxFuture;

use super::bindings::exports::callfs::plugin::authenticator as wit;
use super::convert;
use super::inspection::{Inspection, PluginKind};
use super::plugin::{LoadError, Plugin, PluginSettings};
use super::runtime::Runtime;

/// A component as an authenticator.
pub struct AuthenticatorPlugin {
    plugin: Plugin,
    headers: Vec<String>,
    inspection: Inspection,
}

impl AuthenticatorPlugin {
    /// Loads a component that exports `authenticator`.
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
                PluginKind::Authenticator,
                settings,
                metrics,
            );
            let (plugin, inspection) = loaded.await?;
            let headers = plugin.call_sync("headers", async |store, exports| {
                exports.authenticator()?.call_headers(store).await
            });
            let headers = headers.await.map_err(|error| LoadError {
                plugin: plugin.name().to_string(),
                message: error.message().into(),
            })?;
            Ok(Self {
                plugin,
                headers,
                inspection,
            })
        })
    }

    /// What the component is.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}

#[async_trait]
impl Authenticator for AuthenticatorPlugin {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    fn headers(&self) -> &[String] {
        &self.headers
    }

    async fn authenticate(&self, credential: &Credential) -> Result<Option<Recognised>> {
        let credential = match credential.clone() {
            Credential::Bearer(token) => wit::Credential::Bearer(token),
            Credential::Basic(user, password) => wit::Credential::Basic((user, password)),
            Credential::Headers(headers) => wit::Credential::Headers(headers),
        };
        let call = self.plugin.call("authenticate", async |accessor, exports| {
            exports
                .authenticator()?
                .call_authenticate(accessor, credential)
                .await
        });
        let Some(wit::Recognised {
            identity,
            cache_seconds,
        }) = call.await?
        else {
            return Ok(None);
        };
        let identity = convert::identity_in(identity, self.plugin.name())?;
        Ok(Some(Recognised {
            identity,
            cache_seconds,
        }))
    }
}
