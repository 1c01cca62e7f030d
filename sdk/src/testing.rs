//! What unit tests of a component need. They run natively, without CallFS and without a WebAssembly
//! runtime.
//!
//! There is no host in such a test: a call of [`directories`](crate::directories),
//! [`http`](crate::http) or a [`Source`](crate::Source) panics, and the log goes to stderr. Keep
//! what decides apart from what calls the host, and test the former here. `callfs-harness` starts
//! the real gateway around the component as a whole.
//!
//! ```
//! # #[derive(Debug)]
//! # struct Greeter;
//! # #[derive(serde::Deserialize, schemars::JsonSchema)]
//! # struct Config { #[expect(dead_code)] name: String }
//! # impl callfs_sdk::Plugin for Greeter {
//! #     const NAME: &'static str = "greeter";
//! #     const VERSION: &'static str = "0.1.0";
//! #     const SUMMARY: &'static str = "greets";
//! #     type Config = Config;
//! #     fn configure(_: Config) -> Result<Self, callfs_sdk::ConfigError> { Ok(Self) }
//! # }
//! use callfs_sdk::testing::configure;
//!
//! assert!(configure::<Greeter>(r#"{"name": "alice"}"#).is_ok());
//! assert_eq!(configure::<Greeter>(r#"{"name": "alice", "nmae": 1}"#).unwrap_err().path, "nmae");
//! ```

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::config;
use crate::error::ConfigError;
use crate::plugin::Plugin;

/// Makes a component from its configuration in JSON, as the host does.
pub fn configure<P: Plugin>(json: &str) -> Result<P, ConfigError> {
    config::parse(json).and_then(P::configure)
}

/// The result of a future that never has to wait.
///
/// # Panics
///
/// If it does: nothing in a native test could wake it.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the future waits for a host, and a native test has none"),
    }
}
