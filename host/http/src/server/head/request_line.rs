//! The first line of a request: its method, its target and its version, and what is wrong with it.

use http::Uri;
use http::uri::Authority;

use super::is_host;
use crate::problem::Problem;

/// The longest method, in bytes; the longest that is registered has 17.
pub(super) const MAX_METHOD: usize = 32;
/// The longest target, in bytes.
pub(super) const MAX_TARGET: usize = 32 << 10;

/// Other methods that are not known are refused by the resource, which lists those that it takes.
pub(super) fn check_method(method: &str) -> Result<(), Problem> {
    if method.len() > MAX_METHOD {
        return Err(unknown_method());
    }
    // Its target is an authority and no resource (RFC 9110 section 9.3.6).
    if method == "CONNECT" {
        return Err(Problem::not_implemented(
            "this server opens no tunnels: the method CONNECT is for proxies",
        ));
    }
    Ok(())
}

/// RFC 9112 section 3.
fn unknown_method() -> Problem {
    Problem::not_implemented(
        "the method of the request is longer than that of any request that is served here",
    )
}

/// RFC 9112 section 3.2: a path with a query, a whole URI, or `*` of `OPTIONS`.
pub(super) fn check_target(method: &str, target: &str) -> Result<(), Problem> {
    if target.len() > MAX_TARGET {
        return Err(Problem::uri_too_long(MAX_TARGET));
    }
    // A URI library takes it for the beginning of a fragment and drops the rest, which would make
    // this a request for another file.
    if target.contains('#') {
        return Err(Problem::bad_request(
            "the target of the request has a '#'; write '%23' for one that is part of a name",
        ));
    }
    match scheme(target) {
        Some((scheme, rest)) if is_http(scheme) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            check_authority(&rest[..end])?;
        }
        Some(_) => {
            return Err(Problem::bad_request(
                "the target of the request has a scheme that is neither 'http' nor 'https'; \
                 write it as a path that starts with '/'",
            ));
        }
        None => {}
    }
    let has_form = target.starts_with('/')
        || scheme(target).is_some()
        || matches!(method, "OPTIONS" if target == "*");
    if has_form && target.parse::<Uri>().is_ok() {
        return Ok(());
    }
    Err(Problem::bad_request(
        "the target of the request is malformed; it is a path that starts with '/', \
         percent-encoded",
    ))
}

/// The scheme of a whole URI, and what follows `://`.
fn scheme(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

fn is_http(scheme: &str) -> bool {
    ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// RFC 9112 section 3.2.2: the authority of a whole URI takes the place of the field `Host`, so it
/// has to be as well-formed. It has a host (RFC 9110 section 4.2.1) and no user information, which
/// could make one host look like another (section 4.2.4).
fn check_authority(authority: &str) -> Result<(), Problem> {
    const MALFORMED: &str =
        "has a malformed host or port; write them as in 'http://files.example.org:8080/'";
    let problem = if authority.contains('@') {
        "has user information before an '@'; send credentials in the header 'authorization'"
    } else if !is_host(authority.as_bytes()) {
        MALFORMED
    } else if authority.is_empty() || authority.starts_with(':') {
        "has no host; write it as a path that starts with '/'"
    } else if authority.parse::<Authority>().is_err() {
        // A URI library takes no percent-encoded name.
        MALFORMED
    } else {
        return Ok(());
    };
    Err(Problem::bad_request(format!(
        "the target of the request {problem}"
    )))
}

/// The path in a target, however malformed what stands around it is.
pub(super) fn path(target: &str) -> Option<&str> {
    let start = if target.starts_with('/') {
        0
    } else {
        let rest = scheme(target)?.1;
        let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        target.len() - rest.len() + authority
    };
    let path = target[start..].split(['?', '#']).next()?;
    path.starts_with('/').then_some(path)
}

/// What is too long in the first line, if anything is.
pub(super) fn too_long(bytes: &[u8]) -> Option<Problem> {
    let mut lengths = words(bytes).map(<[u8]>::len);
    if lengths.next()? > MAX_METHOD {
        return Some(unknown_method());
    }
    (lengths.next()? > MAX_TARGET).then(|| Problem::uri_too_long(MAX_TARGET))
}

/// Why what follows the method in the first line cannot be read.
pub(super) fn unreadable(bytes: &[u8]) -> Problem {
    let mut words = words(bytes).skip(1);
    let target = words.next().unwrap_or_default();
    let version = words.next();
    let is_good = |byte: &u8| *byte > b' ' && *byte != b'\x7f';
    let is_version = |word: &[u8]| word.starts_with(b"HTTP/");
    Problem::bad_request(match version {
        _ if target.is_empty() => {
            "the target of the request is empty; it is a path that starts with '/', one space \
             after the method"
        }
        None if is_version(target) => {
            "the request has no target; it is a path that starts with '/', between the method and \
             the version"
        }
        _ if !target.iter().all(is_good) || std::str::from_utf8(target).is_err() => {
            "the target of the request has a character that must be percent-encoded"
        }
        None => "the request has no version; write 'HTTP/1.1' after its target",
        Some(version) if is_version(version) => {
            "this server speaks HTTP/1.1 and no other version of HTTP"
        }
        Some(_) => {
            "the target of the request is followed by something else than 'HTTP/1.1'; write a \
             space that is part of a name as '%20'"
        }
    })
}

/// The words of the first line, as far as it came: a method, a target and a version.
fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    // RFC 9112 section 2.2: empty lines before a request are ignored.
    let start = bytes.iter().take_while(|byte| is_end(byte)).count();
    let line = bytes[start..].split(|byte| *byte == b'\n').next();
    let line = line.unwrap_or_default();
    line.strip_suffix(b"\r")
        .unwrap_or(line)
        .split(|byte| *byte == b' ')
}
