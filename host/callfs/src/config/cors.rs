//! `[server] cors`: which pages of other sites may call from a browser.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

use super::quantity;

/// `{ origins = ["https://app.example.org"], max_age = "10m" }`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// At least one.
    #[serde(deserialize_with = "origins")]
    pub origins: Vec<CorsOrigin>,
    /// How long a browser may remember what is allowed; ten minutes unless said.
    #[serde(default = "ten_minutes", deserialize_with = "quantity::duration")]
    pub max_age: Duration,
}

/// Where a page comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// `"*"`
    Any,
    /// Scheme, host and port as a browser writes them.
    Named(String),
}

impl<'de> Deserialize<'de> for CorsOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "*" {
            return Ok(Self::Any);
        }
        // A browser compares nothing: it sends scheme and host in lower case, and no port that goes
        // without saying.
        let host = text
            .split_once("://")
            .filter(|(scheme, _)| !scheme.is_empty())
            .map(|(_, host)| host);
        let plain =
            |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase() && !"/?#@,\"\\<>".contains(c);
        let usual = (text.starts_with("https://") && text.ends_with(":443"))
            || (text.starts_with("http://") && text.ends_with(":80"));
        match host {
            Some(host) if !host.is_empty() && host.chars().all(plain) && !usual => {
                Ok(Self::Named(text))
            }
            _ => Err(D::Error::custom(format!(
                "'{text}' is not an origin as browsers write it, such as \
                 \"https://app.example.org\" or \
                 \"http://localhost:3000\": no path, no capitals, no usual port"
            ))),
        }
    }
}

fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CorsOrigin>, D::Error> {
    let origins = Vec::<CorsOrigin>::deserialize(deserializer)?;
    if origins.is_empty() {
        let message = "without an origin nobody is let in; leave 'cors' out";
        return Err(D::Error::custom(message));
    }
    if origins.len() > 1 && origins.contains(&CorsOrigin::Any) {
        let message = "\"*\" includes every other origin; give it alone";
        return Err(D::Error::custom(message));
    }
    Ok(origins)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}
