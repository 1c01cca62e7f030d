//! AWS Signature Version 4, over what is really sent: the path as it is, `host`, the type of the
//! body, and every `x-amz-` header.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams,
    SigningSettings, UriPathNormalizationMode, sign as sign_request,
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
pub(super) struct SigV4Key<'a> {
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
    keys: &SigV4Key<'_>,
    region: &str,
    service: &str,
    now: SystemTime,
) -> Result<(), Unsignable> {
    let token = keys.session_token.map(str::to_owned);
    let identity = Credentials::new(
        keys.access_key_id,
        keys.secret_access_key,
        token,
        None,
        "callfs",
    )
    .into();
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
    let output = sign_request(
        signable.map_err(|_| Unsignable)?,
        &SigningParams::V4(params),
    );
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::{Method, Uri};

    use super::*;

    /// Of the examples in "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API
    /// reference.
    const KEYS: SigV4Key<'_> = SigV4Key {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        session_token: None,
    };

    /// 2013-05-24T00:00:00Z
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_369_353_600)
    }

    fn signed(
        uri: &str,
        payload: Payload<'_>,
        keys: &SigV4Key<'_>,
        headers: &[(&'static str, &'static str)],
    ) -> Parts {
        let uri: Uri = uri.parse().expect("a URI");
        let host = uri.host().expect("a host").to_owned();
        let (mut parts, ()) = http::Request::builder()
            .method(Method::GET)
            .uri(uri)
            .body(())
            .expect("one")
            .into_parts();
        parts
            .headers
            .insert(header::HOST, host.parse().expect("a value"));
        for (name, value) in headers {
            parts.headers.insert(*name, HeaderValue::from_static(value));
        }
        sign(&mut parts, payload, keys, "us-east-1", "s3", now()).expect("signable");
        parts
    }

    fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
        parts
            .headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn signs_as_the_manual_of_s3_does() {
        for (target, signature) in [
            (
                "/?lifecycle",
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "/?max-keys=2&prefix=J",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let uri = format!("https://examplebucket.s3.amazonaws.com{target}");
            let parts = signed(&uri, Payload::Held(b""), &KEYS, &[]);
            assert_eq!(
                header(&parts, "authorization"),
                format!(
                    "AWS4-HMAC-SHA256 \
                     Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                     SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
                )
            );
            assert_eq!(header(&parts, "x-amz-date"), "20130524T000000Z");
        }
    }

    #[test]
    fn another_path_or_body_is_another_signature() {
        let signature = |path: &str, payload| {
            let parts = signed(&format!("https://b.test{path}"), payload, &KEYS, &[]);
            header(&parts, "authorization").to_owned()
        };
        let paths = [
            "/a+b", "/a%2Bb", "/a%20b", "/a%2520b", "/a/../b", "/b", "/a//b", "/%C3%BC",
        ];
        let mut all: Vec<String> = paths
            .iter()
            .map(|path| signature(path, Payload::Held(b"")))
            .collect();
        all.extend([
            signature("/b", Payload::Held(b"x")),
            signature("/b", Payload::Streamed),
        ]);
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "each is signed as it is sent");
    }

    #[test]
    fn says_what_it_signed() {
        let streamed = signed(
            "https://b.test/a",
            Payload::Streamed,
            &KEYS,
            &[("content-type", "text/plain"), ("range", "bytes=0-1")],
        );
        assert_eq!(
            header(&streamed, "x-amz-content-sha256"),
            "UNSIGNED-PAYLOAD"
        );
        let authorization = header(&streamed, "authorization");
        assert!(
            authorization
                .contains("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"),
            "{authorization}"
        );
        let temporary = SigV4Key {
            session_token: Some("token"),
            ..KEYS
        };
        let temporary = signed("https://b.test/a", Payload::Held(b"x"), &temporary, &[]);
        assert_eq!(header(&temporary, "x-amz-security-token"), "token");
        assert!(header(&temporary, "authorization").contains(";x-amz-security-token,"));
        let sensitive = ["authorization", "x-amz-security-token"]
            .map(|name| temporary.headers[name].is_sensitive());
        assert_eq!(sensitive, [true, true]);
    }
}
