//! The name of a request, on its response and on every log line about it: the client's own if it is
//! well-formed, else a new one. It also knows the trace that a request belongs to (W3C Trace
//! Context), so that log lines can be joined.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::fields::lines;

/// The header that carries it, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const MAX_LENGTH: usize = 128;

/// The name of a request: 1 to 128 of `A-Z a-z 0-9 . _ -`. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The id that the client gave, or a new one. Two ids are none: whoever searches a log for the
    /// other one would not find the request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match lines::single(headers, &X_REQUEST_ID).ok().flatten() {
            Some(given) if is_well_formed(given.as_bytes()) => Self(given.clone()),
            _ => Self::generate(),
        }
    }

    /// 128 bits in hex. A keyed hash of a counter: unique, unpredictable, and made without a system
    /// call.
    fn generate() -> Self {
        static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let [high, low] = KEYS.each_ref().map(|key| key.hash_one(count).to_be_bytes());
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(high.into_iter().chain(low)) {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        Self(HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// For a log line or a document.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// For the response.
    pub(crate) fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// The trace id in a well-formed `traceparent` header; two of them are none, as its specification
/// says.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let parent = lines::single(headers, &TRACEPARENT).ok().flatten()?;
    let text = parent.to_str().ok()?;
    let mut fields = text.split('-');
    let version = fields.next()?;
    let trace = fields.next()?;
    let parent = fields.next()?;
    let flags = fields.next()?;
    let is_hex = |field: &str, length| {
        field.len() == length
            && field
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let well_formed =
        is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    let is_zero = |field: &str| field.bytes().all(|b| b == b'0');
    // Version 00 has exactly these four fields; later ones may add more; ff is forbidden.
    let known = version != "ff" && (version != "00" || fields.next().is_none());
    (well_formed && known && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

fn is_well_formed(id: &[u8]) -> bool {
    let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a header value"))])
    }

    #[test]
    fn takes_a_well_formed_id_and_replaces_any_other() {
        for good in ["a", "A-1_b.c", &"x".repeat(128)] {
            assert_eq!(RequestId::of(&headers(X_REQUEST_ID, good)).as_str(), good);
            let mut twice = headers(X_REQUEST_ID, good);
            twice.append(X_REQUEST_ID, HeaderValue::from_static("b"));
            let made = RequestId::of(&twice);
            assert!(made.as_str() != good && made.as_str() != "b");
        }
        for bad in ["", "a b", "a\"", "ä", &"x".repeat(129)] {
            let made = RequestId::of(&headers(X_REQUEST_ID, bad));
            assert_ne!(made.as_str(), bad);
            assert!(is_well_formed(made.as_str().as_bytes()));
        }
    }

    #[test]
    fn never_makes_an_id_twice() {
        let made: std::collections::HashSet<String> = (0..1000)
            .map(|_| RequestId::of(&HeaderMap::new()).as_str().to_owned())
            .collect();
        assert_eq!(made.len(), 1000);
    }

    #[test]
    fn reads_the_trace_of_a_traceparent() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(trace_id(&headers(TRACEPARENT, &good)), Some(trace));
        assert_eq!(
            trace_id(&headers(
                TRACEPARENT,
                &format!("01-{trace}-00f067aa0ba902b7-01-more")
            )),
            Some(trace)
        );
        let mut twice = headers(TRACEPARENT, &good);
        twice.append(TRACEPARENT, twice[TRACEPARENT].clone());
        assert_eq!(trace_id(&twice), None);
        for bad in [
            format!("{good}-more"),
            good.to_uppercase(),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            "00-4bf9-00f0-01".into(),
        ] {
            assert_eq!(trace_id(&headers(TRACEPARENT, &bad)), None, "{bad}");
        }
    }
}
