//! Black-box tests of the real binary: each starts a gateway of its own, on ports of its own, in a
//! folder of its own, and talks to it like any client. The modules mirror the routes, then what
//! must hold across all of them.

mod harness;

mod auth;
mod calls;
mod compression;
mod conditions;
mod copies;
mod cors;
mod digests;
mod directories;
mod disk_modes;
mod downloads;
mod errors;
mod files_delete;
mod files_get;
mod files_patch;
mod files_put;
mod forms;
mod link_options;
mod links;
mod logging;
mod moves;
mod mtime;
mod openapi;
mod pages;
mod parity;
mod permissions;
mod ranges;
mod shared_directories;
mod symlinks;
mod system;
mod upload_failures;

mod cluster;
mod concurrency;
mod crash;
mod crash_moves;
mod crash_stores;
mod credentials;
mod crowds;
mod egress;
mod examples;
mod exchanges;
mod isolation;
mod leaving;
mod local_folder;
mod memory;
mod mounts;
mod nodes;
mod outages;
mod patience;
mod plugin_lock;
mod plugins;
mod prices;
mod rate_limits;
mod reload;
mod reload_config;
mod reload_memory;
mod rights;
mod s3;
mod s3_failures;
mod s3_large;
mod s3_names;
mod s3_requests;
mod stores;
mod webdav;

mod clients;
mod clients_page;
mod closed;
mod media;

mod config_cli;
mod conformance;
mod conformance_servers;
mod first_run;
mod folders;
mod foreign;
mod fsck;
mod heads;
mod link_cli;
mod metadata_cli;
mod readme;
mod sdk;

mod answers;
mod architecture;
