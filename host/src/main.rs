//! The `callfs` command.

fn main() -> std::process::ExitCode {
    callfs::cli::main()
}
