//! HTTP requests to origins that were granted to this component (WIT `http`).
//!
//! There is no other way out: the host sends what was granted (`grants.http` of the mount or
//! authenticator) and nothing else. What is not granted is
//! [`Error::AccessDenied`](crate::Error::AccessDenied) with what would have to be; a server that
//! does not answer is [`Error::Unavailable`](crate::Error::Unavailable); what is no request is
//! [`Error::InvalidArgument`](crate::Error::InvalidArgument). A status is never an error.
//!
//! Bodies are sources: pass one on and its bytes never enter your memory. A request announces the
//! length of its body where that is known ([`Source::size`](crate::Source::size), or a
//! `content-length` of yours) and is chunked otherwise; a response has the size that the server
//! announced, and a body that breaks off ends in an error. The path is sent as you wrote it, so
//! encode it. Redirects are followed for GET and HEAD, where their targets are granted. A
//! connection may take 10 seconds and the head of a response nine tenths of the `call_timeout`
//! after the last byte that moved; what you send after that, to clear up, has a twentieth of it. At
//! most 256 requests of a component wait for an answer at the same time.
//!
//! `credential` names a slot (`grants.credentials`): the host signs the request last, and you never
//! see the secret. Headers that belong to the signature (`authorization`, with AWS keys `date`,
//! `x-amz-date`, `x-amz-content-sha256` and `x-amz-security-token`, or the one that the slot names)
//! are refused from you then; `host` and those of the connection always are.
//!
//! ```no_run
//! use callfs_sdk::http::{Request, send};
//! use callfs_sdk::{Error, Result, Source};
//!
//! async fn fetch(uri: String) -> Result<Source> {
//!     let request = Request { credential: Some("archive".into()), ..Request::new("GET", uri) };
//!     let response = send(request, None).await?;
//!     match response.status {
//!         200 => Ok(response.body),
//!         404 => Err(Error::NotFound),
//!         status => Err(Error::Unavailable(format!("the archive answered {status}"))),
//!     }
//! }
//! ```

pub use crate::bindings::callfs::plugin::http::{Request, Response, send};

impl Request {
    /// A request without headers and credential. The method is a token (RFC 9110 section 9), the
    /// URI an absolute one.
    pub fn new(method: impl Into<String>, uri: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            uri: uri.into(),
            headers: Vec::new(),
            credential: None,
            extra: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Response {
    /// The first header of a name, whatever its case, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}
