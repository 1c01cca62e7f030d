//! A bucket as it is addressed: requests to it, and what it answers.

use callfs_sdk::http::{self, Request, Response};
use callfs_sdk::{ConfigError, Error, MAX_PIECE, Result, Source};

use crate::config::Config;
use crate::key::{self, Key, MAX_KEY};
use crate::refusal::{Document, Failure, Refusal};
use crate::{page, retry};

/// The largest document that is read, in bytes: a page of a thousand names that are as long and as
/// strange as they can be.
const MAX_DOCUMENT: usize = 8 << 20;
/// Headers that say how the object must be that a request is about. Those about the source of a
/// copy are none of them.
const CONDITIONS: [&str; 2] = ["if-match", "if-none-match"];

/// A bucket, or what is below a prefix of it.
pub(crate) struct Bucket {
    /// Its URI, without a slash at the end.
    base: String,
    name: String,
    prefix: String,
    credential: Option<String>,
    storing: Vec<(&'static str, String)>,
    /// Conditions are left to the server.
    pub(crate) conditional: bool,
    /// In bytes.
    pub(crate) part_size: u64,
}

impl Bucket {
    /// The bucket that is configured.
    pub(crate) fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self {
            base: config.base()?,
            prefix: config.prefix()?,
            storing: config.storing()?,
            conditional: config.is_conditional(),
            part_size: config.part_size.0,
            name: config.bucket,
            credential: config.credential,
        })
    }

    /// The key for a path; none for the mount's own root, which has none.
    pub(crate) fn key(&self, path: &str) -> Option<Key> {
        (!path.is_empty()).then(|| Key::new(&self.prefix, path))
    }

    /// How long a path may be, in bytes.
    pub(crate) fn room(&self) -> usize {
        MAX_KEY - self.prefix.len()
    }

    /// What the keys of everything in a directory start with.
    pub(crate) fn prefix_of(&self, path: &str) -> String {
        let Self { prefix, .. } = self;
        if path.is_empty() {
            prefix.clone()
        } else {
            format!("{prefix}{path}/")
        }
    }

    /// Whether anything is in a directory.
    pub(crate) async fn has_directory(&self, path: &str) -> Result<bool> {
        let prefix = self.prefix_of(path);
        if prefix.len() > MAX_KEY {
            return Ok(false);
        }
        page::any(self, &prefix).await
    }

    /// A request about an object.
    pub(crate) fn object(
        &self,
        method: &'static str,
        key: &Key,
        query: &[(&str, &str)],
    ) -> Call<'_> {
        let uri = format!("{}/{}{}", self.base, key.in_path(), encoded(query));
        self.call(
            method,
            uri,
            format!("{method} of an object in '{}'", self.name),
        )
    }

    /// A request for a page of a listing.
    pub(crate) fn listing(&self, query: &[(&str, &str)]) -> Call<'_> {
        let uri = format!("{}/{}", self.base, encoded(query));
        self.call("GET", uri, format!("listing of '{}'", self.name))
    }

    /// The URI path by which S3 itself finds an object that is to be copied.
    pub(crate) fn copy_source(&self, key: &Key) -> String {
        format!("/{}/{}", self.name, key.in_path())
    }

    fn call(&self, method: &'static str, uri: String, what: String) -> Call<'_> {
        let request = Request {
            credential: self.credential.clone(),
            ..Request::new(method, uri)
        };
        Call {
            bucket: self,
            request,
            what,
        }
    }

    #[cfg(test)]
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    #[cfg(test)]
    pub(crate) fn storing(&self) -> &[(&'static str, String)] {
        &self.storing
    }
}

/// A request that is not sent yet.
pub(crate) struct Call<'a> {
    bucket: &'a Bucket,
    request: Request,
    what: String,
}

impl Call<'_> {
    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds a header, if there is one.
    pub(crate) fn maybe(self, header: Option<(&str, String)>) -> Self {
        match header {
            Some((name, value)) => self.header(name, value),
            None => self,
        }
    }

    /// Says how a new object is to be stored.
    pub(crate) fn storing(self, content_type: Option<&str>) -> Self {
        let stored = self
            .bucket
            .storing
            .iter()
            .fold(self, |call, (name, value)| {
                call.header(name, value.as_str())
            });
        stored.maybe(content_type.map(|media_type| ("content-type", media_type.to_owned())))
    }

    /// What is asked, for messages.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Sends it once, with bytes that cannot be had again.
    pub(crate) async fn send(self, body: Option<Source>) -> Result<Response, Failure> {
        self.attempt(body).await
    }

    /// Sends it, and again if that may help: without a body, or with one that can be made again.
    pub(crate) async fn insist(
        self,
        body: impl Fn() -> Option<Source>,
    ) -> Result<Response, Failure> {
        retry::until_it_helps(self.is_conditional(), async || self.attempt(body()).await).await
    }

    /// It changes the object only if the object is as it should be, which it may no longer be when
    /// that is sent again.
    fn is_conditional(&self) -> bool {
        let is_condition = |name: &str| {
            CONDITIONS
                .iter()
                .any(|condition| name.eq_ignore_ascii_case(condition))
        };
        let Request {
            method, headers, ..
        } = &self.request;
        !matches!(method.as_str(), "GET" | "HEAD")
            && headers.iter().any(|(name, _)| is_condition(name))
    }

    async fn attempt(&self, body: Option<Source>) -> Result<Response, Failure> {
        let Request {
            method,
            uri,
            headers,
            credential,
            extra,
        } = &self.request;
        let request = Request {
            method: method.clone(),
            uri: uri.clone(),
            headers: headers.clone(),
            credential: credential.clone(),
            extra: extra.clone(),
        };
        let response = http::send(request, body).await.map_err(Failure::Broken)?;
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        let region = response
            .header("x-amz-bucket-region")
            .map(ToOwned::to_owned);
        let status = response.status;
        // What is wrong with the document of a refusal is not what is wrong.
        let document = document(response).await.unwrap_or_default();
        let mut refusal = Refusal::new(status, &self.what, Document::parse(&document));
        refusal.region = refusal.region.or(region);
        Err(Failure::Refused(refusal))
    }
}

/// The document that a response consists of.
pub(crate) async fn document(response: Response) -> Result<String> {
    let body = response.body;
    let mut bytes = Vec::new();
    while let Some(piece) = body.read(MAX_PIECE).await? {
        if bytes.len() + piece.len() > MAX_DOCUMENT {
            return Err(Error::other(
                "UNEXPECTED_ANSWER",
                "S3 answered with a document that is larger than any should be",
            ));
        }
        bytes.extend(piece);
    }
    String::from_utf8(bytes).map_err(|_| {
        Error::other(
            "UNEXPECTED_ANSWER",
            "S3 answered with a document that is no text",
        )
    })
}

fn encoded(query: &[(&str, &str)]) -> String {
    let pairs = query.iter().map(|(name, value)| {
        if value.is_empty() {
            (*name).to_owned()
        } else {
            format!("{name}={}", key::in_query(value))
        }
    });
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use callfs_sdk::testing::configure;

    use crate::S3;

    fn uri(config: &str, path: &str, query: &[(&str, &str)]) -> String {
        let s3: S3 = configure(config).expect("a good configuration");
        s3.bucket
            .object("GET", &s3.bucket.key(path).expect("an object"), query)
            .request
            .uri
    }

    #[test]
    fn requests_name_the_object() {
        let own = r#"{"bucket": "archive", "endpoint": "http://127.0.0.1:9000", "root": "a b/c"}"#;
        assert_eq!(
            uri(own, "d/e+f", &[]),
            "http://127.0.0.1:9000/archive/a%20b/c/d/e%2Bf"
        );
        let amazon = r#"{"bucket": "archive"}"#;
        let query = [("partNumber", "1"), ("uploadId", "a/b=")];
        let base = "https://archive.s3.us-east-1.amazonaws.com";
        assert_eq!(
            uri(amazon, "x", &query),
            format!("{base}/x?partNumber=1&uploadId=a%2Fb%3D")
        );
        assert_eq!(
            uri(amazon, "x", &[("uploads", "")]),
            format!("{base}/x?uploads")
        );
    }

    #[test]
    fn changes_under_a_condition_are_told_from_what_can_be_sent_twice() {
        let s3: S3 = configure(r#"{"bucket": "archive"}"#).expect("a good configuration");
        let key = s3.bucket.key("x").expect("an object");
        for (method, header, conditional) in [
            ("PUT", "if-none-match", true),
            ("PUT", "If-Match", true),
            ("DELETE", "if-match", true),
            ("PUT", "x-amz-copy-source-if-match", false),
            ("PUT", "content-type", false),
            ("GET", "if-match", false),
        ] {
            let call = s3.bucket.object(method, &key, &[]).header(header, "x");
            assert_eq!(call.is_conditional(), conditional, "{method} {header}");
        }
    }

    #[test]
    fn a_directory_is_a_prefix() {
        let s3: S3 =
            configure(r#"{"bucket": "archive", "root": "pre"}"#).expect("a good configuration");
        assert_eq!(s3.bucket.prefix_of(""), "pre/");
        assert_eq!(s3.bucket.prefix_of("a/b"), "pre/a/b/");
        assert_eq!(s3.bucket.key(""), None);
        assert_eq!(s3.bucket.room(), 1020);
    }
}
