//! What serves: at each of its places one generation of a component, and how the next one takes
//! over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use callfs_identity::{Authentication, Authorization};
use callfs_model::identity::{Authenticator, Authorizer};
use callfs_model::path::FilePath;
use callfs_model::reloadable::Reloadable;
use callfs_model::storage::{Mount, Mounts, Storage};
use callfs_sandbox::Inspection;
use callfs_telemetry::Serving;

use crate::config::{self, Component, Config, DirectoryGrant};
use crate::plugins::{Granted, PinnedAccess, PinnedReach, PluginOrigin};

/// Where a component is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ComponentSlot {
    /// The one at this position.
    Authenticator(usize),
    Authorizer,
    Mount(FilePath),
}

impl fmt::Display for ComponentSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authenticator(at) => write!(f, "authenticator[{at}]"),
            Self::Authorizer => f.write_str("authorizer"),
            Self::Mount(path) => write!(f, "mount {path}"),
        }
    }
}

/// What a generation is made of, besides the component itself.
#[derive(Clone, PartialEq)]
pub(super) struct Recipe {
    pub(super) component: Component,
    pub(super) directories: Vec<DirectoryGrant>,
}

/// One generation of a component.
pub(super) struct Generation {
    pub(super) recipe: Recipe,
    pub(super) origin: PluginOrigin,
    pub(super) inspection: Inspection,
    pub(super) part: LoadedPart,
}

/// What it is to the rest of the gateway.
pub(super) enum LoadedPart {
    Authenticator(Arc<dyn Authenticator>),
    Authorizer(Arc<dyn Authorizer>),
    Storage(Arc<dyn Storage>),
}

/// All of them.
pub(super) type Generations = BTreeMap<ComponentSlot, Arc<Generation>>;

/// What a configuration wants, place by place.
pub(super) fn recipes(config: &Config) -> Vec<(ComponentSlot, Recipe)> {
    let plain = |component: &Component| Recipe {
        component: component.clone(),
        directories: Vec::new(),
    };
    let authenticators = config.authenticators.iter().enumerate();
    let mut recipes: Vec<_> = authenticators
        .map(|(at, one)| (ComponentSlot::Authenticator(at), plain(one)))
        .collect();
    recipes.push((ComponentSlot::Authorizer, plain(&config.authorizer)));
    recipes.extend(config.mounts.iter().map(|mount| {
        let component = mount.component.clone();
        let directories = mount.directories.clone();
        (
            ComponentSlot::Mount(mount.path.clone()),
            Recipe {
                component,
                directories,
            },
        )
    }));
    recipes
}

/// What a component is granted by a configuration, in all its places together.
pub fn granted(config: &Config, component: &str) -> Granted {
    granted_by(&recipes(config), component)
}

pub(super) fn granted_by(recipes: &[(ComponentSlot, Recipe)], component: &str) -> Granted {
    let mut granted = Granted::default();
    for (_, recipe) in recipes
        .iter()
        .filter(|(_, recipe)| recipe.component.name == component)
    {
        for directory in &recipe.directories {
            let access = match directory.access {
                config::DirectoryAccess::ReadWrite => PinnedAccess::ReadWrite,
                config::DirectoryAccess::ReadOnly => PinnedAccess::ReadOnly,
            };
            granted.add_directory(&directory.guest, access);
        }
        let http = &recipe.component.http;
        for grant in &http.origins {
            granted.add_origin(
                &grant.origin.to_string(),
                if grant.private {
                    PinnedReach::Private
                } else {
                    PinnedReach::Public
                },
            );
        }
        granted
            .credentials
            .extend(http.slots.iter().map(|slot| slot.name.clone()));
    }
    granted
}

/// The generations that are in another set under the same place, and are others.
pub(super) fn replaced<'a>(
    before: &'a Generations,
    after: &'a Generations,
) -> impl Iterator<
    Item = (
        &'a ComponentSlot,
        Option<&'a Arc<Generation>>,
        &'a Arc<Generation>,
    ),
> {
    let pairs = after
        .iter()
        .map(|(place, new)| (place, before.get(place), new));
    pairs.filter(|(_, old, new)| old.is_none_or(|old| !Arc::ptr_eq(old, new)))
}

/// Which components serve, for metrics.
pub(super) fn serving(generations: &Generations) -> BTreeSet<Serving> {
    let all = generations.values().map(|generation| Serving {
        plugin: generation.recipe.component.name.clone(),
        version: generation.inspection.version.clone(),
        sha256: generation.inspection.sha256.clone(),
    });
    all.collect()
}

/// Where the rest of the gateway finds the generations of the moment. Cheap to clone; all clones
/// are one.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) mounts: Mounts,
    pub(super) authorizer: Authorization,
    pub(super) authentication: Reloadable<Authentication>,
}

impl Current {
    /// The first ones; none if there is no authorizer among them.
    pub(super) fn new(generations: &Generations) -> Option<Self> {
        let mounts =
            generations
                .iter()
                .filter_map(|(place, generation)| match (place, &generation.part) {
                    (ComponentSlot::Mount(path), LoadedPart::Storage(storage)) => {
                        Some(Mount::new(path.clone(), storage.clone()))
                    }
                    _ => None,
                });
        let authorizer = generations
            .values()
            .find_map(|generation| match &generation.part {
                LoadedPart::Authorizer(authorizer) => Some(Authorization::new(authorizer.clone())),
                _ => None,
            });
        let authentication = Authentication::new(authenticators(generations));
        Some(Self {
            mounts: Mounts::new(mounts.collect()),
            authorizer: authorizer?,
            authentication: Reloadable::new(Arc::new(authentication)),
        })
    }

    /// The next ones take over; what is under way stays with the ones before.
    pub(super) fn swap(&self, before: &Generations, after: &Generations) {
        for (place, _, new) in replaced(before, after) {
            match (place, &new.part) {
                (_, LoadedPart::Authorizer(authorizer)) => {
                    self.authorizer.replace(authorizer.clone())
                }
                (ComponentSlot::Mount(path), LoadedPart::Storage(storage)) => {
                    let mounts = self.mounts.iter().filter(|mount| mount.path == *path);
                    mounts.for_each(|mount| mount.storage.replace(storage.clone()));
                }
                _ => {}
            }
        }
        let old = authenticators(before);
        let new = authenticators(after);
        if old.len() != new.len()
            || old
                .iter()
                .zip(&new)
                .any(|(old, new)| !Arc::ptr_eq(old, new))
        {
            self.authentication
                .replace(Arc::new(Authentication::new(new)));
        }
    }
}

fn authenticators(generations: &Generations) -> Vec<Arc<dyn Authenticator>> {
    let authenticators = generations
        .values()
        .filter_map(|generation| match &generation.part {
            LoadedPart::Authenticator(authenticator) => Some(authenticator.clone()),
            _ => None,
        });
    authenticators.collect()
}
