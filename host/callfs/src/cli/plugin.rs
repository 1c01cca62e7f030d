//! `callfs plugin`

mod accept;
mod check;
mod new;
mod template;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use callfs_sandbox as sandbox;
use callfs_sandbox::{Inspection, Runtime};
use clap::Subcommand;

use super::{CommandFailure, print};
use crate::config::{Layers, LoadOptions, Plugins};
use crate::plugins::{Catalogue, Found, PluginOrigin};

#[derive(Debug, clap::Args)]
pub(super) struct PluginArguments {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Print the name and origin of every component.
    List(PluginLocation),
    /// Write a project for a component of your own, to start from.
    New(new::NewPluginArguments),
    /// Print what a component is, imports, wants to be granted, and takes as configuration.
    Inspect {
        /// The name of a component, or a file.
        #[arg(value_name = "NAME_OR_FILE")]
        component: String,
        #[command(flatten)]
        place: PluginLocation,
    },
    /// Try out what a component claims, with a configuration and grants, and print what holds.
    Check(check::CheckArguments),
    /// Show what differs from plugins.lock, and record that it is accepted.
    Accept(accept::AcceptArguments),
}

#[derive(Debug, clap::Args)]
struct PluginLocation {
    /// A folder of further components; otherwise the one in the configuration.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// A configuration file: .toml, .yaml, .yml or .json.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl PluginLocation {
    fn plugins(self) -> Result<Plugins, CommandFailure> {
        let options = LoadOptions {
            file: self.config,
            plugins: self.plugins,
            ..LoadOptions::of_process()
        };
        Ok(Layers::read(&options)?.plugins()?)
    }
}

pub(super) fn run(arguments: PluginArguments) -> Result<(), CommandFailure> {
    match arguments.command {
        PluginCommand::Accept(arguments) => accept::run(arguments),
        PluginCommand::New(arguments) => new::run(arguments),
        PluginCommand::List(place) => {
            let catalogue =
                Catalogue::open(place.plugins()?.dir.as_deref()).map_err(anyhow::Error::from)?;
            print(&list(catalogue.entries()))
        }
        PluginCommand::Check(arguments) => check::run(arguments),
        PluginCommand::Inspect { component, place } => {
            print(&describe(&inspect(&place.plugins()?, &component)?))
        }
    }
}

/// One of the catalogue by its name, or any file.
fn component(plugins: &Plugins, component: &str) -> anyhow::Result<Found> {
    let file = Path::new(component);
    if file.extension().is_some() || component.contains('/') {
        return Ok(Found::file(file));
    }
    Ok(Catalogue::open(plugins.dir.as_deref())?
        .get(component)?
        .clone())
}

fn inspect(plugins: &Plugins, named: &str) -> anyhow::Result<Inspection> {
    let found = component(plugins, named)?;
    let bytes = found.read()?;
    let sandbox = Runtime::new(plugins.limits.memory as usize, None)
        .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let inspection = tokio::runtime::Runtime::new()?.block_on(sandbox::inspect(
        &sandbox,
        &found.name,
        &bytes,
    ))?;
    Ok(inspection)
}

fn list<'a>(components: impl Iterator<Item = &'a Found>) -> String {
    components.fold(String::new(), |mut text, Found { name, origin }| {
        let _ = match origin {
            PluginOrigin::Builtin => writeln!(text, "{name:20}  built-in"),
            PluginOrigin::File(file) => writeln!(text, "{name:20}  {}", file.display()),
        };
        text
    })
}

fn describe(found: &Inspection) -> String {
    let none_or = |names: &[String]| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    let kinds: Vec<String> = found.kind.iter().map(ToString::to_string).collect();
    let lines = [
        ("name", found.name.clone()),
        ("version", found.version.clone()),
        ("summary", found.summary.clone()),
        ("kind", none_or(&kinds)),
        ("exports", none_or(&found.abilities)),
        ("features", none_or(&found.features)),
        ("imports", none_or(&found.imports)),
        ("wanted grants", none_or(&found.wanted_grants)),
        ("sha256", found.sha256.clone()),
    ];
    let mut text = lines
        .iter()
        .fold(String::new(), |mut text, (label, value)| {
            let _ = writeln!(text, "{:15}{}", format!("{label}:"), plain(value));
            text
        });
    let _ = writeln!(text, "config schema:");
    for line in format!("{:#}", found.config_schema).lines() {
        let _ = writeln!(text, "{}", printable(line));
    }
    text
}

/// The longest text of a component in one line, in characters.
const MAX_TEXT: usize = 1000;

/// One line, and not a long one: the text comes from a component that nobody trusts yet, and must
/// not look like more of what is printed around it.
fn plain(text: &str) -> String {
    printable(text).chars().take(MAX_TEXT).collect()
}

/// Without what could move the cursor of a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use callfs_sandbox::PluginKind;

    use super::*;

    #[test]
    fn lists_names_and_origins() {
        let builtin = Found {
            name: "localfs".into(),
            origin: PluginOrigin::Builtin,
        };
        let components = [builtin, Found::file(Path::new("plugins/s3.wasm"))];
        let expected = "localfs               built-in\ns3                    plugins/s3.wasm\n";
        assert_eq!(list(components.iter()), expected);
    }

    #[test]
    fn describes_without_control_characters() {
        let found = Inspection {
            name: "evil\u{1b}[2J".into(),
            version: "1.0.0".into(),
            summary: "erases your screen\nsha256:        00aa".into(),
            kind: vec![PluginKind::Storage],
            abilities: vec!["storage".into(), "storage-write".into()],
            features: Vec::new(),
            imports: vec!["callfs:plugin/directories@0.1.0".into()],
            wanted_grants: vec!["directories".into()],
            config_schema: serde_json::json!({ "type": "object" }),
            sha256: "00ff".into(),
        };
        let text = describe(&found);
        assert!(text.starts_with("name:          evil[2J\n"), "{text}");
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("sha256:"))
                .count(),
            1,
            "{text}"
        );
        assert!(
            text.contains(
                "kind:          storage\nexports:       storage, storage-write\nfeatures:      \
                 none\n"
            ),
            "{text}"
        );
        assert!(
            text.ends_with("config schema:\n{\n  \"type\": \"object\"\n}\n"),
            "{text}"
        );
    }
}
