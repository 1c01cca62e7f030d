//! `[links]`

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;

use super::quantity;
use super::secret::Reference;

/// `[links]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinksConfig {
    /// What links are signed with.
    pub secret: LinkSecret,
    /// How long an interrupted download may be resumed.
    pub grace: Duration,
    /// How long a link lasts unless its maker says so; at most `max_expiry`.
    pub expiry: Duration,
    /// How long a link may last.
    pub max_expiry: Duration,
}

/// Where the secret of links is.
#[derive(Clone, PartialEq, Eq)]
pub enum LinkSecret {
    /// Here.
    Given(String),
    /// In this file, which is made with a new secret if it is missing.
    Kept(PathBuf),
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given(***)"),
            Self::Kept(file) => f.debug_tuple("Kept").field(file).finish(),
        }
    }
}

/// `[links]` as written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenLinks {
    secret: Value,
    #[serde(deserialize_with = "quantity::some_duration")]
    grace: Duration,
    #[serde(deserialize_with = "quantity::some_duration")]
    expiry: Duration,
    #[serde(deserialize_with = "quantity::some_duration")]
    max_expiry: Duration,
}

impl WrittenLinks {
    /// What holds, or the key that is wrong and why. Secrets in variables need not be there if they
    /// are `left`.
    pub(super) fn build(
        self,
        variable: impl Fn(&str) -> Option<String>,
        left: bool,
    ) -> Result<LinksConfig, (&'static str, String)> {
        let Self {
            secret,
            grace,
            expiry,
            max_expiry,
        } = self;
        let reference = secret.as_dict().and_then(Reference::of);
        let secret = match (&secret, reference) {
            (Value::String(_, text), _) => LinkSecret::Given(text.clone()),
            (_, Some(Reference::File(file))) => LinkSecret::Kept(file.into()),
            (_, Some(Reference::Variable(_))) if left => LinkSecret::Given(String::new()),
            (_, Some(reference)) => LinkSecret::Given(
                reference
                    .resolve(variable)
                    .map_err(|message| ("secret", message))?,
            ),
            _ => {
                let expected = "expected a text, { env = \"NAME\" } or { file = \"path\" }";
                return Err(("secret", expected.into()));
            }
        };
        if expiry > max_expiry {
            return Err((
                "expiry",
                "is longer than links.max_expiry; shorten it, or allow for more".into(),
            ));
        }
        Ok(LinksConfig {
            secret,
            grace,
            expiry,
            max_expiry,
        })
    }
}
