//! Why S3 did not do what it was asked to, in the words of the contract.

use callfs_sdk::Error;
use serde::Deserialize;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// S3 answered, and refused.
    Refused(Refusal),
    /// There was no answer, or it broke off.
    Broken(Error),
}

/// An answer that is an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Status code of HTTP; 200 where an answer that had begun well became an error.
    pub(crate) status: u16,
    /// The word of S3 for it; empty in answers to HEAD, which have no body.
    pub(crate) code: String,
    /// What was asked, as `PUT of an object in 'archive'`.
    pub(crate) what: String,
    /// Size of the object, where a range is beyond it.
    pub(crate) size: Option<u64>,
    /// Region of the bucket, where it is another one.
    pub(crate) region: Option<String>,
}

/// The document that comes with a refusal.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Document {
    code: String,
    actual_object_size: Option<u64>,
    region: Option<String>,
}

impl Document {
    /// Reads one; nothing is known of what is none.
    pub(crate) fn parse(xml: &str) -> Self {
        quick_xml::de::from_str(xml).unwrap_or_default()
    }
}

impl Refusal {
    pub(crate) fn new(status: u16, what: &str, document: Document) -> Self {
        let Document {
            mut code,
            actual_object_size,
            region,
        } = document;
        // It is quoted, so it must be what it should be: a word.
        code.retain(|c| c.is_ascii_alphanumeric() || c == '.');
        code.truncate(64);
        Self {
            status,
            code,
            what: what.to_owned(),
            size: actual_object_size,
            region,
        }
    }

    /// Nothing is stored under the key; or, in answers without a body, there is no bucket.
    pub(crate) fn is_absent(&self) -> bool {
        self.status == 404 && matches!(self.code.as_str(), "" | "NoSuchKey" | "NotFound")
    }

    /// The same request may succeed when it is sent again.
    pub(crate) fn is_passing(&self) -> bool {
        let code = matches!(
            self.code.as_str(),
            "SlowDown"
                | "InternalError"
                | "ServiceUnavailable"
                | "RequestTimeout"
                | "OperationAborted"
        );
        code || matches!(self.status, 429 | 500 | 502 | 503 | 504)
    }

    /// S3 itself says that it did nothing. A 503 without its words may be of a proxy that lost the
    /// answer.
    pub(crate) fn is_turned_away(&self) -> bool {
        self.status == 429
            || matches!(
                self.code.as_str(),
                "SlowDown" | "ServiceUnavailable" | "OperationAborted"
            )
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let Refusal {
            status, code, what, ..
        } = &refusal;
        let said = if code.is_empty() {
            format!("status {status}")
        } else {
            format!("{code}, status {status}")
        };
        let refused = format!("S3 refused the {what} ({said})");
        match (status, code.as_str()) {
            (_, "NoSuchBucket") => {
                Self::Unavailable(format!("{refused}: make the bucket, or correct its name"))
            }
            _ if refusal.is_absent() => Self::NotFound,
            (412, _) | (_, "PreconditionFailed" | "ConditionalRequestConflict") => {
                Self::PreconditionFailed
            }
            (416, _) | (_, "InvalidRange") => Self::InvalidRange(refusal.size.unwrap_or_default()),
            (507, _) | (_, "XMinioStorageFull" | "QuotaExceeded" | "InsufficientStorage") => {
                Self::InsufficientStorage
            }
            (_, "EntityTooLarge") => {
                Self::InvalidArgument(format!("{refused}: the object is too large for it"))
            }
            (_, "KeyTooLongError") => {
                Self::InvalidArgument(format!("{refused}: the name is too long for it"))
            }
            (_, "RequestTimeTooSkewed") => {
                Self::Unavailable(format!("{refused}: set the clock of this machine"))
            }
            (_, "PermanentRedirect" | "AuthorizationHeaderMalformed") | (301 | 307, _) => {
                let region = refusal.region.as_deref().unwrap_or("another region");
                Self::Unavailable(format!(
                    "{refused}: the bucket is in {region}; set region and credential to it"
                ))
            }
            (_, "InvalidObjectState") => {
                Self::AccessDenied(format!("{refused}: the object is archived"))
            }
            (401 | 403, _) => Self::AccessDenied(refused),
            _ if refusal.is_passing() => Self::Unavailable(refused),
            (501, _) | (_, "NotImplemented") => Self::Unsupported(refused),
            _ => Self::other("S3_REFUSED", refused),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Broken(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> Error {
        Refusal::new(
            status,
            "GET of an object in 'archive'",
            Document::parse(body),
        )
        .into()
    }

    fn coded(status: u16, code: &str) -> Error {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        error(
            status,
            &format!(
                "{xml}<Error><Code>{code}</Code><Message>m</Message><HostId>h</HostId></Error>"
            ),
        )
    }

    #[test]
    fn every_refusal_has_a_kind() {
        assert_eq!(error(404, ""), Error::NotFound);
        assert_eq!(coded(404, "NoSuchKey"), Error::NotFound);
        assert_eq!(coded(412, "PreconditionFailed"), Error::PreconditionFailed);
        assert_eq!(
            coded(409, "ConditionalRequestConflict"),
            Error::PreconditionFailed
        );
        assert_eq!(error(507, ""), Error::InsufficientStorage);
        assert!(matches!(coded(404, "NoSuchUpload"), Error::Other(_)));
        for (status, code) in [
            (403, "AccessDenied"),
            (403, "SignatureDoesNotMatch"),
            (403, ""),
            (401, ""),
        ] {
            assert!(
                matches!(coded(status, code), Error::AccessDenied(_)),
                "{status} {code}"
            );
        }
        for (status, code) in [
            (503, "SlowDown"),
            (500, "InternalError"),
            (502, ""),
            (200, "InternalError"),
            (429, ""),
        ] {
            assert!(
                matches!(coded(status, code), Error::Unavailable(_)),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let said = coded(404, "NoSuchBucket").message();
        assert!(
            said.contains("'archive'") && said.contains("NoSuchBucket"),
            "{said}"
        );
        let said = error(
            301,
            "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>",
        )
        .message();
        assert!(said.contains("eu-west-1"), "{said}");
        let said = coded(403, "AccessDenied").message();
        assert_eq!(
            said,
            "S3 refused the GET of an object in 'archive' (AccessDenied, status 403)"
        );
    }

    #[test]
    fn what_is_quoted_is_a_word() {
        let said = coded(400, "Secret &lt;b&gt; AKIA/key=").message();
        assert_eq!(
            said,
            "S3 refused the GET of an object in 'archive' (SecretbAKIAkey, status 400)"
        );
    }

    #[test]
    fn a_range_beyond_the_end_tells_the_size() {
        let body =
            "<Error><Code>InvalidRange</Code><ActualObjectSize>12</ActualObjectSize></Error>";
        assert_eq!(error(416, body), Error::InvalidRange(12));
    }

    #[test]
    fn a_body_that_is_no_document_is_ignored() {
        assert!(matches!(
            error(502, "<html>Bad Gateway"),
            Error::Unavailable(_)
        ));
        assert!(matches!(error(403, "{}"), Error::AccessDenied(_)));
    }
}
