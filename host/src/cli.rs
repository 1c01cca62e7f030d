//! The command line: what there is to say, and where it goes.
//!
//! Data goes to stdout and talk to stderr. The exit code is 0 if it worked, 1 if it failed, 2 if the command line made no
//! sense, and 78 if the configuration does not hold. Nothing is decided here that is not about a command.

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

use clap::{Parser, Subcommand};

pub use announcement::Announcement;
pub use failure::Failure;

/// One REST filesystem over any storage, extended by sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "callfs", bin_name = "callfs", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a folder, or what the configuration says.
    #[command(visible_alias = "server")]
    Serve(serve::Arguments),
    /// Check the configuration, or show what holds and why.
    Config(config::Arguments),
    /// Look at components.
    Plugin(plugin::Arguments),
    /// Make keys for clients.
    Key(key::Arguments),
    /// Make links to files of a gateway that runs.
    Link(link::Arguments),
    /// Compare what is stored with what the index says, and repair it.
    ///
    /// Nothing is changed without --repair. The exit code is 0 if nothing is wrong or all of it was repaired, and 1
    /// otherwise. Stop the gateway first, and make sure that every storage is there before you repair: a disk that is not
    /// mounted looks like a folder that somebody emptied, and what is recorded of it is forgotten.
    Fsck(fsck::Arguments),
    /// Take the index out, and put it into another store.
    Metadata(metadata::Arguments),
    /// Add nodes to a cluster that keeps the index among themselves, take them out, and see how it is.
    Cluster(cluster::Arguments),
    /// Print a script that completes this command in a shell.
    Completions(completions::Arguments),
    /// Print the version.
    Version,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Plugin(arguments) => plugin::run(arguments),
        Command::Key(arguments) => key::run(arguments),
        Command::Link(arguments) => link::run(arguments),
        Command::Fsck(arguments) => fsck::run(arguments),
        Command::Metadata(arguments) => metadata::run(arguments),
        Command::Cluster(arguments) => cluster::run(arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Version => print(&format!("callfs {}\n", env!("CARGO_PKG_VERSION"))),
    };
    result.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Data, to stdout. A reader that has seen enough is no failure.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write, stdout};
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(Failure::failed("cannot write to stdout", cause)),
        _ => Ok(()),
    }
}

/// Talk, to stderr. Nobody may be listening, and that is fine.
fn say(text: &str) {
    use std::io::{Write, stderr};
    let _ = writeln!(stderr().lock(), "{text}");
}
