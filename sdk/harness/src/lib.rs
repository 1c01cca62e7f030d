//! Start the real CallFS gateway around a component, in its author's tests.
//!
//! ```no_run
//! let gateway = callfs_harness::storage()
//!     .folder("/")
//!     .config(serde_json::json!({ "folder": "/" }))
//!     .start();
//! gateway.put("/hello.txt", "hello").is(201);
//! assert_eq!(gateway.get("/hello.txt").is(200).text(), "hello");
//! ```
//!
//! [`Setup::check`] runs `callfs plugin check` instead, which tries out everything that the
//! component claims.
//!
//! The component is the crate whose tests run: it is compiled for `wasm32-wasip2` once, as `cargo
//! build --release` does. The gateway is the program `callfs`, which is found on the `PATH`, or
//! where the variable `CALLFS` says. It runs in a temporary folder, on a port of its own, and ends
//! when its [`Gateway`] is dropped. What goes wrong on the way fails the test with what was said:
//! nothing here answers an error.
#![deny(missing_docs)]

mod binary;
mod client;
mod component;
mod gateway;
mod setup;

pub use client::{Client, Reply};
pub use gateway::Gateway;
pub use setup::{Setup, authenticator, authorizer, storage};
