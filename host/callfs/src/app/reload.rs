//! New generations of components while the gateway runs: when a file in the plugin folder changes,
//! and on SIGHUP, which reads the configuration again.
//!
//! All that differs is loaded before the first of it takes over; if one is refused, everything
//! stays as it was, and what was wanted is tried again with the next change. One reload runs at a
//! time, and whatever happens meanwhile starts one more. It does not know what a component needs to
//! be loaded.

use std::mem;
use std::pin::pin;
use std::sync::Arc;

use callfs_telemetry::Metrics;
use tokio::signal::unix::Signal;

use super::components::Components;
use super::folders::FolderUse;
use super::generation::{ComponentSlot, Current, Generations, Recipe, recipes, replaced, serving};
use crate::config::{Config, Loaded};
use crate::plugins::FolderWatch;

/// What it takes to load everything again.
pub(super) struct Reloads {
    components: Components,
    current: Current,
    generations: Generations,
    started: Loaded,
    /// What the configuration said when it was read last and made sense, whether or not it was
    /// refused then.
    wanted: Config,
    metrics: Arc<Metrics>,
}

impl Reloads {
    /// Loads the first generations.
    pub(super) async fn start(
        started: Loaded,
        metrics: Arc<Metrics>,
        folders: FolderUse,
    ) -> anyhow::Result<Self> {
        let wanted = started.config.clone();
        let components = Components::open(&wanted, metrics.clone(), folders)?;
        let generations = components
            .load(&recipes(&wanted), &Generations::new())
            .await?;
        metrics.reloads().serves(serving(&generations));
        let current =
            Current::new(&generations).ok_or_else(|| anyhow::anyhow!("there is no authorizer"))?;
        Ok(Self {
            components,
            current,
            generations,
            started,
            wanted,
            metrics,
        })
    }

    /// Where the generations of the moment are.
    pub(super) fn current(&self) -> &Current {
        &self.current
    }

    /// Reloads whenever there is reason to, until the end begins.
    pub(super) async fn run(
        mut self,
        mut hangups: Signal,
        mut watch: Option<FolderWatch>,
        end: impl Future<Output = ()>,
    ) {
        let mut end = pin!(end);
        loop {
            let read_again = tokio::select! {
                () = &mut end => return,
                _ = hangups.recv() => true,
                () = changed(&mut watch) => false,
            };
            tokio::select! {
                () = &mut end => return,
                () = self.reload(read_again) => {}
            }
        }
    }

    async fn reload(&mut self, read_again: bool) {
        let outcome = match self.attempt(read_again).await {
            Ok(0) => {
                tracing::debug!("there is nothing to reload");
                "unchanged"
            }
            Ok(_) => "ok",
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the reload is refused; everything stays as it was"
                );
                "refused"
            }
        };
        self.metrics.reloads().finished(outcome);
    }

    /// How many generations were replaced.
    async fn attempt(&mut self, read_again: bool) -> anyhow::Result<usize> {
        if read_again {
            let next = tokio::task::block_in_place(|| self.started.again())?;
            let waiting = self.started.waiting(&next).join(", ");
            if !waiting.is_empty() {
                tracing::warn!(
                    keys = waiting,
                    "a part of the changed configuration waits for a restart"
                );
            }
            self.wanted = next.config;
        }
        let next = self
            .components
            .load(&self.recipes(), &self.generations)
            .await?;
        self.current.swap(&self.generations, &next);
        self.metrics.reloads().serves(serving(&next));
        let before = mem::replace(&mut self.generations, next);
        let count = self.tell(&before);
        // Closing its folders and giving back its memory may take a moment.
        drop(tokio::task::spawn_blocking(move || drop(before)));
        Ok(count)
    }

    /// What is wanted in every place there is; other mounts wait for a restart.
    fn recipes(&self) -> Vec<(ComponentSlot, Recipe)> {
        let mut recipes = recipes(&self.wanted);
        let is_mounted = |place: &ComponentSlot| {
            !matches!(place, ComponentSlot::Mount(_)) || self.generations.contains_key(place)
        };
        recipes.retain(|(place, _)| is_mounted(place));
        for (place, generation) in &self.generations {
            if matches!(place, ComponentSlot::Mount(_))
                && !recipes.iter().any(|(known, _)| known == place)
            {
                recipes.push((place.clone(), generation.recipe.clone()));
            }
        }
        recipes
    }

    fn tell(&self, before: &Generations) -> usize {
        let mut count = 0;
        for (place, old, new) in replaced(before, &self.generations) {
            let from = old.map(|old| {
                (
                    old.inspection.version.as_str(),
                    old.inspection.sha256.as_str(),
                )
            });
            let (from_version, from_sha256) = from.unwrap_or_default();
            tracing::info!(
                place = %place,
                plugin = new.recipe.component.name,
                from_version,
                from_sha256,
                version = new.inspection.version,
                sha256 = new.inspection.sha256,
                "a new generation serves"
            );
            count += 1;
        }
        for (place, old) in before
            .iter()
            .filter(|(place, _)| !self.generations.contains_key(place))
        {
            tracing::info!(place = %place, plugin = old.recipe.component.name, "it serves no more");
            count += 1;
        }
        count
    }
}

async fn changed(watch: &mut Option<FolderWatch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
