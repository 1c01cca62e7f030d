//! Secrets that requests are signed with: a closed set of kinds, checked when they are made, never
//! shown.

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;

use super::headers;
use super::sigv4::{self, Payload};

/// A secret, and how a request is signed with it.
#[derive(Clone, PartialEq, Eq)]
pub enum SigningKey {
    /// AWS Signature Version 4.
    AwsSigV4 {
        /// As in `us-east-1`.
        region: String,
        /// As in `s3`.
        service: String,
        /// Names the secret key.
        access_key_id: String,
        /// The secret key.
        secret_access_key: String,
        /// Of temporary keys.
        session_token: Option<String>,
    },
    /// `Authorization: Bearer` (RFC 6750).
    Bearer {
        /// The token.
        token: String,
    },
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// User-id, without a colon.
        user: String,
        /// The password.
        password: String,
    },
    /// A header of any other name.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
}

/// The kind alone.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsSigV4 { .. } => "AwsSigV4(***)",
            Self::Bearer { .. } => "Bearer(***)",
            Self::Basic { .. } => "Basic(***)",
            Self::Header { .. } => "Header(***)",
        })
    }
}

impl SigningKey {
    /// Whether requests can be signed with it; if not, the key that is wrong and why, without its
    /// value.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let text = |key: &'static str, text: &str| match HeaderValue::from_str(text) {
            Ok(_) if !text.is_empty() => Ok(()),
            _ => Err((
                key,
                "cannot be sent in a header; give printable text".to_owned(),
            )),
        };
        match self {
            Self::AwsSigV4 {
                region,
                service,
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                let word = |key: &'static str, word: &str| {
                    let plain = |b: u8| b.is_ascii_graphic() && b != b'/';
                    if !word.is_empty() && word.bytes().all(plain) {
                        return Ok(());
                    }
                    let message = "is empty, or has a blank or a slash in it; give one word";
                    Err((key, message.to_owned()))
                };
                word("region", region)?;
                word("service", service)?;
                word("access_key_id", access_key_id)?;
                text("secret_access_key", secret_access_key)?;
                session_token
                    .as_ref()
                    .map_or(Ok(()), |token| text("session_token", token))
            }
            Self::Bearer { token } => text("token", token),
            Self::Basic { user, .. }
                if user.contains(':') || user.chars().any(char::is_control) =>
            {
                Err((
                    "user",
                    "has a colon or a control character, which basic authentication cannot say"
                        .into(),
                ))
            }
            Self::Basic { password, .. } if password.chars().any(char::is_control) => Err((
                "password",
                "has a control character, which basic authentication cannot say".into(),
            )),
            Self::Basic { .. } => Ok(()),
            Self::Header { name, value } => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) if headers::is_hosts(&name) => Err((
                    "name",
                    format!(
                        "'{name}' is set by the gateway; give the header that takes the secret"
                    ),
                )),
                Ok(_) => text("value", value),
                Err(_) => Err(("name", "is no name of a header".into())),
            },
        }
    }

    /// Whether a header belongs to the signature, so that a component may not set it.
    pub(super) fn owns(&self, header: &HeaderName) -> bool {
        *header == header::AUTHORIZATION
            || match self {
                Self::AwsSigV4 { .. } => sigv4::owns(header),
                Self::Header { name, .. } => header.as_str().eq_ignore_ascii_case(name),
                Self::Bearer { .. } | Self::Basic { .. } => false,
            }
    }

    /// Signs a request in which everything else stands already.
    pub(super) fn sign(
        &self,
        request: &mut Parts,
        payload: Payload<'_>,
        now: SystemTime,
    ) -> Result<(), Unsignable> {
        let (name, text) = match self {
            Self::AwsSigV4 {
                region,
                service,
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                let keys = sigv4::SigV4Key {
                    access_key_id,
                    secret_access_key,
                    session_token: session_token.as_deref(),
                };
                return sigv4::sign(request, payload, &keys, region, service, now);
            }
            Self::Bearer { token } => (header::AUTHORIZATION, format!("Bearer {token}")),
            Self::Basic { user, password } => (
                header::AUTHORIZATION,
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            ),
            Self::Header { name, value } => (
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unsignable)?,
                value.clone(),
            ),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| Unsignable)?;
        value.set_sensitive(true);
        request.headers.insert(name, value);
        Ok(())
    }
}

/// The request cannot be signed: a header of it is no text.
#[derive(Debug)]
pub(super) struct Unsignable;
