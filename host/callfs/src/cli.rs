//! The command line: what there is to say, and where it goes.
//!
//! Data goes to stdout and talk to stderr. The exit code is 0 if it worked, 1 if it failed, 2 if
//! the command line made no sense, and 78 if the configuration does not hold. Nothing is decided
//! here that is not about a command.

mod announcement;
mod cluster;
mod completions;
mod config;
mod failure;
mod first_run;
mod fsck;
mod key;
mod link;
mod metadata;
mod plugin;
mod progress;
mod serve;

use std::process::ExitCode;

use callfs_telemetry::logs;
use clap::{Parser, Subcommand};
pub use failure::CommandFailure;

/// One REST filesystem over any storage, extended by sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(
    name = "callfs",
    bin_name = "callfs",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
struct CallfsArguments {
    #[command(subcommand)]
    command: CallfsCommand,
}

#[derive(Debug, Subcommand)]
enum CallfsCommand {
    /// Serve a folder, or what the configuration says.
    #[command(visible_alias = "server")]
    Serve(serve::ServeArguments),
    /// Check the configuration, or show what holds and why.
    Config(config::ConfigArguments),
    /// Look at components.
    Plugin(plugin::PluginArguments),
    /// Make keys for clients.
    Key(key::KeyArguments),
    /// Make links to files of a gateway that runs.
    Link(link::LinkArguments),
    /// Compare what is stored with what the metadata store says, and repair it.
    ///
    /// Nothing is changed without --repair. The exit code is 0 if nothing is wrong or all of it was
    /// repaired, and 1 otherwise. Stop the gateway first, and make sure that every storage is
    /// there before you repair. A folder that is missing, or is empty and was never served, is
    /// refused if files are recorded there: its disk may not be mounted. No folder is ever made.
    Fsck(fsck::FsckArguments),
    /// Take the metadata store out, and put it into another store.
    Metadata(metadata::MetadataArguments),
    /// Add nodes to a cluster that keeps the metadata store among themselves, take them out, and
    /// see how it is.
    Cluster(cluster::ClusterArguments),
    /// Print a script that completes this command in a shell.
    Completions(completions::CompletionsArguments),
    /// Print the version.
    Version,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let _last_lines = LastLines;
    let arguments = CallfsArguments::parse();
    let result = match arguments.command {
        CallfsCommand::Serve(arguments) => serve::run(arguments),
        CallfsCommand::Config(arguments) => config::run(arguments),
        CallfsCommand::Plugin(arguments) => plugin::run(arguments),
        CallfsCommand::Key(arguments) => key::run(arguments),
        CallfsCommand::Link(arguments) => link::run(arguments),
        CallfsCommand::Fsck(arguments) => fsck::run(arguments),
        CallfsCommand::Metadata(arguments) => metadata::run(arguments),
        CallfsCommand::Cluster(arguments) => cluster::run(arguments),
        CallfsCommand::Completions(arguments) => completions::run(&arguments),
        CallfsCommand::Version => print(&format!("callfs {}\n", env!("CARGO_PKG_VERSION"))),
    };
    result.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Data, to stdout. A reader that has seen enough is no failure.
fn print(text: &str) -> Result<(), CommandFailure> {
    use std::io::{ErrorKind, Write, stdout};
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(CommandFailure::failed("cannot write to stdout", cause))
        }
        _ => Ok(()),
    }
}

/// Talk, to stderr. It is no failure if that cannot be written.
fn say(text: &str) {
    logs::say(text);
}

/// Waits for what was said and logged last, when a command ends or panics.
struct LastLines;

impl Drop for LastLines {
    fn drop(&mut self) {
        logs::drain();
    }
}
