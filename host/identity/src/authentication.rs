//! Finds out who a caller is, and remembers it for as long as the authenticator allows.
//!
//! What is remembered is found by a SHA-256 of what the caller showed; the credentials themselves
//! are never kept. An authenticator that fails counts as one that knows nobody, and when all of
//! them fail the answer is that the service is unavailable, so that clients keep their good keys.
//! It knows nothing of HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Authenticator, Credential, Identity};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// How many callers are remembered.
const REMEMBERED: u64 = 10_000;
/// How many unknown credentials are remembered: apart, so that guessing pushes nobody out.
const REFUSED: u64 = 1_000;
/// How long an unknown credential is refused without asking again.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// The authenticators, asked in order. What they said is remembered here and nowhere else, so that
/// other authenticators begin with nothing, and nobody hears of an answer that comes when these
/// were replaced.
pub struct Authentication {
    authenticators: Vec<Arc<dyn Authenticator>>,
    headers: Vec<String>,
    remembered: Cache<CredentialDigest, (Arc<Identity>, Instant)>,
    refused: Cache<CredentialDigest, ()>,
}

type CredentialDigest = [u8; 32];

impl Authentication {
    /// The first of these that recognises a caller decides who it is.
    pub fn new(authenticators: Vec<Arc<dyn Authenticator>>) -> Self {
        let mut headers: Vec<String> = authenticators
            .iter()
            .flat_map(|one| one.headers().to_vec())
            .collect();
        headers.sort_unstable();
        headers.dedup();
        Self {
            authenticators,
            headers,
            remembered: Cache::new(REMEMBERED),
            refused: Cache::builder()
                .max_capacity(REFUSED)
                .time_to_live(REFUSED_FOR)
                .build(),
        }
    }

    /// Names, in lower case, of the request headers that any authenticator looks at besides
    /// `Authorization`.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The caller behind everything that a request shows: the token or the password, and the
    /// headers that [`headers`](Self::headers) names, as far as it has them.
    pub async fn identify(&self, shown: &[Credential]) -> Result<Arc<Identity>> {
        if shown.is_empty() {
            let message = "no credentials were given; send 'Authorization: Bearer <key>'";
            return Err(Error::new(ErrorKind::Unauthenticated, message));
        }
        let fingerprint = fingerprint(shown);
        if let Some((identity, until)) = self.remembered.get(&fingerprint) {
            if Instant::now() < until {
                return Ok(identity);
            }
            self.remembered.invalidate(&fingerprint);
        }
        if self.refused.contains_key(&fingerprint) {
            return Err(unknown());
        }
        self.ask(shown, fingerprint).await
    }

    async fn ask(
        &self,
        shown: &[Credential],
        fingerprint: CredentialDigest,
    ) -> Result<Arc<Identity>> {
        let mut failure = None;
        let mut answered = false;
        for authenticator in &self.authenticators {
            for credential in shown
                .iter()
                .filter_map(|one| meant_for(authenticator.as_ref(), one))
            {
                match authenticator.authenticate(&credential).await {
                    Ok(Some(recognised)) => {
                        let identity = Arc::new(recognised.identity);
                        if recognised.cache_seconds > 0 {
                            let until = Instant::now()
                                + Duration::from_secs(recognised.cache_seconds.into());
                            self.remembered
                                .insert(fingerprint, (identity.clone(), until));
                        }
                        return Ok(identity);
                    }
                    Ok(None) => answered = true,
                    Err(error) => {
                        let name = authenticator.name();
                        let causes = error.causes();
                        tracing::warn!(authenticator = name, %error, causes, "an authenticator \
                            failed");
                        failure = Some(error);
                    }
                }
            }
        }
        match failure {
            Some(error) if !answered => Err(unavailable(error)),
            Some(_) => Err(unknown()),
            None => {
                self.refused.insert(fingerprint, ());
                Err(unknown())
            }
        }
    }
}

/// The part of a credential that an authenticator may see.
fn meant_for(authenticator: &dyn Authenticator, credential: &Credential) -> Option<Credential> {
    let Credential::Headers(headers) = credential else {
        return Some(credential.clone());
    };
    let wanted = authenticator.headers();
    let seen: Vec<_> = headers
        .iter()
        .filter(|(name, _)| wanted.contains(name))
        .cloned()
        .collect();
    (!seen.is_empty()).then_some(Credential::Headers(seen))
}

/// Every part goes in with its length, so that no two credentials are told as one.
fn fingerprint(shown: &[Credential]) -> CredentialDigest {
    fn part(hash: &mut Sha256, bytes: &[u8]) {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    let mut hash = Sha256::new();
    for credential in shown {
        match credential {
            Credential::Bearer(token) => {
                hash.update([0]);
                part(&mut hash, token.as_bytes());
            }
            Credential::Basic(user, password) => {
                hash.update([1]);
                part(&mut hash, user.as_bytes());
                part(&mut hash, password.as_bytes());
            }
            Credential::Headers(headers) => {
                hash.update([2]);
                hash.update((headers.len() as u64).to_le_bytes());
                for (name, value) in headers {
                    part(&mut hash, name.as_bytes());
                    part(&mut hash, value);
                }
            }
        }
    }
    hash.finalize().into()
}

fn unknown() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "the credentials are not known here",
    )
}

/// What the caller learns when nobody could tell who they are: never that their key is bad.
fn unavailable(error: Error) -> Error {
    match error.kind() {
        ErrorKind::PluginFailed => error,
        _ => Error::new(
            ErrorKind::BackendUnavailable,
            "nobody can be authenticated at the moment",
        )
        .because(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use callfs_model::identity::Recognised;

    use super::*;

    /// Knows the token `good`, and whoever a proxy names in `x-user`; fails on the token `crash`.
    #[derive(Default)]
    struct Keys {
        asked: AtomicUsize,
        cache_seconds: u32,
        headers: Vec<String>,
        broken: bool,
    }

    #[async_trait]
    impl Authenticator for Keys {
        fn name(&self) -> &str {
            "keys"
        }

        fn headers(&self) -> &[String] {
            &self.headers
        }

        async fn authenticate(&self, credential: &Credential) -> Result<Option<Recognised>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let subject = match credential {
                _ if self.broken => return Err(Error::new(ErrorKind::BackendTimeout, "too slow")),
                Credential::Bearer(token) if token == "crash" => {
                    return Err(Error::new(ErrorKind::PluginFailed, "trapped").of_plugin("keys"));
                }
                Credential::Bearer(token) if token == "good" => "alice".into(),
                Credential::Headers(headers) => String::from_utf8_lossy(&headers[0].1).into_owned(),
                _ => return Ok(None),
            };
            let identity = Identity {
                subject,
                groups: vec![],
                admin: false,
                attributes: vec![],
            };
            Ok(Some(Recognised {
                identity,
                cache_seconds: self.cache_seconds,
            }))
        }
    }

    fn bearer(token: &str) -> Vec<Credential> {
        vec![Credential::Bearer(token.into())]
    }

    #[tokio::test]
    async fn remembers_for_as_long_as_it_may() {
        let keys = Arc::new(Keys {
            cache_seconds: 60,
            ..Keys::default()
        });
        let forgetful = Arc::new(Keys::default());
        for (one, asked) in [(keys, 1), (forgetful, 3)] {
            let authentication = Authentication::new(vec![one.clone()]);
            for _ in 0..3 {
                assert_eq!(
                    authentication
                        .identify(&bearer("good"))
                        .await
                        .expect("alice")
                        .subject,
                    "alice"
                );
            }
            assert_eq!(one.asked.load(Ordering::Relaxed), asked);
        }
    }

    #[tokio::test]
    async fn knows_no_stranger_and_asks_once_about_them() {
        let keys = Arc::new(Keys::default());
        let authentication = Authentication::new(vec![keys.clone()]);
        for _ in 0..3 {
            let error = authentication
                .identify(&bearer("bad"))
                .await
                .expect_err("unknown");
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        }
        assert_eq!(keys.asked.load(Ordering::Relaxed), 1);
        let nothing = authentication
            .identify(&[])
            .await
            .expect_err("nothing shown");
        assert_eq!(nothing.kind(), ErrorKind::Unauthenticated);
    }

    #[tokio::test]
    async fn a_failure_is_nobody_and_only_failures_are_unavailable() {
        let keys = || Arc::new(Keys::default());
        let broken = || {
            Arc::new(Keys {
                broken: true,
                ..Keys::default()
            })
        };
        let kind = async |authenticators: Vec<Arc<dyn Authenticator>>, token: &str| {
            let authentication = Authentication::new(authenticators);
            authentication
                .identify(&bearer(token))
                .await
                .map_err(|error| error.kind())
                .err()
        };
        assert_eq!(kind(vec![broken(), keys()], "good").await, None);
        assert_eq!(
            kind(vec![broken(), keys()], "bad").await,
            Some(ErrorKind::Unauthenticated)
        );
        assert_eq!(
            kind(vec![broken()], "good").await,
            Some(ErrorKind::BackendUnavailable)
        );
        assert_eq!(
            kind(vec![keys()], "crash").await,
            Some(ErrorKind::PluginFailed)
        );
        assert_eq!(kind(vec![], "good").await, Some(ErrorKind::Unauthenticated));
    }

    #[tokio::test]
    async fn shows_each_authenticator_only_the_headers_it_asked_for() {
        let proxy = Arc::new(Keys {
            headers: vec!["x-user".into()],
            ..Keys::default()
        });
        let authentication = Authentication::new(vec![Arc::new(Keys::default()), proxy]);
        assert_eq!(authentication.headers(), ["x-user"]);
        let shown = |name: &str| vec![Credential::Headers(vec![(name.into(), b"bob".to_vec())])];
        assert_eq!(
            authentication
                .identify(&shown("x-user"))
                .await
                .expect("bob")
                .subject,
            "bob"
        );
        assert!(authentication.identify(&shown("x-other")).await.is_err());
    }

    #[test]
    fn different_credentials_never_look_the_same() {
        let basic =
            |user: &str, password: &str| vec![Credential::Basic(user.into(), password.into())];
        assert_ne!(
            fingerprint(&basic("ab", "c")),
            fingerprint(&basic("a", "bc"))
        );
        assert_ne!(
            fingerprint(&bearer("a")),
            fingerprint(&[bearer("a"), bearer("")].concat())
        );
        assert_eq!(fingerprint(&bearer("a")), fingerprint(&bearer("a")));
    }
}
