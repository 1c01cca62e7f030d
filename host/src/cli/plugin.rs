//! `callfs plugin`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Failure, print};
use crate::config::{Layers, LoadOptions};

/// A component that can be mounted by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The file it comes from; none for a built-in component.
    pub file: Option<PathBuf>,
}

/// What a component says about itself, and what its binary shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One line for people.
    pub summary: String,
    /// `storage`, `authenticator` or `authorizer`.
    pub kind: String,
    /// Optional interfaces that it exports.
    pub abilities: Vec<String>,
    /// Abilities that no interface shows.
    pub features: Vec<String>,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Grants without which it cannot work.
    pub wanted_grants: Vec<String>,
    /// JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
    /// SHA-256 of the binary, in hex.
    pub sha256: String,
}

/// Who finds components and looks into them.
#[derive(Clone, Copy)]
pub struct PluginSource {
    /// Every component: those of the folder, and the built-in ones that they do not replace.
    pub list: fn(Option<&Path>) -> anyhow::Result<Vec<Listed>>,
    /// One of them by its name, or any file.
    pub inspect: fn(Option<&Path>, &str) -> anyhow::Result<Inspection>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the name and origin of every component.
    List(Place),
    /// Print what a component is, imports, wants to be granted, and takes as configuration.
    Inspect {
        /// The name of a component, or a file.
        #[arg(value_name = "NAME_OR_FILE")]
        component: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// A folder of further components; otherwise the one in the configuration.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// A configuration file: .toml, .yaml, .yml or .json.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn folder(self) -> Result<Option<PathBuf>, Failure> {
        let options = LoadOptions { file: self.config, plugins: self.plugins, ..LoadOptions::of_process() };
        Ok(Layers::read(&options)?.plugins()?.dir)
    }
}

pub(super) fn run(arguments: Arguments, source: PluginSource) -> Result<(), Failure> {
    match arguments.command {
        Command::List(place) => print(&list(&(source.list)(place.folder()?.as_deref())?)),
        Command::Inspect { component, place } => {
            print(&describe(&(source.inspect)(place.folder()?.as_deref(), &component)?))
        }
    }
}

fn list(components: &[Listed]) -> String {
    let width = components.iter().map(|listed| listed.name.len()).max().unwrap_or_default();
    components.iter().fold(String::new(), |mut text, listed| {
        let origin = listed.file.as_ref().map_or("built-in".to_owned(), |file| file.display().to_string());
        let _ = writeln!(text, "{:width$}  {origin}", listed.name);
        text
    })
}

fn describe(found: &Inspection) -> String {
    let none_or = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let lines = [
        ("name", found.name.clone()),
        ("version", found.version.clone()),
        ("summary", found.summary.clone()),
        ("kind", found.kind.clone()),
        ("abilities", none_or(&found.abilities)),
        ("features", none_or(&found.features)),
        ("imports", none_or(&found.imports)),
        ("wanted grants", none_or(&found.wanted_grants)),
        ("sha256", found.sha256.clone()),
    ];
    let mut text = lines.iter().fold(String::new(), |mut text, (label, value)| {
        let _ = writeln!(text, "{:15}{}", format!("{label}:"), plain(value));
        text
    });
    let _ = writeln!(text, "config schema:\n{}", plain(&format!("{:#}", found.config_schema)));
    text
}

/// Without what could move the cursor of a terminal: the text comes from a component that nobody trusts yet.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_names_and_origins() {
        let components = [
            Listed { name: "localfs".into(), file: None },
            Listed { name: "s3".into(), file: Some("plugins/s3.wasm".into()) },
        ];
        assert_eq!(list(&components), "localfs  built-in\ns3       plugins/s3.wasm\n");
    }

    #[test]
    fn describes_without_control_characters() {
        let found = Inspection {
            name: "evil\u{1b}[2J".into(),
            version: "1.0.0".into(),
            summary: "erases your screen".into(),
            kind: "storage".into(),
            abilities: vec!["write".into(), "rename".into()],
            features: Vec::new(),
            imports: vec!["callfs:plugin/directories@0.1.0".into()],
            wanted_grants: vec!["directories".into()],
            config_schema: serde_json::json!({ "type": "object" }),
            sha256: "00ff".into(),
        };
        let text = describe(&found);
        assert!(text.starts_with("name:          evil[2J\n"), "{text}");
        assert!(text.contains("abilities:     write, rename\nfeatures:      none\n"), "{text}");
        assert!(text.ends_with("config schema:\n{\n  \"type\": \"object\"\n}\n"), "{text}");
    }
}
