//! The `callfs` command.

use std::process::ExitCode;

use callfs::cli::{Parts, PluginSource};

fn main() -> ExitCode {
    let list = |_: Option<&_>| Err(anyhow::anyhow!("this build has no components"));
    let inspect = |_: Option<&_>, _: &_| Err(anyhow::anyhow!("this build has no components"));
    callfs::cli::main(Parts {
        serve: |_, _, _| Box::pin(async { Err(anyhow::anyhow!("this build has no server")) }),
        plugins: PluginSource { list, inspect },
    })
}
