//! `callfs config`

use std::path::PathBuf;

use clap::Subcommand;

use super::{Failure, print, say};
use crate::config::{Layers, LoadOptions, TEMPLATE};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the configuration, secrets included, and change nothing.
    #[command(visible_alias = "validate")]
    Check(Place),
    /// Print every value that holds and where it comes from, secrets masked.
    Show(Place),
    /// Print the built-in configuration, to start your own from.
    Default,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// A configuration file: .toml, .yaml, .yml or .json.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn read(self) -> Result<Layers, Failure> {
        Ok(Layers::read(&LoadOptions { file: self.config, ..LoadOptions::of_process() })?)
    }
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Check(place) => {
            let layers = place.read()?;
            layers.check()?;
            let files = layers.files().iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
            say(&if files.is_empty() {
                "the configuration is good; there is no file, so the built-in defaults hold".to_owned()
            } else {
                format!("the configuration is good; read {files}")
            });
            Ok(())
        }
        Command::Show(place) => print(&place.read()?.show()?),
        Command::Default => print(TEMPLATE),
    }
}
