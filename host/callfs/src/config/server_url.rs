//! The URL of a server, which may hold a password, or says where it is kept.

use std::fmt;

use figment::value::Value;

use super::secret::Reference;

/// A URL that is not shown with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// From a text, `{ env = "NAME" }` or `{ file = "path" }`, or why not. A reference need not
    /// resolve if it is `left`, and is empty then.
    pub(super) fn of(
        value: &Value,
        schemes: &[&str],
        example: &str,
        variable: impl Fn(&str) -> Option<String>,
        left: bool,
    ) -> Result<Self, String> {
        let text = match (value, value.as_dict().and_then(Reference::of)) {
            (Value::String(_, text), _) => text.clone(),
            (_, Some(_)) if left => return Ok(Self(String::new())),
            (_, Some(reference)) => reference.resolve(variable)?,
            _ => return Err("expected a text, { env = \"NAME\" } or { file = \"path\" }".into()),
        };
        let known = schemes.iter().any(|scheme| {
            text.strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        });
        if known && !text.contains(char::is_whitespace) {
            Ok(Self(text))
        } else {
            Err(format!(
                "'{}' is not the URL of such a server; give \"{example}\"",
                masked(&text)
            ))
        }
    }

    /// With its password.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&masked(&self.0), f)
    }
}

/// A text without the passwords that the URLs in it may hold.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.into();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // An '@' further on is one after a password with a slash that nobody encoded.
    let at = authority.rfind('@').or_else(|| rest.rfind('@'));
    let user = at.and_then(|at| Some((rest[..at].split_once(':')?.0, &rest[at..])));
    let (user, rest) = match user {
        Some((user, rest)) => (format!("{user}:***"), rest),
        None => (String::new(), rest),
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) if !place.contains("://") => (place.to_owned(), Some(query)),
        _ => (masked(rest), None),
    };
    let query = query
        .map(|query| format!("?{}", masked_query(query)))
        .unwrap_or_default();
    format!("{scheme}://{user}{place}{query}")
}

/// The parameters of a URL, without the values of those that are called like secrets.
fn masked_query(query: &str) -> String {
    const WORDS: [&str; 6] = ["auth", "key", "pass", "secret", "sig", "token"];
    let parameters = query.split('&').map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let lower = name.to_ascii_lowercase();
        if !value.is_empty() && WORDS.iter().any(|word| lower.contains(word)) {
            format!("{name}=***")
        } else {
            masked(parameter)
        }
    });
    parameters.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_and_nothing_else() {
        for (url, shown) in [
            (
                "postgres://callfs:s3cret@db.internal:5432/callfs?sslmode=require",
                "postgres://callfs:***@db.internal:5432/callfs?sslmode=require",
            ),
            (
                "redis://:s3cret@127.0.0.1:6379/1",
                "redis://:***@127.0.0.1:6379/1",
            ),
            ("redis://:s3/cr@t@127.0.0.1/", "redis://:***@127.0.0.1/"),
            ("postgres://callfs@db/callfs", "postgres://callfs@db/callfs"),
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            (
                "sqlite:callfs-data/metadata.db",
                "sqlite:callfs-data/metadata.db",
            ),
            (
                "redis://:s3a@one.internal/0,redis://:s3b@two.internal/0",
                "redis://:***@one.internal/0,redis://:***@two.internal/0",
            ),
            (
                "postgres://db/callfs?user=callfs&password=s3cret&sslmode=require",
                "postgres://db/callfs?user=callfs&password=***&sslmode=require",
            ),
            (
                "postgres://callfs:s3cret@db/callfs?sslpassword=s3cret",
                "postgres://callfs:***@db/callfs?sslpassword=***",
            ),
        ] {
            assert_eq!(masked(url), shown);
            assert!(
                !format!("{:?}", ServerUrl(url.into())).contains("s3"),
                "{url}"
            );
        }
    }
}
