//! Black-box tests of the real binary: each starts a gateway of its own, on ports of its own, in a folder of its own,
//! and talks to it like any client. The modules mirror the routes, then what must hold across all of them.

mod harness;

mod auth;
mod conditions;
mod copies;
mod cors;
mod digests;
mod directories;
mod downloads;
mod errors;
mod files_delete;
mod files_get;
mod files_patch;
mod files_put;
mod links;
mod moves;
mod mtime;
mod openapi;
mod parity;
mod permissions;
mod ranges;
mod system;
mod upload_failures;

mod concurrency;
mod crash;
mod crash_moves;
mod crowds;
mod isolation;
mod local_folder;
mod memory;
mod mounts;
mod patience;
mod plugins;
mod rate_limits;
mod webdav;

mod clients;
mod media;

mod config_cli;
mod first_run;
mod link_cli;
mod readme;

mod architecture;
