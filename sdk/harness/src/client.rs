//! One person with an HTTP client.

use std::fmt::Write as _;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

/// A person: requests carry their key.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    url: String,
    key: Option<String>,
}

/// An answer, complete.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The bytes.
    pub body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(url: &str, key: Option<&str>) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        Self {
            agent,
            url: url.into(),
            key: key.map(Into::into),
        }
    }

    /// The gateway, as `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Reads a file, or a directory as JSON. Here and below, `path` is what people mean: it is
    /// encoded for the wire.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.call("GET", &files(path), &[], None)
    }

    /// Reads a part of a file: from a byte up to and including another.
    #[track_caller]
    pub fn get_range(&self, path: &str, first: u64, last: u64) -> Reply {
        self.call(
            "GET",
            &files(path),
            &[("range", &format!("bytes={first}-{last}"))],
            None,
        )
    }

    /// Writes a file.
    #[track_caller]
    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        self.call("PUT", &files(path), &[], Some(body.into()))
    }

    /// Lists a directory and everything below it; [`Reply::paths`] has the paths.
    #[track_caller]
    pub fn list(&self, path: &str) -> Reply {
        self.call(
            "GET",
            &format!("/v1/directories{}?recursive=true", encode(path)),
            &[],
            None,
        )
    }

    /// Removes a file or an empty directory.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", &files(path), &[], None)
    }

    /// Any request: its target exactly as it goes over the wire.
    ///
    /// # Panics
    ///
    /// If it makes no sense, or the connection breaks.
    #[track_caller]
    pub fn call(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let sent = match body {
            Some(body) => request
                .body(body)
                .map_err(Into::into)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(Into::into)
                .and_then(|request| self.agent.run(request)),
        };
        let failed = |error: ureq::Error| -> ! { panic!("{method} {target}: {error}") };
        let (head, body) = sent.unwrap_or_else(|error| failed(error)).into_parts();
        let body = body
            .into_with_config()
            .limit(u64::MAX)
            .read_to_vec()
            .unwrap_or_else(|error| failed(error));
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }
}

impl Reply {
    /// This answer, which must have this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The paths of a listing, in its order.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn paths(&self) -> Vec<String> {
        let json = self.json();
        let items = json["items"]
            .as_array()
            .unwrap_or_else(|| panic!("no listing: {json}"));
        items
            .iter()
            .filter_map(|item| item["path"].as_str())
            .map(str::to_owned)
            .collect()
    }
}

/// A path for the wire: everything but unreserved characters and slashes as `%XX`.
fn encode(path: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_for_the_wire() {
        assert_eq!(files("/a b/ä%.txt"), "/v1/files/a%20b/%C3%A4%25.txt");
    }
}
