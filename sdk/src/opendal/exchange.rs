//! What the adapter and its transport tell each other past the service between them: which body to
//! send in place of a placeholder, and which body arrived.
//!
//! One call at a time has an instance, so there is one exchange. It knows neither paths nor
//! services.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::source::Source;

/// Shared by an adapter and its transport.
#[derive(Default)]
pub(super) struct Exchange(Mutex<State>);

#[derive(Default)]
struct State {
    outgoing: Option<Outgoing>,
    incoming: Option<Incoming>,
    refusal: Option<Refusal>,
}

/// A body to send, and what a service has been given instead of it.
struct Outgoing {
    placeholder: Vec<u8>,
    body: Body,
}

enum Body {
    Waiting(Source),
    Sent,
}

/// What the transport is to do with the body of a request.
pub(super) enum Substitution {
    /// It is no placeholder.
    Keep,
    /// It is one of this source.
    Replace(Source),
    /// It is one, and cannot be replaced.
    Refuse(&'static str),
}

/// The head of the answer to the last read, and its body as long as nobody has begun to read it.
#[derive(Clone)]
pub(super) struct Incoming {
    pub(super) body: Arc<Mutex<Option<Source>>>,
    /// What the body is of the whole object; none for all of it.
    pub(super) part: Option<Part>,
}

/// A `Content-Range` (RFC 9110 section 14.4): where the body starts, and the size of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) size: Option<u64>,
}

/// The last answer that was not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) method: String,
    pub(super) status: u16,
    /// The size of the object, where an unsatisfiable range makes the server say so.
    pub(super) size: Option<u64>,
}

impl Exchange {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a body, and answers what to give to the service instead.
    pub(super) fn offer(&self, body: Source) -> Vec<u8> {
        let placeholder = format!("callfs-body-{:016x}{:016x}", random(), random()).into_bytes();
        self.state().outgoing = Some(Outgoing {
            placeholder: placeholder.clone(),
            body: Body::Waiting(body),
        });
        placeholder
    }

    /// Ends the offer; answers whether the body was sent.
    pub(super) fn withdraw(&self) -> bool {
        matches!(
            self.state().outgoing.take(),
            Some(Outgoing {
                body: Body::Sent,
                ..
            })
        )
    }

    /// What to send instead of these bytes.
    pub(super) fn substitute(&self, bytes: &[u8]) -> Substitution {
        let mut state = self.state();
        let Some(outgoing) = &mut state.outgoing else {
            return Substitution::Keep;
        };
        if bytes != outgoing.placeholder {
            let wrapped = bytes
                .windows(outgoing.placeholder.len())
                .any(|window| window == outgoing.placeholder);
            let refused = "the service wraps the body of an object, which the adapter cannot";
            return if wrapped {
                Substitution::Refuse(refused)
            } else {
                Substitution::Keep
            };
        }
        match std::mem::replace(&mut outgoing.body, Body::Sent) {
            Body::Waiting(body) => Substitution::Replace(body),
            Body::Sent => Substitution::Refuse(
                "the service sends the body of an object twice, and it can be read once",
            ),
        }
    }

    /// Forgets what earlier requests were answered.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        (state.incoming, state.refusal) = (None, None);
    }

    pub(super) fn arrived(&self, incoming: Incoming) {
        self.state().incoming = Some(incoming);
    }

    /// The answer to the last read since `begin`.
    pub(super) fn incoming(&self) -> Option<Incoming> {
        self.state().incoming.take()
    }

    /// How the last request was answered, if not with success.
    pub(super) fn answered(&self, refusal: Option<Refusal>) {
        self.state().refusal = refusal;
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.state().refusal.clone()
    }
}

impl Incoming {
    /// The body, if nobody has begun to read it.
    pub(super) fn take(&self) -> Option<Source> {
        self.body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Part {
    /// `bytes 2-5/10`, `bytes 2-5/*`; the size alone of `bytes */10`.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (range, size) = header
            .trim()
            .strip_prefix("bytes")?
            .trim_start()
            .split_once('/')?;
        let start = range
            .split_once('-')
            .map_or(Some(0), |(start, _)| start.parse().ok())?;
        Some(Self {
            start,
            size: size.parse().ok(),
        })
    }
}

/// A number that nobody else has made.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_content_ranges() {
        let part = |start, size| Some(Part { start, size });
        assert_eq!(Part::parse("bytes 2-5/10"), part(2, Some(10)));
        assert_eq!(Part::parse("bytes 2-5/*"), part(2, None));
        assert_eq!(Part::parse("bytes */10"), part(0, Some(10)));
        assert_eq!(Part::parse("bytes x-5/10"), None);
        assert_eq!(Part::parse("lines 2-5/10"), None);
    }

    #[test]
    fn takes_nothing_else_for_a_placeholder() {
        let exchange = Exchange::default();
        assert!(matches!(
            exchange.substitute(b"<propfind/>"),
            Substitution::Keep
        ));
        assert!(!exchange.withdraw());
        assert_ne!(random(), random());
    }
}
