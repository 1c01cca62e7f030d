//! `callfs serve`

use std::path::PathBuf;

use callfs_model::shutdown::Shutdown;
use callfs_telemetry::logs;

use super::{CommandFailure, first_run};
use crate::app::{self, AcceptedFolders};
use crate::config::{Layers, LoadOptions, Loaded};

#[derive(Debug, clap::Args)]
pub(super) struct ServeArguments {
    /// The folder to serve when there is no configuration file; ./callfs-data/files if left out.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A folder of further components.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// A configuration file: .toml, .yaml, .yml or .json.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An address and port to listen on, or unix:/path/of.sock; can be given several times.
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Serve folders that are missing, or empty and new, although the metadata store has records of
    /// files in them: the files are gone for good, and it is not that a disk is not mounted.
    #[arg(long)]
    accept_empty: bool,
    /// Serve folders that are not those whose files the metadata store has records of: they were
    /// restored from a backup or moved to another disk, and it is not that they were swapped.
    #[arg(long)]
    accept_folders: bool,
}

pub(super) fn run(arguments: ServeArguments) -> Result<(), CommandFailure> {
    let ServeArguments {
        folder,
        plugins,
        config,
        listen,
        accept_empty,
        accept_folders,
    } = arguments;
    // Before anything is said: stderr may be stuck already.
    logs::write_behind()
        .map_err(|cause| CommandFailure::failed("cannot start the thread of the log", cause))?;
    let layers = Layers::read(&LoadOptions {
        folder,
        plugins,
        file: config,
        listen,
        ..LoadOptions::of_process()
    })?;
    layers.check()?;
    let announcement = first_run::prepare(&layers)?;
    let loaded = Loaded {
        config: layers.config()?,
        layers,
    };
    let log = &loaded.config.log;
    logs::start(&log.level, log.format)
        .map_err(|message| CommandFailure::Failed(anyhow::anyhow!(message)))?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|cause| CommandFailure::failed("cannot start the runtime", cause))?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals(logs::drain)
            .map_err(|cause| CommandFailure::failed("cannot listen for signals", cause))?;
        app::serve(
            loaded,
            AcceptedFolders {
                empty: accept_empty,
                other: accept_folders,
            },
            |bound, metrics| announcement.say(bound, metrics),
            shutdown,
        )
        .await
        .map_err(CommandFailure::of_serving)
    })
}
