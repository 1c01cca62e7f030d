//! AWS Signature Version 4, over what is really sent: the path as it is, `host`, the type of the body, and every
//! `x-amz-` header.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;

use super::credential::Unsignable;

/// The only service whose paths are signed as they are; all others sign them encoded once more.
const S3: &str = "s3";
/// Headers that signing sets.
const OWN: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// What is known of a body before it is sent.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    /// All of it.
    Held(&'a [u8]),
    /// It flows.
    Streamed,
}

/// The secret key, and what it is called.
pub(super) struct Keys<'a> {
    pub(super) access_key_id: &'a str,
    pub(super) secret_access_key: &'a str,
    pub(super) session_token: Option<&'a str>,
}

/// Whether a header is set by signing.
pub(super) fn owns(header: &HeaderName) -> bool {
    *header == header::DATE || OWN.contains(&header.as_str())
}

/// Signs a request in which everything else stands already.
pub(super) fn sign(
    request: &mut Parts,
    payload: Payload<'_>,
    keys: &Keys<'_>,
    region: &str,
    service: &str,
    now: SystemTime,
) -> Result<(), Unsignable> {
    let token = keys.session_token.map(str::to_owned);
    let identity = Credentials::new(keys.access_key_id, keys.secret_access_key, token, None, "callfs").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(settings(service))
        .build()
        .map_err(|_| Unsignable)?;
    let mut signed = Vec::new();
    for (name, value) in request.headers.iter().filter(|(name, _)| is_signed(name)) {
        signed.push((name.as_str(), value.to_str().map_err(|_| Unsignable)?));
    }
    let body = match payload {
        Payload::Held(bytes) => SignableBody::Bytes(bytes),
        Payload::Streamed => SignableBody::UnsignedPayload,
    };
    let uri = request.uri.to_string();
    let signable = SignableRequest::new(request.method.as_str(), &uri, signed.into_iter(), body);
    let output = sign_request(signable.map_err(|_| Unsignable)?, &SigningParams::V4(params));
    let (instructions, _) = output.map_err(|_| Unsignable)?.into_parts();
    for (name, value) in instructions.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unsignable)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| Unsignable)?;
        value.set_sensitive(true);
        request.headers.insert(name, value);
    }
    Ok(())
}

fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if service == S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

/// What a proxy on the way may change is left unsigned.
fn is_signed(header: &HeaderName) -> bool {
    *header == header::HOST
        || *header == header::CONTENT_TYPE
        || header.as_str() == "content-md5"
        || header.as_str().starts_with("x-amz-")
}
