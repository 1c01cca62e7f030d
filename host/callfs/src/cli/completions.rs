//! `callfs completions`

use clap::CommandFactory;
use clap_complete::Shell;

use super::{CommandFailure, print};

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArguments {
    /// The shell that reads the script.
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> Result<(), CommandFailure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut super::CallfsArguments::command(),
        "callfs",
        &mut script,
    );
    print(&String::from_utf8_lossy(&script))
}
