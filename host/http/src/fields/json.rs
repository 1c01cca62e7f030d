//! Whether the body of a request is a JSON document, as far as its header says.

use http::header::{CONTENT_TYPE, HeaderMap};

use crate::fields::lines;
use crate::problem::{Problem, Result};

/// JSON, or nothing said about it.
pub(crate) fn check_media_type(headers: &HeaderMap, who: &str) -> Result<()> {
    let Some(given) = lines::single(headers, &CONTENT_TYPE)? else {
        return Ok(());
    };
    let essence = given
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    // The second is what RFC 7396 calls a document like those of PATCH, the third what curl says of
    // any body.
    const JSON: [&str; 3] = [
        "application/json",
        "application/merge-patch+json",
        "application/x-www-form-urlencoded",
    ];
    if JSON.contains(&essence.as_str()) {
        return Ok(());
    }
    Err(Problem::bad_request(format!(
        "{who} takes JSON; send 'Content-Type: application/json'"
    )))
}
