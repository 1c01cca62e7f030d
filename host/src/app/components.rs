//! Every component that the configuration names, found, granted and loaded.

use std::sync::Arc;

use anyhow::Context;

use crate::config::{Access as Granted, Component, Config, DirectoryGrant, MountPoint};
use crate::egress::Egress;
use crate::folder::{Access, Folder};
use crate::identity::{Authenticator, Authorization};
use crate::plugins::Catalogue;
use crate::sandbox::{
    AuthenticatorPlugin, AuthorizerPlugin, CompileCache, Grants, Limits, Runtime, Settings, StoragePlugin,
};
use crate::storage::{Mount, Mounts};
use crate::telemetry::{Metrics, PluginMetrics};

/// What components are found in and run on.
pub(super) struct Components<'a> {
    catalogue: Catalogue,
    runtime: Runtime,
    egress: Egress,
    metrics: &'a Metrics,
}

impl<'a> Components<'a> {
    pub(super) fn open(config: &Config, metrics: &'a Metrics) -> anyhow::Result<Self> {
        let catalogue = Catalogue::open(config.plugins.dir.as_deref())?;
        let folder = &config.plugins.cache_dir;
        let cache = CompileCache::open(folder)
            .inspect_err(|error| {
                tracing::warn!(%error, folder = %folder.display(), "components are compiled anew at every start");
            })
            .ok();
        let mounted = config.mounts.iter().map(|mount| &mount.component);
        let all = mounted.chain(&config.authenticators).chain([&config.authorizer]);
        let memory = all.map(|component| component.limits.memory).max().unwrap_or_default();
        let runtime = Runtime::new(memory as usize, cache)
            .map_err(|error| anyhow::anyhow!("cannot start the WebAssembly runtime: {error:#}"))?;
        Ok(Self { catalogue, runtime, egress: Egress::default(), metrics })
    }

    pub(super) async fn authenticators(&self, wanted: &[Component]) -> anyhow::Result<Vec<Arc<dyn Authenticator>>> {
        let mut loaded: Vec<Arc<dyn Authenticator>> = Vec::with_capacity(wanted.len());
        for component in wanted {
            let bytes = self.catalogue.get(&component.name)?.read()?;
            let metrics = self.metrics_of(component);
            let settings = settings(component, self.grants(component, &[], &metrics)?);
            loaded.push(Arc::new(AuthenticatorPlugin::load(&self.runtime, &bytes, settings, metrics).await?));
        }
        Ok(loaded)
    }

    pub(super) async fn authorizer(&self, wanted: &Component) -> anyhow::Result<Authorization> {
        let bytes = self.catalogue.get(&wanted.name)?.read()?;
        let settings = settings(wanted, Grants::default());
        let loaded = AuthorizerPlugin::load(&self.runtime, &bytes, settings, self.metrics_of(wanted)).await?;
        Ok(Authorization::new(Arc::new(loaded)))
    }

    pub(super) async fn mounts(&self, wanted: &[MountPoint]) -> anyhow::Result<Mounts> {
        let mut mounts = Vec::with_capacity(wanted.len());
        for MountPoint { path, component, directories } in wanted {
            let load = async {
                let bytes = self.catalogue.get(&component.name)?.read()?;
                let metrics = self.metrics_of(component);
                let settings = settings(component, self.grants(component, directories, &metrics)?);
                anyhow::Ok(StoragePlugin::load(&self.runtime, &bytes, settings, metrics).await?)
            };
            let storage = load.await.with_context(|| format!("cannot mount {path}"))?;
            mounts.push(Mount { path: path.clone(), storage: Arc::new(storage) });
        }
        Ok(Mounts::new(mounts))
    }

    fn grants(
        &self,
        component: &Component,
        directories: &[DirectoryGrant],
        metrics: &Arc<PluginMetrics>,
    ) -> anyhow::Result<Grants> {
        let http = self.egress.gate(&component.name, &component.http, metrics.clone()).context("cannot use TLS")?;
        Ok(Grants { directories: folders(directories)?, http: http.map(Arc::new) })
    }

    fn metrics_of(&self, component: &Component) -> Arc<PluginMetrics> {
        Arc::new(PluginMetrics::new(self.metrics, &component.name))
    }
}

fn settings(component: &Component, grants: Grants) -> Settings {
    let limits = &component.limits;
    Settings {
        name: component.name.as_str().into(),
        config: component.config.to_json().into(),
        grants: Arc::new(grants),
        limits: Limits {
            memory: limits.memory as usize,
            cpu_time: limits.cpu_time,
            call_timeout: limits.call_timeout,
            instances: limits.instances as usize,
        },
    }
}

fn folders(directories: &[DirectoryGrant]) -> anyhow::Result<Vec<(String, Arc<Folder>)>> {
    let open = |grant: &DirectoryGrant| {
        let access = match grant.access {
            Granted::ReadWrite => Access::ReadWrite,
            Granted::ReadOnly => Access::ReadOnly,
        };
        let folder = tokio::task::block_in_place(|| Folder::open(&grant.host, access));
        let folder = folder.with_context(|| format!("cannot open the granted folder {}", grant.host.display()))?;
        anyhow::Ok((grant.guest.clone(), folder))
    };
    directories.iter().map(open).collect()
}
