//! The head of a request, read before the HTTP library reads it: where it ends, how long its body
//! is, and whether it may be served at all.
//!
//! The library gives a target whose `#` and what follows are gone, decodes a body that was coded
//! before it was chunked as if it had not been, and answers what it cannot read without a problem
//! document. What passes here leaves it nothing to refuse and nothing to guess.

mod request_line;

use std::net::Ipv6Addr;

use axum::body::Body;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use httparse::Status;

use crate::fields::lines::given_twice;
use crate::problem::Problem;
use request_line::{MAX_METHOD, MAX_TARGET};

/// The longest head, in bytes: a path of 4,096 bytes that is percent-encoded, another in the query,
/// and several times what a browser adds.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// The most header fields; the library takes no more either.
const MAX_FIELDS: usize = 100;

/// A head that may be served.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CheckedHead {
    /// Its length in bytes.
    pub(super) length: usize,
    pub(super) body: BodyFraming,
}

/// How the end of a body is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// It has this many bytes.
    Sized(u64),
    /// By its chunks.
    Chunked,
}

/// A head that may not be served, and why.
#[derive(Debug)]
pub(super) struct RefusedHead {
    problem: Problem,
    method: Method,
    /// Where the request was going, as far as that can be told.
    target: Uri,
    headers: HeaderMap,
}

impl RefusedHead {
    /// A request that is answered with the problem, and with the id that the client gave it.
    pub(super) fn into_request(self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        *request.headers_mut() = self.headers;
        request.extensions_mut().insert(self.problem);
        request
    }

    /// Whether the answer has no body.
    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// Reads the head at the beginning of these bytes; none if more of it is to come.
pub(super) fn read(bytes: &[u8]) -> Result<Option<CheckedHead>, Box<RefusedHead>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let problem = match head.parse(bytes) {
        Ok(Status::Complete(length)) if length <= MAX_HEAD => match check(&head) {
            Ok(body) => return Ok(Some(CheckedHead { length, body })),
            Err(problem) => problem,
        },
        Ok(Status::Partial) if bytes.len() <= MAX_HEAD => return Ok(None),
        Ok(_) => too_long(bytes),
        Err(error) => unreadable(error, &head, bytes),
    };
    Err(refuse(&head, problem))
}

/// What is known of a refused head, so that the answer has its id and hides nothing of it.
fn refuse(head: &httparse::Request<'_, '_>, problem: Problem) -> Box<RefusedHead> {
    let method = head
        .method
        .filter(|method| method.len() <= MAX_METHOD)
        .and_then(|method| method.parse().ok());
    let path = head
        .path
        .filter(|target| target.len() <= MAX_TARGET)
        .and_then(request_line::path);
    // Before a head is complete its fields are placeholders without a name.
    let headers = head.headers.iter().filter_map(|field| {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(field.value).ok()?))
    });
    Box::new(RefusedHead {
        problem,
        method: method.unwrap_or_default(),
        target: path.and_then(|path| path.parse().ok()).unwrap_or_default(),
        headers: headers.collect(),
    })
}

fn check(head: &httparse::Request<'_, '_>) -> Result<BodyFraming, Problem> {
    let method = head.method.unwrap_or_default();
    request_line::check_method(method)?;
    request_line::check_target(method, head.path.unwrap_or_default())?;
    let is_1_1 = head.version == Some(1);
    check_host(head, is_1_1)?;
    body(head, is_1_1)
}

/// The lines of one header field, in their order.
fn lines<'h>(
    head: &'h httparse::Request<'_, '_>,
    name: &'static str,
) -> impl Iterator<Item = &'h [u8]> {
    head.headers
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value.trim_ascii())
}

/// RFC 9112 section 3.2: exactly one in HTTP/1.1, at most one before, and well-formed.
fn check_host(head: &httparse::Request<'_, '_>, is_1_1: bool) -> Result<(), Problem> {
    let mut hosts = lines(head, "host");
    let problem = match (hosts.next(), hosts.next()) {
        (None, _) if is_1_1 => "is missing",
        (Some(_), Some(_)) => return Err(given_twice("host")),
        (Some(host), None) if !is_host(host) => "is malformed",
        _ => return Ok(()),
    };
    Err(Problem::bad_request(format!(
        "the header 'host' {problem}; send one, such as 'Host: files.example.org:8080'"
    )))
}

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2); a host may be empty.
fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let (is_good, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else {
                return false;
            };
            (address.parse::<Ipv6Addr>().is_ok(), port)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (is_name(&text[..end]), &text[end..])
        }
    };
    let is_port = |digits: &str| {
        digits.is_empty()
            || digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u16>().is_ok()
    };
    is_good && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// `reg-name` of RFC 3986, which an IPv4 address is, too.
fn is_name(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let is_good = match byte {
            b'%' => [rest.next(), rest.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !is_good {
            return false;
        }
    }
    true
}

/// RFC 9112 section 6: a length or chunks, said once. Two parties that find different ends of one
/// body take what is in it for a request.
fn body(head: &httparse::Request<'_, '_>, is_1_1: bool) -> Result<BodyFraming, Problem> {
    let mut lengths = lines(head, "content-length");
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(given_twice("content-length"));
    }
    let codings: Vec<&[u8]> = lines(head, "transfer-encoding").collect();
    if codings.is_empty() {
        let Some(length) = length else {
            return Ok(BodyFraming::Sized(0));
        };
        return size(length).map(BodyFraming::Sized).ok_or_else(|| {
            Problem::bad_request(
                "the header 'content-length' is not a number of bytes that a body can have",
            )
        });
    }
    if length.is_some() {
        return Err(Problem::bad_request(
            "the body has both a 'content-length' and a 'transfer-encoding'; send one of them",
        ));
    }
    if !is_1_1 {
        return Err(Problem::bad_request(
            "HTTP/1.0 has no 'transfer-encoding'; send a 'content-length'",
        ));
    }
    match codings[..] {
        [only] if only.eq_ignore_ascii_case(b"chunked") => Ok(BodyFraming::Chunked),
        _ => Err(coded(&codings)),
    }
}

/// Section 6.3: where the last coding is not `chunked`, nothing tells the end of the body (400);
/// before it may stand what a server does not know (501), but not `chunked` again (400).
fn coded(lines: &[&[u8]]) -> Problem {
    let list = lines.join(&b',');
    let mut names: Vec<&[u8]> = list
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
        .collect();
    let is_chunked = |name: &&[u8]| name.eq_ignore_ascii_case(b"chunked");
    let ends_well = names.pop().is_some_and(|last| is_chunked(&last));
    if ends_well && !names.is_empty() && !names.iter().any(is_chunked) {
        return Problem::not_implemented(
            "no transfer coding but 'chunked' is known here; send the bytes as they are",
        );
    }
    Problem::bad_request(
        "the header 'transfer-encoding' is malformed; send 'Transfer-Encoding: chunked', once",
    )
}

/// Digits and nothing else.
fn size(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| is_number)?;
    number.parse().ok().filter(|size| *size <= i64::MAX as u64)
}

fn too_long(bytes: &[u8]) -> Problem {
    request_line::too_long(bytes).unwrap_or_else(|| {
        Problem::headers_too_large(format!(
            "the head of the request is longer than the {MAX_HEAD} bytes that are read"
        ))
    })
}

fn unreadable(error: httparse::Error, head: &httparse::Request<'_, '_>, bytes: &[u8]) -> Problem {
    match error {
        httparse::Error::TooManyHeaders => Problem::headers_too_large(format!(
            "the request has more than the {MAX_FIELDS} header fields that are read"
        )),
        httparse::Error::HeaderName | httparse::Error::HeaderValue => {
            Problem::bad_request("a header field of the request is malformed")
        }
        httparse::Error::Token | httparse::Error::Version if head.method.is_some() => {
            request_line::unreadable(bytes)
        }
        _ => Problem::bad_request("this is not a request of HTTP/1.1"),
    }
}

#[cfg(test)]
pub(super) mod fuzz;
#[cfg(test)]
mod tests;
