//! One person with an HTTP client.

use std::fmt::Write as _;
use std::future::IntoFuture;
use std::pin::Pin;

use reqwest::header::HeaderMap;
use reqwest::{Body, Method};
use serde_json::Value;

/// A person: requests carry their key.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

impl Client {
    /// Somebody with or without a key.
    pub(crate) fn new(base: &str, key: Option<&str>) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            http,
            base: base.trim_end_matches('/').into(),
            key: key.map(Into::into),
        }
    }

    /// A request to a target: path and query exactly as they go over the wire.
    pub(crate) fn call(&self, method: &str, target: &str) -> Call {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{target}", self.base));
        Call(match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        })
    }

    /// GET of a file or directory. Here and below, `path` is what the user means: it is encoded for
    /// the wire.
    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", &files(path))
    }

    /// HEAD of a file or directory.
    pub(crate) fn head(&self, path: &str) -> Call {
        self.call("HEAD", &files(path))
    }

    /// PUT of bytes.
    pub(crate) fn put(&self, path: &str, body: impl Into<Body>) -> Call {
        self.call("PUT", &files(path)).body(body)
    }

    /// POST of bytes, or of a directory if the path ends in `/`.
    pub(crate) fn post(&self, path: &str, body: impl Into<Body>) -> Call {
        self.call("POST", &files(path)).body(body)
    }

    /// POST of a directory.
    pub(crate) fn make(&self, path: &str) -> Call {
        self.call("POST", &format!("{}/", files(path)))
    }

    /// POST or PUT of a copy.
    pub(crate) fn copy(&self, method: &str, from: &str, to: &str) -> Call {
        self.call(method, &format!("{}?from={}", files(to), encode(from)))
    }

    /// PATCH with a JSON document.
    pub(crate) fn patch(&self, path: &str, changes: &Value) -> Call {
        let json = self
            .call("PATCH", &files(path))
            .header("content-type", "application/json");
        json.body(changes.to_string())
    }

    /// DELETE of a file or an empty directory.
    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call("DELETE", &files(path))
    }

    /// A listing with its query.
    pub(crate) fn list(&self, path: &str, query: &str) -> Call {
        self.call("GET", &format!("/v1/directories{}?{query}", encode(path)))
    }
}

/// A request that is not sent yet; awaiting it sends it.
pub(crate) struct Call(reqwest::RequestBuilder);

impl Call {
    /// Adds a header.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Sets the body.
    pub(crate) fn body(self, body: impl Into<Body>) -> Self {
        Self(self.0.body(body))
    }

    /// Sends it; an error is one of the connection.
    pub(crate) async fn attempt(self) -> reqwest::Result<Reply> {
        let response = self.0.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Ok(Reply {
            status,
            headers,
            body: response.bytes().await?.to_vec(),
        })
    }

    /// Sends it and answers with the body still to come.
    pub(crate) async fn streamed(self) -> reqwest::Response {
        self.0.send().await.expect("the gateway answers")
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.attempt().await.expect("the gateway answers") })
    }
}

/// An answer, complete.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// This answer, which must have this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The problem document, which must have this status and code and be complete.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(
            problem["request_id"],
            self.header("x-request-id"),
            "{problem}"
        );
        for member in ["type", "title", "detail", "instance", "message"] {
            assert!(
                problem[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "no {member} in {problem}"
            );
        }
        problem
    }

    /// The sentence of the problem document.
    #[track_caller]
    pub(crate) fn detail(&self, status: u16, code: &str) -> String {
        self.problem(status, code)["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap_or("(not text)"))
    }

    /// The entity tag, which must be a strong one.
    #[track_caller]
    pub(crate) fn etag(&self) -> String {
        let etag = self.header("etag");
        assert!(
            etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'),
            "not a strong ETag: {:?}",
            self.headers
        );
        etag.to_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(4096)]).into_owned()
    }

    /// The names or paths (`member`) of the entries of a listing, in its order.
    #[track_caller]
    pub(crate) fn entries(&self, member: &str) -> Vec<String> {
        let json = self.json();
        let entries = if json.is_array() {
            &json
        } else {
            &json["items"]
        };
        let member = |entry: &Value| {
            entry[member]
                .as_str()
                .unwrap_or_else(|| panic!("no {member} in {entry}"))
                .to_owned()
        };
        entries
            .as_array()
            .unwrap_or_else(|| panic!("no entries in {json}"))
            .iter()
            .map(member)
            .collect()
    }
}

/// A path for the wire: everything but unreserved characters and slashes as `%XX`.
pub(crate) fn encode(path: &str) -> String {
    path.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(byte.into())
            }
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}

fn files(path: &str) -> String {
    format!("/v1/files{}", encode(path))
}
