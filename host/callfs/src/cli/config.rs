//! `callfs config`

use std::path::PathBuf;

use clap::Subcommand;

use super::{CommandFailure, print, say};
use crate::app;
use crate::config::{Layers, LoadOptions, TEMPLATE};

#[derive(Debug, clap::Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration, secrets included, load its components as `serve` does, and change
    /// nothing.
    #[command(visible_alias = "validate")]
    Check(ConfigLocation),
    /// Print every value that holds and where it comes from, secrets masked.
    Show(ConfigLocation),
    /// Print the built-in configuration, to start your own from.
    Default,
}

#[derive(Debug, clap::Args)]
struct ConfigLocation {
    /// A configuration file: .toml, .yaml, .yml or .json.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigLocation {
    fn read(self) -> Result<Layers, CommandFailure> {
        Ok(Layers::read(&LoadOptions {
            file: self.config,
            ..LoadOptions::of_process()
        })?)
    }
}

/// Loads the components that the configuration names, as `serve` does.
fn load(layers: &Layers) -> Result<(), CommandFailure> {
    // Before a first run there is no key for the built-in authenticator, and that is no mistake.
    let (config, complete) = match layers.config() {
        Ok(config) => (config, true),
        Err(_) if layers.is_built_in("authenticator") => (layers.without_secrets()?, false),
        Err(error) => return Err(error.into()),
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|cause| CommandFailure::failed("cannot start the runtime", cause))?;
    runtime
        .block_on(app::try_all(&config, complete))
        .map_err(CommandFailure::of_serving)
}

pub(super) fn run(arguments: ConfigArguments) -> Result<(), CommandFailure> {
    match arguments.command {
        ConfigCommand::Check(place) => {
            let layers = place.read()?;
            layers.check()?;
            load(&layers)?;
            let files = layers
                .files()
                .iter()
                .map(|file| file.display().to_string())
                .collect::<Vec<_>>()
                .join(", ");
            say(&if files.is_empty() {
                "the configuration is good; there is no file, so the built-in defaults hold"
                    .to_owned()
            } else {
                format!("the configuration is good; read {files}")
            });
            Ok(())
        }
        ConfigCommand::Show(place) => print(&place.read()?.show()?),
        ConfigCommand::Default => print(TEMPLATE),
    }
}
