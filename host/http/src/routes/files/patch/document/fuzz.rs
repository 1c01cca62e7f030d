//! Any body of a `PATCH`: what it asks for is within the limits, and can be written again.

use std::collections::BTreeMap;

use callfs_test_fuzz::FuzzTarget;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

const CORPUS: [&str; 32] = [
    r#"{"name": "b"}"#,
    r#"{"name":"b","backend":"/archive","instance":"node-1"}"#,
    r#"{"name": "b", "backend": "/archive/deep/", "overwrite": true}"#,
    r#"{"destination": "/e/%20/b/", "overwrite": true, "create_parents": false}"#,
    r#"{"destination": "/archive/x", "backend": "/archive"}"#,
    r#"{"destination": "/\u00e4/\ud83c\udf89", "create_parents": true}"#,
    r#"{"mode": "0640", "owner": "alice", "group": "staff", "mtime": "2024-05-01T12:30:00Z"}"#,
    r#"{"destination": "/e", "exchange": true, "destination_if_match": "W/\"a\", \"\u00e4\""}"#,
    r#"{"name": "b", "exchange": true, "destination_if_match": "*"}"#,
    r#"{"mode": "7777"}"#,
    r#"{"mode": "01777", "owner": null}"#,
    r#"{"mtime": "1994-11-06T09:49:37.123456789+01:00"}"#,
    r#"{"mtime": "1677-09-21T00:12:43.145224192Z"}"#,
    r#"{"mtime": "2262-04-11T23:47:16.854775807Z"}"#,
    r#"{"mtime": "3000-01-01T00:00:00Z"}"#,
    r#"{"mtime": "1969-12-31T23:59:59.999999999Z"}"#,
    r#"{}"#,
    r#"["b", null, null]"#,
    r#"{"name": "b", "destination": "/c"}"#,
    r#"{"name": "b", "mode": "0644"}"#,
    r#"{"name": "b", "name": "c"}"#,
    r#"{"name": "../b"}"#,
    r#"{"name": ".."}"#,
    r#"{"name": "b/c"}"#,
    r#"{"destination": "/x/../y"}"#,
    r#"{"destination": "y"}"#,
    r#"{"mode": "17777"}"#,
    r#"{"mode": 420}"#,
    r#"{"owner": ""}"#,
    r#"{"owner": "a\u0000b"}"#,
    r#"{"nmae": "c"}"#,
    r#"{"name": "b"} {}"#,
];

const TOKENS: [&str; 42] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "null",
    "true",
    "false",
    "0",
    "1e99",
    "\\u0000",
    "\\ud800",
    "\\u0085",
    "\\/",
    "ä",
    "/",
    "..",
    ".",
    "\"name\":\"b\"",
    "\"destination\":\"/a/b\"",
    "\"overwrite\":true",
    "\"create_parents\":true",
    "\"exchange\":true",
    "\"destination_if_match\":\"*\"",
    "\"backend\":\"/archive\"",
    "\"instance\":\"node-1\"",
    "\"mode\":\"0644\"",
    "\"owner\":\"bob\"",
    "\"group\":\"staff\"",
    "\"mtime\":\"2024-05-01T12:30:00Z\"",
    "777",
    "+01:00",
    "[Europe/Berlin]",
    ".5",
    "-",
    "T",
    "Z",
    "60",
    "9999",
];

const KEYS: [&str; 12] = [
    "name",
    "destination",
    "overwrite",
    "create_parents",
    "exchange",
    "destination_if_match",
    "backend",
    "instance",
    "mode",
    "owner",
    "group",
    "mtime",
];

fn wanted(body: &[u8]) -> Result<PatchKind> {
    let path = |text: &str| FilePath::parse(text).expect("a good path");
    let mounts = [path("/archive/deep"), path("/archive"), path("/")];
    let owner = |path: &FilePath| mounts.iter().find(|mount| path.is_within(mount)).cloned();
    let node = AttributesPatch {
        id: b"node-1",
        owner: &owner,
    };
    parse(body)?.wanted(&path("/d/a"), &node)
}

fn written(kind: &PatchKind) -> Value {
    match kind {
        PatchKind::Rename {
            destination,
            overwrite,
            create_parents,
        } => json!({
            "destination": destination,
            "overwrite": overwrite,
            "create_parents": create_parents,
        }),
        PatchKind::Exchange {
            destination,
            destination_if_match,
        } => json!({
            "destination": destination,
            "exchange": true,
            "destination_if_match": destination_if_match.as_ref().map(spelled),
        }),
        PatchKind::Change(change) => {
            let time = |nanoseconds: i64| {
                let time = Timestamp::from_nanosecond(nanoseconds.into());
                time.expect("in range").to_string()
            };
            json!({
                "mode": change.mode.map(|mode| format!("{mode:04o}")),
                "owner": change.owner,
                "group": change.group,
                "mtime": change.modified.map(time),
            })
        }
    }
}

/// As in a header.
fn spelled(etags: &Etags) -> String {
    match etags {
        Etags::Any => "*".into(),
        Etags::List(tags) => {
            let spelled = tags.iter().map(|one| {
                let weak = if one.weak { "W/" } else { "" };
                format!("{weak}\"{}\"", one.tag)
            });
            spelled.collect::<Vec<_>>().join(", ")
        }
    }
}

fn check_limits(kind: &PatchKind) {
    match kind {
        PatchKind::Rename { destination, .. } | PatchKind::Exchange { destination, .. } => {
            let again = FilePath::parse(destination.as_str());
            assert!(again.is_ok_and(|again| again == *destination));
        }
        PatchKind::Change(change) => {
            assert!(change.mode.is_none_or(|mode| mode <= MODE_BITS));
            for name in [&change.owner, &change.group].into_iter().flatten() {
                assert!((1..=255).contains(&name.len()) && !name.contains(char::is_control));
            }
            let is_nothing = change.mode.is_none()
                && change.owner.is_none()
                && change.group.is_none()
                && change.modified.is_none();
            assert!(!is_nothing);
        }
    }
}

#[test]
fn a_patch_asks_for_something_within_the_limits_or_is_refused() {
    let target = FuzzTarget::new("patch", 100_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS);
    target.run(|input, _| {
        let kind = match wanted(input) {
            Ok(kind) => kind,
            Err(problem) => {
                assert_eq!(problem.status().as_u16(), 400);
                return false;
            }
        };
        let fields: BTreeMap<String, Value> = serde_json::from_slice(input).expect("an object");
        assert!(fields.keys().all(|key| KEYS.contains(&key.as_str())));
        let is_given = |key: &str| fields.get(key).is_some_and(|value| !value.is_null());
        let is_rename = !matches!(kind, PatchKind::Change(_));
        assert_eq!(is_rename, is_given("name") || is_given("destination"));
        check_limits(&kind);
        let again = written(&kind);
        let kind = wanted(again.to_string().as_bytes()).expect("well-formed");
        assert_eq!(written(&kind), again);
        true
    });
}
