//! How nodes know each other's messages: an HMAC-SHA256 over all that is in a message, under the
//! secret of the cluster.
//!
//! A request names the moment at which it was made and a number that is used once, so that one that
//! was recorded cannot be sent again; an answer is bound to its request. Nothing is encrypted: what
//! is on the wire can be read there.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

/// When a request was made, in milliseconds since 1970.
pub(super) const TIME: &str = "callfs-raft-time";
/// The number of a request.
pub(super) const NONCE: &str = "callfs-raft-nonce";
/// The signature of a request or of an answer.
pub(super) const SIGNATURE: &str = "callfs-raft-signature";

/// The signature of a request's head, with the length of its body: a body is read of members alone.
pub(super) const HEAD_SIGNATURE: &str = "callfs-raft-head-signature";

/// Sets these signatures apart from any other that somebody makes with the same secret.
const PURPOSE: &[u8] = b"callfs raft 1\0";
/// How far the clocks of two nodes may differ, with the way of a request.
const WINDOW: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct MessageSigner(Hmac<Sha256>);

/// What a request says of itself.
pub(super) struct MessageStamp {
    pub(super) time: String,
    pub(super) nonce: String,
}

impl MessageStamp {
    /// That of a request that is made now.
    pub(super) fn now() -> Result<Self, getrandom::Error> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)?;
        Ok(Self {
            time: millis().to_string(),
            nonce: hex::encode(nonce),
        })
    }

    /// That of a request that came.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        Some(Self {
            time: text(TIME)?,
            nonce: text(NONCE)?,
        })
    }

    /// Whether it was made a moment ago.
    pub(super) fn is_recent(&self) -> bool {
        let made = self.time.parse().unwrap_or(u64::MAX);
        millis().abs_diff(made) <= WINDOW.as_millis() as u64
    }
}

impl MessageSigner {
    pub(super) fn new(secret: &[u8]) -> Self {
        // A key of any length will do, as RFC 2104 says; the type has to allow for others.
        let keyed = Hmac::new_from_slice(secret);
        Self(
            keyed
                .unwrap_or_else(|_| Hmac::new(&Default::default()))
                .chain_update(PURPOSE),
        )
    }

    /// The signature of a request, in hexadecimal digits.
    pub(super) fn request(&self, path: &str, stamp: &MessageStamp, body: &[u8]) -> String {
        hex::encode(self.of_request(path, stamp, body).finalize().into_bytes())
    }

    /// That of its head, with the length of its body.
    pub(super) fn head(&self, path: &str, stamp: &MessageStamp, length: usize) -> String {
        hex::encode(self.of_head(path, stamp, length).finalize().into_bytes())
    }

    pub(super) fn is_head(
        &self,
        signature: &str,
        path: &str,
        stamp: &MessageStamp,
        length: usize,
    ) -> bool {
        is(self.of_head(path, stamp, length), signature)
    }

    /// That of the answer to a request.
    pub(super) fn answer(&self, status: u16, nonce: &str, body: &[u8]) -> String {
        hex::encode(self.of_answer(status, nonce, body).finalize().into_bytes())
    }

    pub(super) fn is_request(
        &self,
        signature: &str,
        path: &str,
        stamp: &MessageStamp,
        body: &[u8],
    ) -> bool {
        is(self.of_request(path, stamp, body), signature)
    }

    pub(super) fn is_answer(&self, signature: &str, status: u16, nonce: &str, body: &[u8]) -> bool {
        is(self.of_answer(status, nonce, body), signature)
    }

    fn of_request(&self, path: &str, stamp: &MessageStamp, body: &[u8]) -> Hmac<Sha256> {
        self.of(&["request", "POST", path, &stamp.time, &stamp.nonce], body)
    }

    fn of_head(&self, path: &str, stamp: &MessageStamp, length: usize) -> Hmac<Sha256> {
        let length = length.to_string();
        self.of(
            &["head", "POST", path, &stamp.time, &stamp.nonce, &length],
            b"",
        )
    }

    fn of_answer(&self, status: u16, nonce: &str, body: &[u8]) -> Hmac<Sha256> {
        self.of(&["answer", &status.to_string(), nonce], body)
    }

    /// Each part with its length, so that no two messages are signed alike.
    fn of(&self, parts: &[&str], body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts.iter().map(|part| part.as_bytes()).chain([body]) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

fn is(mac: Hmac<Sha256>, signature: &str) -> bool {
    hex::decode(signature).is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
}

fn millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// Numbers that were used, for as long as a request with one of them could be taken for a recent
/// one.
#[derive(Default)]
pub(super) struct Used(Mutex<Numbers>);

#[derive(Default)]
struct Numbers {
    all: HashSet<String>,
    /// The oldest first.
    order: VecDeque<(Instant, String)>,
}

impl Used {
    /// Whether this number was used before.
    pub(super) fn contains(&self, nonce: &str) -> bool {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.all.contains(nonce)
    }

    /// Whether this number is used for the first time.
    pub(super) fn first(&self, nonce: &str) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Numbers { all, order } = &mut *used;
        // One that was made by a clock that is ahead stays recent for twice the window.
        while order
            .front()
            .is_some_and(|(when, _)| when.elapsed() > 2 * WINDOW)
        {
            if let Some((_, old)) = order.pop_front() {
                all.remove(&old);
            }
        }
        let first = all.insert(nonce.to_owned());
        if first {
            order.push_back((Instant::now(), nonce.to_owned()));
        }
        first
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_message_under_one_secret() {
        let ours = MessageSigner::new(b"ours");
        let theirs = MessageSigner::new(b"theirs");
        let stamp = MessageStamp::now().expect("random");
        let signature = ours.request("/a", &stamp, b"body");
        assert!(ours.is_request(&signature, "/a", &stamp, b"body"));
        assert!(!theirs.is_request(&signature, "/a", &stamp, b"body"));
        assert!(!ours.is_request(&signature, "/b", &stamp, b"body"));
        assert!(!ours.is_request(&signature, "/a", &stamp, b"bodY"));
        assert!(!ours.is_request(
            &signature,
            "/a",
            &MessageStamp::now().expect("random"),
            b"body"
        ));
        assert!(!ours.is_request("", "/a", &stamp, b"body"));
        let head = ours.head("/a", &stamp, 4);
        assert!(ours.is_head(&head, "/a", &stamp, 4));
        assert!(!theirs.is_head(&head, "/a", &stamp, 4));
        assert!(!ours.is_head(&head, "/b", &stamp, 4));
        assert!(!ours.is_head(&head, "/a", &stamp, 5));
        assert!(!ours.is_head(&signature, "/a", &stamp, 4));
        assert!(!ours.is_request(&head, "/a", &stamp, b""));
        let answer = ours.answer(200, &stamp.nonce, b"body");
        assert!(ours.is_answer(&answer, 200, &stamp.nonce, b"body"));
        assert!(
            !ours.is_answer(&answer, 200, "another", b"body")
                && !ours.is_answer(&answer, 500, &stamp.nonce, b"body")
        );
    }

    #[test]
    fn a_request_is_taken_once_and_soon() {
        let used = Used::default();
        assert!(used.first("a") && used.first("b"));
        assert!(!used.first("a") && used.contains("a") && !used.contains("c"));
        let at = |time: u64| MessageStamp {
            time: time.to_string(),
            nonce: String::new(),
        };
        assert!(at(millis()).is_recent());
        assert!(!at(millis() - 31_000).is_recent() && !at(millis() + 31_000).is_recent());
        assert!(
            !MessageStamp {
                time: "x".into(),
                nonce: String::new()
            }
            .is_recent()
        );
    }
}
