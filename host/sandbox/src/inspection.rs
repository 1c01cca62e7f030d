//! What a component is, from its type: before it runs, and for `callfs plugin inspect`.

use futures_util::future::BoxFuture;
use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::bindings::exports::callfs::plugin::lifecycle::Description;
use super::grants::Grants;
use super::plugin::{LoadError, Plugin};
use super::runtime::{Runtime, RuntimeEngine};

/// The contract that this host implements.
const CONTRACT: ContractVersion = ContractVersion {
    major: 0,
    minor: 1,
    patch: 0,
};
/// The package of the contract.
const PACKAGE: &str = "callfs:plugin/";
/// Capabilities that need no grant.
const FREE: [&str; 2] = ["types", "io"];
/// What Rust's std imports, given without any power behind it; and the log.
const WASI: [&str; 6] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:logging/",
    "wasi:random/",
];

/// What a component can be mounted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// Exports `storage`.
    Storage,
    /// Exports `authenticator`.
    Authenticator,
    /// Exports `authorizer`.
    Authorizer,
}

impl PluginKind {
    const ALL: [Self; 3] = [Self::Storage, Self::Authenticator, Self::Authorizer];

    /// The interface that makes it one.
    fn interface(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Authenticator => "authenticator",
            Self::Authorizer => "authorizer",
        }
    }
}

impl std::fmt::Display for PluginKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.interface())
    }
}

/// What a component is.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The name that it gives itself.
    pub name: String,
    /// Semantic version of the component.
    pub version: String,
    /// One line for people.
    pub summary: String,
    /// What it can be mounted as.
    pub kind: Vec<PluginKind>,
    /// Interfaces of the contract that it exports.
    pub abilities: Vec<String>,
    /// Abilities that no interface shows.
    pub features: Vec<String>,
    /// Everything that it imports, with versions.
    pub imports: Vec<String>,
    /// Capabilities that it cannot be loaded without.
    pub wanted_grants: Vec<String>,
    /// JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
}

/// What a component is and says of itself, without granting it anything.
pub fn inspect<'a>(
    runtime: &'a Runtime,
    name: &'a str,
    component: &'a [u8],
) -> BoxFuture<'a, Result<Inspection, LoadError>> {
    Box::pin(async move { Plugin::inspect(runtime, name, component).await })
}

/// Everything that a component imports, with versions. Nothing of it runs; it takes a while, and no
/// await point.
pub fn imports(runtime: &Runtime, name: &str, component: &[u8]) -> Result<Vec<String>, LoadError> {
    let refuse = |message: String| LoadError {
        plugin: name.into(),
        message,
    };
    check_binary(component).map_err(refuse)?;
    let machine = runtime.machine(PluginKind::Storage);
    let compiled = machine
        .compile(component)
        .map_err(|error| refuse(format!("it does not compile: {error:#}")))?;
    Ok(Interfaces::of(machine, &compiled).imports)
}

impl Inspection {
    /// Whether it exports an interface of the contract.
    pub(super) fn exports(&self, interface: &str) -> bool {
        self.abilities.iter().any(|ability| ability == interface)
    }

    pub(super) fn new(
        bytes: &[u8],
        machine: &RuntimeEngine,
        component: &Component,
        description: Description,
    ) -> Result<Self, String> {
        let Interfaces { imports, exports } = Interfaces::of(machine, component);
        let abilities: Vec<String> = exports
            .iter()
            .filter_map(|name| Interface::parse(name))
            .map(|interface| interface.name.into())
            .collect();
        let kind = PluginKind::ALL
            .into_iter()
            .filter(|kind| abilities.iter().any(|a| a == kind.interface()))
            .collect();
        let config_schema = serde_json::from_str(&description.config_schema).map_err(|error| {
            format!("the configuration schema that it describes is not JSON: {error}")
        })?;
        Ok(Self {
            name: description.name,
            version: description.version,
            summary: description.summary,
            kind,
            wanted_grants: imports
                .iter()
                .filter_map(|name| wanted_grant(name))
                .collect(),
            abilities,
            features: description.features,
            imports,
            config_schema,
            sha256: hex::encode(Sha256::digest(bytes)),
        })
    }
}

/// Whether bytes are a component at all; the compiler's own message would not say what to do.
pub(super) fn check_binary(bytes: &[u8]) -> Result<(), String> {
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', ..] => Err("it is a core WebAssembly module, not a component; \
                                          compile it with --target wasm32-wasip2"
            .into()),
        _ => Err("it is not a WebAssembly component".into()),
    }
}

/// Whether a component can be what it shall be, with what it is given.
pub(super) fn check(
    machine: &RuntimeEngine,
    component: &Component,
    kind: PluginKind,
    grants: &Grants,
) -> Result<(), String> {
    let Interfaces { imports, exports } = Interfaces::of(machine, component);
    let ours: Vec<Interface<'_>> = exports
        .iter()
        .filter_map(|name| Interface::parse(name))
        .collect();
    let Some(lifecycle) = ours.iter().find(|interface| interface.name == "lifecycle") else {
        let found = if exports.is_empty() {
            "nothing".into()
        } else {
            exports.join(", ")
        };
        return Err(format!(
            "it is not a CallFS plugin: it exports {found}, and not {PACKAGE}lifecycle"
        ));
    };
    ours.iter()
        .chain([lifecycle])
        .try_for_each(Interface::check_version)?;
    if !ours
        .iter()
        .any(|interface| interface.name == kind.interface())
    {
        let found: Vec<_> = PluginKind::ALL
            .iter()
            .map(|k| k.interface())
            .filter(|k| ours.iter().any(|o| o.name == *k))
            .collect();
        let found = if found.is_empty() {
            "exports none of the plugin interfaces".into()
        } else {
            format!("is for '{}'", found.join("' and '"))
        };
        return Err(format!(
            "it {found}, but it is configured as '{}'",
            kind.interface()
        ));
    }
    if kind == PluginKind::Authorizer
        && let Some(import) = imports
            .iter()
            .filter_map(|import| Interface::parse(import))
            .find(|i| i.name != "types")
    {
        return Err(format!(
            "it imports {}, and an authorizer may import nothing but types and WASI",
            import.full
        ));
    }
    imports
        .iter()
        .try_for_each(|import| check_import(import, kind, grants))
}

fn check_import(import: &str, kind: PluginKind, grants: &Grants) -> Result<(), String> {
    let Some(interface) = Interface::parse(import) else {
        return if WASI.iter().any(|offered| import.starts_with(offered)) {
            Ok(())
        } else {
            Err(format!(
                "it imports {import}, which CallFS does not offer to any component"
            ))
        };
    };
    interface.check_version()?;
    match interface.name {
        name if FREE.contains(&name) => Ok(()),
        "directories" if !grants.directories.is_empty() => Ok(()),
        "http" if grants.http.is_some() => Ok(()),
        "http" => Err(format!(
            "it imports {import}, and no origin is granted; add grants.http = [ \
             \"https://storage.example.org\" ] to its \
             [[{}]]",
            if kind == PluginKind::Authenticator {
                "authenticator"
            } else {
                "mount"
            },
        )),
        "directories" if kind == PluginKind::Authenticator => Err(format!(
            "it imports {import}, and an authenticator may not use directories"
        )),
        "directories" => Err(format!(
            "it imports {import}, and no directory is granted; add grants.directories = [ {{ host \
             = \"some/folder\", guest = \"/\" }} ] to its [[mount]]"
        )),
        name => Err(format!(
            "it imports {import}, and this version of CallFS has no grant for '{name}'"
        )),
    }
}

/// The grant without which an import cannot be had.
fn wanted_grant(import: &str) -> Option<String> {
    let interface = Interface::parse(import)?;
    (!FREE.contains(&interface.name)).then(|| interface.name.to_owned())
}

/// Names of everything that a component imports and exports.
struct Interfaces {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Interfaces {
    fn of(machine: &RuntimeEngine, component: &Component) -> Self {
        let component = component.component_type();
        let instances = |(name, item): (&str, ComponentItem)| {
            matches!(
                item,
                ComponentItem::ComponentInstance(_) | ComponentItem::ComponentFunc(_)
            )
            .then(|| name.to_owned())
        };
        let engine = machine.engine();
        Self {
            imports: component
                .imports(engine)
                .filter_map(|(name, item)| instances((name, item.ty)))
                .collect(),
            exports: component
                .exports(engine)
                .filter_map(|(name, item)| instances((name, item.ty)))
                .collect(),
        }
    }
}

/// `callfs:plugin/storage@0.1.0`, in parts.
struct Interface<'a> {
    full: &'a str,
    name: &'a str,
    version: Option<ContractVersion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContractVersion {
    major: u64,
    minor: u64,
    patch: u64,
}

impl<'a> Interface<'a> {
    fn parse(full: &'a str) -> Option<Self> {
        let (name, version) = full.strip_prefix(PACKAGE)?.split_once('@')?;
        Some(Self {
            full,
            name,
            version: ContractVersion::parse(version),
        })
    }

    /// A component fits if it was built for this minor version, at most as new as this host.
    fn check_version(&self) -> Result<(), String> {
        let ContractVersion {
            major,
            minor,
            patch,
        } = CONTRACT;
        match self.version {
            Some(v) if (v.major, v.minor) == (major, minor) && v.patch <= patch => Ok(()),
            Some(v) if (v.major, v.minor, v.patch) > (major, minor, patch) => Err(format!(
                "it needs {}, a newer contract than the {major}.{minor}.{patch} of this CallFS; \
                 update CallFS",
                self.full
            )),
            Some(_) => Err(format!(
                "it was built for {}, an older contract than the {major}.{minor}.{patch} of this \
                 CallFS; build it again with the current SDK",
                self.full
            )),
            None => Err(format!(
                "it names {}, whose version cannot be read",
                self.full
            )),
        }
    }
}

impl ContractVersion {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['-', '+']).next()?.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_patches_fit_and_newer_contracts_do_not() {
        let check = |name: &str| {
            Interface::parse(name)
                .expect("of the package")
                .check_version()
        };
        assert_eq!(check("callfs:plugin/storage@0.1.0"), Ok(()));
        assert!(
            check("callfs:plugin/storage@0.1.9")
                .expect_err("newer")
                .contains("update CallFS")
        );
        assert!(
            check("callfs:plugin/storage@0.2.0")
                .expect_err("newer")
                .contains("newer contract")
        );
        assert!(
            check("callfs:plugin/storage@0.0.9")
                .expect_err("older")
                .contains("build it again")
        );
    }

    #[test]
    fn tells_modules_from_components() {
        assert_eq!(check_binary(b"\0asm\x0d\0\x01\0rest"), Ok(()));
        assert!(
            check_binary(b"\0asm\x01\0\0\0")
                .expect_err("module")
                .contains("wasm32-wasip2")
        );
        assert!(
            check_binary(b"#!/bin/sh")
                .expect_err("script")
                .contains("not a WebAssembly component")
        );
    }
}
