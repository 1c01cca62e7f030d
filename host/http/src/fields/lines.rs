//! The lines of a header field, all of them.
//!
//! `HeaderMap` gives the first line alone, and a second one could say something else: to a proxy
//! that reads the last one, or to the client that sent both. So every field of a request is read
//! through this module, and a field that has one value has one line.

use http::header::{AsHeaderName, HeaderMap, HeaderName, HeaderValue, ValueIter};

use crate::problem::{Problem, Result};

/// The value of a field that is not a list; none if it is absent. Two lines are an error, even
/// where the field would be ignored if it were malformed.
pub(crate) fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>> {
    let mut lines = all(headers, name);
    match (lines.next(), lines.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(given_twice(name.as_str())),
    }
}

/// A field that is not a list has two lines.
pub(crate) fn given_twice(name: &str) -> Problem {
    Problem::bad_request(format!("the header '{name}' is given twice; send it once"))
}

/// The lines of a field that may have several, in their order.
pub(crate) fn all(headers: &HeaderMap, name: impl AsHeaderName) -> ValueIter<'_, HeaderValue> {
    headers.get_all(name).iter()
}

/// The members of a field that is a list of tokens, of all its lines, without empty ones.
pub(crate) fn members<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h [u8]> {
    all(headers, name)
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests;
