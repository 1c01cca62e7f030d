//! `callfs completions`

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Failure, print};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell that reads the script.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "callfs", &mut script);
    print(&String::from_utf8_lossy(&script))
}
