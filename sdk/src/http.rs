//! HTTP requests to origins that were granted to this component (WIT `http`).
//!
//! There is no other way out: the host sends what was granted and nothing else. This version of CallFS has no grant for it
//! yet, and refuses to load a component that uses it.
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
    /// A request without headers and credential. The method is a token (RFC 9110 section 9), the URI an absolute one.
    pub fn new(method: impl Into<String>, uri: impl Into<String>) -> Self {
        Self { method: method.into(), uri: uri.into(), headers: Vec::new(), credential: None, extra: Vec::new() }
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
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}
