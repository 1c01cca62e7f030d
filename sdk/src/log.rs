//! Messages for the operator's log. The host adds the component's name, cuts long ones and limits their rate.

use crate::bindings::wasi::logging::logging::{self, Level};

/// Something that only its author wants to know.
pub fn debug(message: &str) {
    logging::log(Level::Debug, "", message);
}

/// Something an operator wants to know once.
pub fn info(message: &str) {
    logging::log(Level::Info, "", message);
}

/// Something that will need attention.
pub fn warn(message: &str) {
    logging::log(Level::Warn, "", message);
}

/// Something that failed.
pub fn error(message: &str) {
    logging::log(Level::Error, "", message);
}
