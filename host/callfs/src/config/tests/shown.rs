//! What `config show` prints of components.

use super::*;

#[test]
fn settings_of_components_are_shown_only_where_they_are_known_to_be_public() {
    let content = r#"
metadata = { store = "postgres", url = "postgres://u:s3cret-0@db/x?password=s3cret-1" }
[[authenticator]]
component = "api-keys"
config.keys = [ { user = "alice", groups = ["staff"], key = "s3cret-2" } ]
[authorizer]
component = "policies"
config.passwd = "s3cret-3"
config.dsn = "host=db password=s3cret-4"
config.pin = 73195
config.mirrors = ["https://u:s3cret-5@one.internal", "s3cret-6"]
config.deep.er = [ { user = "s3cret-7", at = [["s3cret-8"]] } ]
config.root = "s3cret-9"
[[mount]]
path = "/"
component = "s3"
config.bucket = "photos"
config.endpoint = "https://u:s3cret-a@s3.internal?X-Amz-Signature=s3cret-b"
config.kms_key_id = "s3cret-c"
config.typing_error = "s3cret-d"
"#;
    let shown = Place::new().with("callfs.toml", content).show();
    for secret in ["s3cret", "73195"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for public in [
        "alice",
        "staff",
        "photos",
        "postgres://u:***@db/x?password=***",
        "https://u:***@s3.internal?X-Amz-Signature=***",
        "config.typing_error = \"***\"  # callfs.toml\n",
    ] {
        assert!(shown.contains(public), "{public} is missing from\n{shown}");
    }
}

/// A setting that is commented out is there to be taken out of its comment.
#[test]
fn every_setting_of_the_default_file_has_lines_of_its_own() {
    let mut keys = Vec::new();
    for line in layers::TEMPLATE.lines() {
        let Some(setting) = line.strip_prefix("# ") else {
            continue;
        };
        let key = setting.split_once(" = ").map_or(setting, |(key, _)| key);
        let is_setting = key
            .chars()
            .all(|c| c.is_ascii_lowercase() || "_.[]".contains(c));
        if !is_setting || key.is_empty() {
            continue;
        }
        setting
            .parse::<toml::Table>()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        keys.push(key.trim_matches(['[', ']']));
    }
    for expected in [
        "external_url",
        "trusted_proxies",
        "cors",
        "per_ip",
        "per_identity",
        "store",
        "url",
        "connections",
        "prefix",
        "raft",
        "listen",
        "advertise",
        "bootstrap",
        "cluster",
        "secret",
        "dir",
        "cache_dir",
        "credentials.archive",
        "origins",
    ] {
        assert!(keys.contains(&expected), "{expected}: {keys:?}");
    }
}
