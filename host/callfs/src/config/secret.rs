//! Secrets in the configuration: references that are resolved, and values that are not shown.
//!
//! Any table that consists of one string under `env` or `file` is a reference. It cannot know which
//! other values a component takes for secret, so what is shown also masks strings whose key says
//! so.

use std::fs;

use figment::value::{Dict, Value};

/// A secret that is kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// In an environment variable.
    Variable(&'a str),
    /// In a file.
    File(&'a str),
}

impl<'a> Reference<'a> {
    /// The reference that a table is, if it is one.
    pub(super) fn of(table: &'a Dict) -> Option<Self> {
        let (key, value) = table.first_key_value()?;
        match (table.len(), key.as_str(), value) {
            (1, "env", Value::String(_, name)) => Some(Self::Variable(name)),
            (1, "file", Value::String(_, path)) => Some(Self::File(path)),
            _ => None,
        }
    }

    /// The secret; a line break at the end of a file is not part of it.
    pub(super) fn resolve(
        self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        let (secret, place) = match self {
            Self::Variable(name) => {
                let secret = variable(name)
                    .ok_or_else(|| format!("the variable {name} is not set; set it"))?;
                (secret, format!("the variable {name}"))
            }
            Self::File(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|cause| format!("cannot read the file '{path}': {cause}"))?;
                (
                    text.trim_end_matches(['\n', '\r']).to_owned(),
                    format!("the file '{path}'"),
                )
            }
        };
        if secret.is_empty() {
            Err(format!("{place} is empty; put the secret there"))
        } else {
            Ok(secret)
        }
    }
}

/// Whether a value under this key is likely to be a secret.
pub(super) fn is_secret_name(key: &str) -> bool {
    const WORDS: [&str; 7] = [
        "key",
        "secret",
        "password",
        "passphrase",
        "token",
        "credential",
        "credentials",
    ];
    let key = key.to_ascii_lowercase();
    let last = key.rsplit(['_', '-', '.']).next().unwrap_or_default();
    WORDS.contains(&last)
}
