//! The `callfs` command.

// Requests and calls of components are many small, short-lived pieces of memory; the system's allocator was a tenth of
// all processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    callfs::cli::main()
}
