//! Typed configuration: JSON from the host into the author's struct, strictly.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::error::ConfigError;

/// Reads a configuration; an unknown or ill-typed key is an error that names it.
pub(crate) fn parse<C: DeserializeOwned>(json: &str) -> Result<C, ConfigError> {
    let mut unknown = None;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let config = serde_ignored::deserialize(tracked, |path| {
        unknown.get_or_insert_with(|| dotted(&path.to_string()));
    });
    let config = config.map_err(|error: serde_json::Error| {
        let path = track.path().to_string();
        let message = error.to_string();
        // The position is one in JSON that the host generated: it would send people to the wrong
        // place.
        let message = message
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned();
        ConfigError::at(if path == "." { String::new() } else { path }, message)
    })?;
    match unknown {
        None => Ok(config),
        Some(path) => Err(ConfigError::at(
            path,
            "unknown key; `callfs plugin inspect` prints those this plugin takes",
        )),
    }
}

/// `keys.2.user` as `keys[2].user`, the form that errors of the other kind have.
fn dotted(path: &str) -> String {
    path.split('.')
        .filter(|part| *part != "?")
        .fold(String::new(), |mut joined, part| {
            if part.bytes().all(|b| b.is_ascii_digit()) {
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

/// The JSON Schema of a configuration.
pub(crate) fn schema<C: JsonSchema>() -> String {
    schemars::schema_for!(C).as_value().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, JsonSchema, PartialEq)]
    struct Config {
        #[serde(default)]
        keys: Vec<Key>,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema, PartialEq)]
    struct Key {
        user: String,
    }

    #[test]
    fn reads_what_fits() {
        let config: Config = parse(r#"{"keys":[{"user":"alice"}]}"#).expect("fits");
        assert_eq!(
            config.keys,
            [Key {
                user: "alice".into()
            }]
        );
    }

    #[test]
    fn names_the_key_that_is_unknown() {
        let error = parse::<Config>(r#"{"keys":[{"user":"alice"},{"user":"bob","admni":true}]}"#)
            .expect_err("unknown");
        assert_eq!(error.path, "keys[1].admni");
    }

    #[test]
    fn names_the_key_that_is_ill_typed() {
        let error = parse::<Config>(r#"{"keys":[{"user":7}]}"#).expect_err("ill-typed");
        assert_eq!(
            error.to_string(),
            "keys[0].user: invalid type: integer `7`, expected a string"
        );
    }

    #[test]
    fn names_the_key_that_is_missing() {
        let error = parse::<Config>(r#"{"keys":[{}]}"#).expect_err("missing");
        assert_eq!(error.to_string(), "keys[0]: missing field `user`");
    }
}
