//! The `callfs` command.

// Requests and calls of components are many small, short-lived pieces of memory; the system's
// allocator was a tenth of all processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // Every heap of a thread and every instance of a component touches little of what it reserves,
    // and a huge page makes 2 MiB of that: without them the service needs a third less memory,
    // and is no slower. A kernel that does not know the request has no huge pages to spare for
    // us either.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    callfs::cli::main()
}
