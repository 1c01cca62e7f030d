//! Every component that the configuration names, found, held to the lock, granted and loaded: at
//! the start, and again whenever something changes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use callfs_egress::Egress;
use callfs_sandbox as sandbox;
use callfs_sandbox::{
    AuthenticatorPlugin, AuthorizerPlugin, CallLimits, CompileCache, Grants, LoadError,
    PluginSettings, Runtime, StoragePlugin,
};
use callfs_telemetry::{Metrics, PluginMetrics};
use sha2::{Digest, Sha256};

use super::folders::FolderUse;
use super::generation::{ComponentSlot, Generation, Generations, LoadedPart, Recipe, granted_by};
use super::overlaps::refuse_overlaps;
use crate::config::{Component, Config};
use crate::plugins::{Catalogue, Found, LOCK_FILE, Lock, Pin, PluginOrigin};

/// What components are found in and run on.
pub(super) struct Components {
    folder: Option<PathBuf>,
    runtime: Runtime,
    egress: Egress,
    /// The most memory that a component on this runtime can have, in bytes.
    memory: u64,
    metrics: Arc<Metrics>,
    folders: FolderUse,
    /// The one of its name, wherever else there is one.
    preferred: Option<Found>,
    /// There was a lock: there has to be one from then on.
    locked: AtomicBool,
}

/// A component as it was found: what is hashed is what is loaded.
struct Binary {
    bytes: Cow<'static, [u8]>,
    sha256: String,
    origin: PluginOrigin,
}

impl Components {
    pub(super) fn open(
        config: &Config,
        metrics: Arc<Metrics>,
        folders: FolderUse,
    ) -> anyhow::Result<Self> {
        let folder = &config.plugins.cache_dir;
        let cache = CompileCache::open(folder)
            .inspect_err(|error| {
                tracing::warn!(%error, folder = %folder.display(), "components are compiled anew \
                    at every start");
            })
            .ok();
        let mounted = config.mounts.iter().map(|mount| &mount.component);
        let all = mounted
            .chain(&config.authenticators)
            .chain([&config.authorizer]);
        let memory = all
            .map(|component| component.limits.memory)
            .max()
            .unwrap_or_default();
        let runtime = Runtime::new(memory as usize, cache)
            .map_err(|error| anyhow::anyhow!("cannot start the WebAssembly runtime: {error:#}"))?;
        Ok(Self {
            folder: config.plugins.dir.clone(),
            runtime,
            egress: Egress::default(),
            memory,
            metrics,
            folders,
            preferred: None,
            locked: AtomicBool::new(false),
        })
    }

    /// Makes a component the one of its name, wherever it was found.
    pub(super) fn prefer(&mut self, found: Option<Found>) {
        self.preferred = found;
    }

    /// The generations that are wanted: those of `current` that are still right, and new ones in
    /// all other places. If one cannot be had, none is.
    pub(super) async fn load(
        &self,
        wanted: &[(ComponentSlot, Recipe)],
        current: &Generations,
    ) -> anyhow::Result<Generations> {
        let found = tokio::task::block_in_place(|| self.find(wanted, current))?;
        tokio::task::block_in_place(|| self.hold_to_the_lock(wanted, current, &found))?;
        tokio::task::block_in_place(|| refuse_overlaps(wanted, &self.folders))?;
        let mut generations = Generations::new();
        for (place, recipe) in wanted {
            let same = |known: &&Arc<Generation>| {
                let binary = found.get(&recipe.component.name);
                let same = |binary: &Binary| {
                    (&binary.sha256, &binary.origin) == (&known.inspection.sha256, &known.origin)
                };
                known.recipe == *recipe && binary.is_none_or(same)
            };
            let generation = match (
                current.get(place).filter(same),
                found.get(&recipe.component.name),
            ) {
                (Some(known), _) => known.clone(),
                (None, Some(binary)) => Arc::new(self.make(place, recipe, binary).await?),
                (None, None) => {
                    let name = &recipe.component.name;
                    bail!(
                        "{place}: the file of the plugin '{name}' is gone; put it back, or leave \
                         its settings alone"
                    );
                }
            };
            generations.insert(place.clone(), generation);
        }
        Ok(generations)
    }

    /// Every component that is wanted, read once; but those whose file is gone since they were
    /// loaded.
    fn find(
        &self,
        wanted: &[(ComponentSlot, Recipe)],
        current: &Generations,
    ) -> anyhow::Result<BTreeMap<String, Binary>> {
        let catalogue = Catalogue::open(self.folder.as_deref())?;
        let mut found = BTreeMap::new();
        for (_, recipe) in wanted {
            let name = &recipe.component.name;
            if found.contains_key(name) {
                continue;
            }
            let loaded = current
                .values()
                .find(|generation| generation.recipe.component.name == *name);
            if let Some(PluginOrigin::File(file)) = loaded.map(|generation| &generation.origin)
                && catalogue
                    .get(name)
                    .ok()
                    .is_none_or(|found| found.origin == PluginOrigin::Builtin)
            {
                tracing::warn!(plugin = name, file = %file.display(), "the file of a plugin is \
                    gone; what is loaded goes on");
                continue;
            }
            let preferred = self
                .preferred
                .as_ref()
                .filter(|preferred| preferred.name == *name);
            let component = preferred.map_or_else(|| catalogue.get(name), Ok)?;
            let bytes = component.read()?;
            let sha256 = hex::encode(Sha256::digest(&bytes));
            found.insert(
                name.clone(),
                Binary {
                    bytes,
                    sha256,
                    origin: component.origin.clone(),
                },
            );
        }
        Ok(found)
    }

    /// Fails if a component from the folder is not what was accepted, or is granted more.
    fn hold_to_the_lock(
        &self,
        wanted: &[(ComponentSlot, Recipe)],
        current: &Generations,
        found: &BTreeMap<String, Binary>,
    ) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let Some(lock) = Lock::read(folder)? else {
            if self.locked.load(Ordering::Relaxed) {
                bail!(
                    "{LOCK_FILE} is gone from {}; put it back, let `callfs plugin accept` make \
                     another one, or restart the gateway to go on without",
                    folder.display()
                );
            }
            if current.is_empty() {
                tell_of_no_lock(folder);
            }
            return Ok(());
        };
        self.locked.store(true, Ordering::Relaxed);
        // A file that somebody names is not one that happens to be in the folder.
        let in_the_folder = |name: &str, binary: &Binary| {
            matches!(binary.origin, PluginOrigin::File(_))
                && self.preferred.as_ref().is_none_or(|one| one.name != name)
        };
        let pinned: Vec<_> = found
            .iter()
            .filter(|(name, binary)| in_the_folder(name, binary))
            .collect();
        // All of them, before the first is compiled: what is not accepted is not looked into.
        for (name, binary) in &pinned {
            lock.check_digest(name, &binary.sha256)?;
        }
        for (name, binary) in pinned {
            let known = current
                .values()
                .find(|generation| generation.inspection.sha256 == binary.sha256);
            let imports = match known {
                Some(generation) => generation.inspection.imports.clone(),
                None => sandbox::imports(&self.runtime, name, &binary.bytes)?,
            };
            let sha256 = binary.sha256.clone();
            let imports = imports.into_iter().collect();
            let grants = granted_by(wanted, name);
            lock.check(
                name,
                &Pin {
                    sha256,
                    version: String::new(),
                    imports,
                    grants,
                },
            )?;
        }
        Ok(())
    }

    async fn make(
        &self,
        place: &ComponentSlot,
        recipe: &Recipe,
        binary: &Binary,
    ) -> anyhow::Result<Generation> {
        let component = &recipe.component;
        let wanted = component.limits.memory;
        let most = self.memory;
        if wanted > most {
            bail!(
                "{place}: limits.memory is {wanted} bytes, and this gateway was started for \
                 components of at most {most}; restart it to raise that"
            );
        }
        let metrics = Arc::new(PluginMetrics::new(&self.metrics, &component.name));
        let runtime = &self.runtime;
        let bytes = &*binary.bytes;
        let masked = |error: LoadError| LoadError {
            message: component.config.mask(&component.name, &error.message),
            ..error
        };
        let (inspection, part) = match place {
            ComponentSlot::Authenticator(_) => {
                let settings = settings(component, self.grants(recipe, &metrics)?);
                let loaded = AuthenticatorPlugin::load(runtime, bytes, settings, metrics).await;
                let loaded = loaded.map_err(masked)?;
                (
                    loaded.inspection().clone(),
                    LoadedPart::Authenticator(Arc::new(loaded)),
                )
            }
            ComponentSlot::Authorizer => {
                let settings = settings(component, Grants::default());
                let loaded = AuthorizerPlugin::load(runtime, bytes, settings, metrics).await;
                let loaded = loaded.map_err(masked)?;
                (
                    loaded.inspection().clone(),
                    LoadedPart::Authorizer(Arc::new(loaded)),
                )
            }
            ComponentSlot::Mount(path) => {
                let load = async {
                    let settings = settings(component, self.grants(recipe, &metrics)?);
                    let loaded = StoragePlugin::load(runtime, bytes, settings, metrics).await;
                    anyhow::Ok(loaded.map_err(masked)?)
                };
                let loaded = load.await.with_context(|| format!("cannot mount {path}"))?;
                (
                    loaded.inspection().clone(),
                    LoadedPart::Storage(loaded.into_storage()),
                )
            }
        };
        self.metrics.reloads().loaded(&component.name);
        Ok(Generation {
            recipe: recipe.clone(),
            origin: binary.origin.clone(),
            inspection,
            part,
        })
    }

    fn grants(&self, recipe: &Recipe, metrics: &Arc<PluginMetrics>) -> anyhow::Result<Grants> {
        let Recipe {
            component,
            directories,
        } = recipe;
        let http = self
            .egress
            .gate(&component.name, &component.http, metrics.clone())
            .context("cannot use TLS")?;
        Ok(Grants {
            directories: self.folders.open(directories)?,
            http: http.map(Arc::new),
        })
    }
}

fn tell_of_no_lock(folder: &Path) {
    tracing::info!(
        "no component is pinned: there is no {LOCK_FILE} in {}; `callfs plugin accept` makes one",
        folder.display()
    );
}

fn settings(component: &Component, grants: Grants) -> PluginSettings {
    let limits = &component.limits;
    PluginSettings {
        name: component.name.as_str().into(),
        config: component.config.to_json().into(),
        grants: Arc::new(grants),
        limits: CallLimits {
            memory: limits.memory as usize,
            cpu_time: limits.cpu_time,
            call_timeout: limits.call_timeout,
            instances: limits.instances as usize,
        },
    }
}
