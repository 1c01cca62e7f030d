//! What is wrong with a configuration: where it stands, which key, and what would be right.

use std::fmt;

use figment::error::{Error as Figment, Kind};

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, environment variable or flag that says it.
    pub origin: Option<String>,
    /// The key, as `mount[0].grants.directories`.
    pub key: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl ConfigError {
    /// Something wrong in a file, variable or flag as a whole.
    pub(super) fn in_origin(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            origin: Some(origin.into()),
            key: None,
            message: message.into(),
        }
    }

    /// Something wrong with a key.
    pub(super) fn at(
        origin: impl Into<String>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            origin: Some(origin.into()),
            key: Some(key.into()),
            message: message.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.origin, &self.key].into_iter().flatten() {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

impl From<Figment> for ConfigError {
    fn from(error: Figment) -> Self {
        let mut path = error.path;
        let mut expected_below = None;
        let message = match error.kind {
            Kind::UnknownField(name, known) => {
                format!("unknown key{}", suggestion(&name, known, "known keys"))
            }
            Kind::UnknownVariant(name, known) => {
                format!(
                    "unknown value '{name}'{}",
                    suggestion(&name, known, "possible values")
                )
            }
            Kind::MissingField(name) => {
                expected_below = Some(name.into_owned());
                "missing; add it".to_owned()
            }
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                format!("expected {expected}, found {found}")
            }
            kind => kind.to_string(),
        };
        path.extend(expected_below);
        Self {
            origin: error.metadata.map(|metadata| metadata.name.into_owned()),
            key: (!path.is_empty()).then(|| dotted(&path)),
            message,
        }
    }
}

/// The nearest known name, or all of them if none is near.
pub(super) fn suggestion(name: &str, known: &[&str], all: &str) -> String {
    let near = known
        .iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, nearest)) if likeness >= 0.5 => format!("; did you mean '{nearest}'?"),
        _ if known.is_empty() => String::new(),
        _ => format!("; {all}: {}", known.join(", ")),
    }
}

/// `mount`, `0`, `path` as `mount[0].path`.
fn dotted(path: &[String]) -> String {
    path.iter().fold(String::new(), |mut joined, part| {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            joined.push_str(&format!("[{part}]"));
        } else {
            if !joined.is_empty() {
                joined.push('.');
            }
            joined.push_str(part);
        }
        joined
    })
}
