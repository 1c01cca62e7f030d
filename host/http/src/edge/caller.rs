//! Who sent a request: the credential in its headers, and the identity that authentication makes of
//! it.
//!
//! As the first argument of a handler it comes before anything else is looked at, so that a
//! stranger learns nothing.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::{Credential, Identity};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::request::Parts;

use crate::edge::cors::Cors;
use crate::edge::rate_limit::Standing;
use crate::fields::lines;
use crate::problem::{Problem, Result};
use crate::state::App;

/// A caller who was recognised.
pub(crate) struct Caller(pub(crate) Arc<Identity>);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        refuse_other_sites(parts, app.cors.as_deref())?;
        let authentication = app.authentication.current();
        let shown = shown(&parts.headers, authentication.headers())?;
        let identity = authentication.identify(&shown).await?;
        Standing::identified(parts, &identity)?;
        Ok(Self(identity))
    }
}

/// What a caller showed, kept for as long as an answer that asks again who the caller is.
pub(crate) enum ShownCredentials {
    /// What authenticators look at.
    Request(Vec<Credential>),
    /// The token of a link, which stands for its maker.
    Link(String),
}

impl ShownCredentials {
    /// Those in the headers of a request.
    pub(crate) fn of(headers: &HeaderMap, app: &App) -> Result<Self> {
        shown(headers, app.authentication.current().headers()).map(Self::Request)
    }

    /// Who the caller is now; fails if they are nobody any more.
    pub(crate) async fn identify(&self, app: &App) -> Result<Arc<Identity>, Error> {
        match self {
            Self::Request(shown) => app.authentication.current().identify(shown).await,
            Self::Link(token) => Ok(Arc::new(app.links.redeemable(token).await?.identity())),
        }
    }
}

/// Everything in a request that an authenticator may look at.
fn shown(headers: &HeaderMap, names: &[String]) -> Result<Vec<Credential>> {
    let named = named(headers, names);
    let named = (!named.is_empty()).then_some(Credential::Headers(named));
    Ok(authorization(headers)?.into_iter().chain(named).collect())
}

/// A browser that remembers Basic credentials sends them with whatever another site makes it send;
/// it says so as well (Fetch Metadata, `Sec-Fetch-Site`). Pages that the operator named may do
/// that, and where all are welcome, those that have a key: a browser remembers no bearer token.
fn refuse_other_sites(parts: &Parts, cors: Option<&Cors>) -> Result<()> {
    let from_elsewhere = lines::all(&parts.headers, "sec-fetch-site")
        .any(|site| matches!(site.as_bytes(), b"cross-site" | b"same-site"));
    if parts.method.is_safe() || !from_elsewhere {
        return Ok(());
    }
    let brings_a_key = || {
        matches!(
            authorization(&parts.headers),
            Ok(Some(Credential::Bearer(_)))
        )
    };
    if cors.is_some_and(|cors| cors.names(&parts.headers) || cors.is_open() && brings_a_key()) {
        return Ok(());
    }
    let message = "a page of another site may not change anything here";
    Err(Error::new(ErrorKind::PermissionDenied, message).into())
}

/// The credential in the `Authorization` header, if there is one.
fn authorization(headers: &HeaderMap) -> Result<Option<Credential>> {
    let Some(value) = lines::single(headers, &AUTHORIZATION)? else {
        return Ok(None);
    };
    let message = "the Authorization header is neither a bearer token nor basic";
    let credential = parse(value).ok_or_else(|| Error::new(ErrorKind::Unauthenticated, message));
    Ok(Some(credential?))
}

/// RFC 6750 and RFC 7617; the scheme's case does not matter.
fn parse(value: &HeaderValue) -> Option<Credential> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!rest.is_empty()).then(|| Credential::Bearer(rest.into()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credential::Basic(user.into(), password.into()))
}

/// The headers that an authenticator asked for.
fn named(headers: &HeaderMap, names: &[String]) -> Vec<(String, Vec<u8>)> {
    let values = |name: &String| lines::all(headers, name).map(|value| value.as_bytes().to_vec());
    names
        .iter()
        .flat_map(|name| values(name).map(move |value| (name.clone(), value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &'static str) -> Option<(String, String)> {
        match parse(&HeaderValue::from_static(text))? {
            Credential::Bearer(token) => Some((String::new(), token)),
            Credential::Basic(user, password) => Some((user, password)),
            Credential::Headers(_) => None,
        }
    }

    #[test]
    fn reads_both_schemes_in_any_case() {
        let pair = |user: &str, secret: &str| Some((user.to_owned(), secret.to_owned()));
        assert_eq!(parsed("Bearer abc"), pair("", "abc"));
        assert_eq!(parsed("bearer  abc "), pair("", "abc"));
        assert_eq!(parsed("Basic YWxpY2U6czpjcmV0"), pair("alice", "s:cret"));
        assert_eq!(parsed("BASIC OmtleQ=="), pair("", "key"));
    }

    #[test]
    fn refuses_what_is_neither() {
        for text in [
            "",
            "abc",
            "Bearer",
            "Bearer ",
            "Digest abc",
            "Basic !!",
            "Basic YWxpY2U=",
            "Basic /w==",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
