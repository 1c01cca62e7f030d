//! `CALLFS_SECTION__KEY` variables as configuration.

use figment::value::{Dict, Value};

use super::error::{ConfigError, suggestion};
use super::layers::{Layer, SECTIONS, from_toml};

const PREFIX: &str = "CALLFS_";
/// Names that are left to tests.
const RESERVED: &str = "TEST_";
/// Keys whose values are text even if they look like a number or a truth value.
const TEXT: [&str; 5] = [
    "node.id",
    "filesystem.umask",
    "filesystem.root.mode",
    "filesystem.root.owner",
    "filesystem.root.group",
];

/// A layer for each variable that is configuration. A name without `__` is configuration only if it
/// is that of a whole section: people keep keys for clients in variables such as CALLFS_KEY.
pub(super) fn layers<'a>(
    variables: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Layer>, ConfigError> {
    variables
        .filter_map(|(name, text)| layer(name, text).transpose())
        .collect()
}

fn layer(name: &str, text: &str) -> Result<Option<Layer>, ConfigError> {
    let Some(rest) = name
        .strip_prefix(PREFIX)
        .filter(|rest| !rest.starts_with(RESERVED))
    else {
        return Ok(None);
    };
    let key = rest.to_ascii_lowercase().replace("__", ".");
    if !key.contains('.') && !SECTIONS.contains(&key.as_str()) {
        let is_near = |section: &&str| strsim::damerau_levenshtein(section, &key) == 1;
        return match SECTIONS.into_iter().find(is_near) {
            Some(_) => Err(ConfigError::in_origin(
                name,
                format!("unknown section{}", suggestion(&key, &SECTIONS, "")),
            )),
            None => Ok(None),
        };
    }
    let value = match parse(text) {
        _ if TEXT.contains(&key.as_str()) => Value::from(text),
        // A key or a password may look like anything.
        Value::Num(..) | Value::Bool(..) if key.starts_with("credentials.") => Value::from(text),
        value => value,
    };
    let nested = key.rsplit('.').fold(value, |value, part| {
        Value::from(Dict::from([(part.to_owned(), value)]))
    });
    Ok(nested.into_dict().map(|values| Layer {
        origin: name.to_owned(),
        values,
    }))
}

/// A TOML value, else a JSON value, else the text itself.
fn parse(text: &str) -> Value {
    let toml = toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .filter(|table| table.len() == 1);
    match toml.and_then(|mut table| table.remove("value")) {
        Some(toml::Value::Datetime(_)) => Value::from(text),
        Some(value) => from_toml(value),
        None => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> serde_json::Value {
        serde_json::to_value(parse(text)).expect("plain data")
    }

    #[test]
    fn reads_values_as_toml_or_json_or_text() {
        assert_eq!(json("true"), serde_json::json!(true));
        assert_eq!(json("64"), serde_json::json!(64));
        assert_eq!(json("\"64\""), serde_json::json!("64"));
        assert_eq!(json("[\"a\", \"b\"]"), serde_json::json!(["a", "b"]));
        assert_eq!(json("{ a = 1 }"), serde_json::json!({ "a": 1 }));
        assert_eq!(
            json("{\"a\": [1, null]}"),
            serde_json::json!({ "a": [1, null] })
        );
        for text in [
            "127.0.0.1:80",
            "[::1]:80",
            "info",
            "",
            "a\nb = 1",
            "1\nb = 1",
            "2026-01-01",
            "022",
        ] {
            assert_eq!(json(text), serde_json::json!(text));
        }
    }

    #[test]
    fn leaves_other_variables_alone() {
        let names = [
            "HOME",
            "CALLFS_TEST_SERVER__X",
            "CALLFS_KEY",
            "CALLFS_CLUSTER_SECRET",
            "XCALLFS_LOG__LEVEL",
        ];
        assert!(
            layers(names.map(|name| (name, "1")).into_iter())
                .expect("nothing wrong")
                .is_empty()
        );
    }

    #[test]
    fn reads_whole_sections() {
        let layers = layers([("CALLFS_MOUNT", "[]"), ("CALLFS_LOG__LEVEL", "debug")].into_iter())
            .expect("good");
        assert_eq!(layers.len(), 2);
        assert!(layers[0].values.contains_key("mount"));
        assert_eq!(layers[1].origin, "CALLFS_LOG__LEVEL");
    }

    #[test]
    fn refuses_a_section_that_is_nearly_one() {
        let error = layers([("CALLFS_MOUNTS", "[]")].into_iter())
            .err()
            .expect("a typing error");
        assert_eq!(
            error.to_string(),
            "CALLFS_MOUNTS: unknown section; did you mean 'mount'?"
        );
    }
}
