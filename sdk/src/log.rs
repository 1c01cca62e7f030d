//! Messages for the operator's log (WIT `wasi:logging`).
//!
//! The host adds the component's name, cuts long ones and limits their rate. Never log a secret or
//! the bytes of an object. Natively, in unit tests, they go to stderr.

use crate::bindings::wasi::logging::logging::{self, Level};

/// Something that only its author wants to know.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Something an operator wants to know once.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Something that will need attention.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Something that failed.
pub fn error(message: &str) {
    log(Level::Error, message);
}

fn log(level: Level, message: &str) {
    if cfg!(target_family = "wasm") {
        logging::log(level, "", message);
    } else {
        eprintln!("{level:?}: {message}");
    }
}
