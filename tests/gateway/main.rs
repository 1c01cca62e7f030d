//! Black-box tests of the real binary: each starts a gateway of its own, on ports of its own, in a folder of its own,
//! and talks to it like any client. The modules mirror the routes, then what must hold across all of them.

mod harness;

mod auth;
mod cors;
mod digests;
mod directories;
mod errors;
mod files_delete;
mod files_get;
mod files_patch;
mod files_put;
mod openapi;
mod permissions;
mod ranges;
mod system;

mod concurrency;
mod crash;
mod isolation;
mod local_folder;
mod memory;
mod mounts;
mod patience;
mod plugins;
mod rate_limits;

mod config_cli;
mod first_run;
mod readme;

mod architecture;
