//! What a check found: the operation with its input, what was expected of it, and what was seen
//! instead.

use std::fmt::{Debug, Display};

use callfs_model::error::{Error, ErrorKind, Result};
use serde::Serialize;

/// Something that was claimed and does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was done, with its input.
    pub operation: String,
    /// What should have been seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

/// How a check ends.
pub(super) type CheckOutcome<T = ()> = Result<T, Finding>;

impl Finding {
    pub(super) fn new(operation: impl Display, expected: impl Display, seen: impl Display) -> Self {
        Self {
            operation: cut(operation),
            expected: cut(expected),
            seen: cut(seen),
        }
    }
}

/// The beginning of a text, for some values are as long as a directory.
fn cut(text: impl Display) -> String {
    const ENOUGH: usize = 1200;
    let mut text = text.to_string();
    if text.len() > ENOUGH {
        text.truncate(text.floor_char_boundary(ENOUGH));
        text.push('…');
    }
    text
}

/// An error as a finding shows it.
pub(super) fn told(error: &Error) -> String {
    match error.causes() {
        Some(causes) => format!("{:?}: {error}: {causes}", error.kind()),
        None => format!("{:?}: {error}", error.kind()),
    }
}

/// What an operation that has to work answered.
pub(super) fn works<T>(operation: impl Display, result: Result<T>) -> CheckOutcome<T> {
    result.map_err(|error| Finding::new(operation, "it works", told(&error)))
}

/// An operation has to be refused with one of these kinds.
pub(super) fn refused<T>(
    operation: impl Display,
    kinds: &[ErrorKind],
    result: Result<T>,
) -> CheckOutcome {
    let expected = || {
        let kinds: Vec<String> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
        format!("it is refused with {}", kinds.join(" or "))
    };
    match result {
        Err(error) if kinds.contains(&error.kind()) => Ok(()),
        Err(error) => Err(Finding::new(operation, expected(), told(&error))),
        Ok(_) => Err(Finding::new(operation, expected(), "it worked")),
    }
}

/// Two values that have to be the same.
pub(super) fn same<T: PartialEq + Debug>(
    operation: impl Display,
    what: &str,
    expected: T,
    seen: T,
) -> CheckOutcome {
    if expected == seen {
        return Ok(());
    }
    Err(Finding::new(
        operation,
        format!("{what}: {expected:?}"),
        format!("{seen:?}"),
    ))
}

/// Something that has to be true.
pub(super) fn holds(
    operation: impl Display,
    expected: &str,
    truth: bool,
    seen: impl Display,
) -> CheckOutcome {
    if truth {
        Ok(())
    } else {
        Err(Finding::new(operation, expected, seen))
    }
}
