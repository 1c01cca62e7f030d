//! `[media_types]`: media types by extension, for files that were stored without one.

use std::collections::BTreeMap;

use callfs_http::MediaTypes;

/// Whether all of them make sense; else the first key that does not, and why.
pub(super) fn check(types: &BTreeMap<String, String>) -> Result<(), (String, String)> {
    MediaTypes::new(types).map(drop)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, LoadOptions};

    fn loaded(name: &str, value: &str) -> Result<Vec<(String, String)>, String> {
        let mut options = LoadOptions::default();
        let variables = [
            ("CALLFS_MOUNT", r#"[{ path = "/", component = "localfs" }]"#),
            ("CALLFS_AUTHENTICATOR", r#"[{ component = "api-keys" }]"#),
            (name, value),
        ];
        options
            .variables
            .extend(variables.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let loaded = Config::load(&options).map_err(|error| error.to_string())?;
        Ok(loaded.config.media_types.into_iter().collect())
    }

    #[test]
    fn they_are_keys_of_their_own_section() {
        let pair = |extension: &str, kind: &str| (extension.to_owned(), kind.to_owned());
        assert_eq!(
            loaded("CALLFS_MEDIA_TYPES__TS", "text/x-typescript"),
            Ok(vec![pair("ts", "text/x-typescript")])
        );
        assert_eq!(
            loaded(
                "CALLFS_MEDIA_TYPES",
                r#"{ "c++" = "text/x-c", dat = "text/plain" }"#
            ),
            Ok(vec![pair("c++", "text/x-c"), pair("dat", "text/plain")])
        );
        assert_eq!(loaded("CALLFS_LOG__LEVEL", "info"), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        for (name, value, error) in [
            (
                "CALLFS_MEDIA_TYPES__TS",
                "video",
                "CALLFS_MEDIA_TYPES__TS: media_types.ts: not a media type such as \"text/plain\"",
            ),
            (
                "CALLFS_MEDIA_TYPES",
                r#"{ ".ts" = "video/mp2t" }"#,
                "CALLFS_MEDIA_TYPES: media_types..ts: write the extension without its dot",
            ),
        ] {
            assert_eq!(loaded(name, value), Err(error.to_owned()));
        }
        let error = loaded("CALLFS_MEDIA_TYPES__TS", "7").expect_err("a number");
        assert!(error.contains("media_types.ts: expected"), "{error}");
    }
}
