//! What `config show` prints, and that secrets are not in it.

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

#[test]
fn secrets_are_resolved_and_never_shown() {
    let mut place = Place::new();
    let kept = place.write("kept.key", "from-a-file\n");
    let content = format!(
        r#"
[[authenticator]]
component = "api-keys"
config.keys = [
  {{ user = "alice", key = {{ env = "ALICE_KEY" }} }},
  {{ user = "bob", key = {{ file = "{}" }} }},
]
config.nested.password = "in-the-file"
config.env = "not a reference"
[[mount]]
path = "/"
component = "localfs"
config.token = {{ env = "ALICE_KEY" }}
"#,
        kept.display()
    );
    place = place
        .with("callfs.toml", &content)
        .with_variable("ALICE_KEY", "from-a-variable");
    let config = place.config();
    let json: serde_json::Value =
        serde_json::from_str(&config.authenticators[0].config.to_json()).expect("JSON");
    assert_eq!(json["keys"][0]["key"], "from-a-variable");
    assert_eq!(json["keys"][1]["key"], "from-a-file");
    assert_eq!(json["env"], "not a reference");
    assert_eq!(
        config.mounts[0].component.config.to_json(),
        r#"{"token":"from-a-variable"}"#
    );

    let shown = place.show() + &format!("{config:?}");
    for secret in ["from-a-variable", "from-a-file", "in-the-file"] {
        assert!(!shown.contains(secret), "{secret} in\n{shown}");
    }
    assert!(
        shown.contains(
            "config.token = \"***\"  # from the variable ALICE_KEY, said by callfs.toml\n"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("config.nested.password = \"***\"  # callfs.toml\n"),
        "{shown}"
    );

    place.options.variables.remove("ALICE_KEY");
    assert_eq!(
        place.error(),
        "callfs.toml: authenticator[0].config.keys[0].key: the variable ALICE_KEY is not set; set \
         it"
    );
    place = place.with_variable("ALICE_KEY", "x");
    fs::remove_file(kept).expect("removed");
    let error = place.error();
    assert!(
        error
            .starts_with("callfs.toml: authenticator[0].config.keys[1].key: cannot read the file "),
        "{error}"
    );
    place.show();
}

#[test]
fn the_secret_of_links_is_never_shown() {
    let given = |lines: &str| Place::new().with("callfs.toml", &format!("{lines}\n{REST}"));
    let place = given("links.secret = 'in-the-file'\nserver.external_url = 'https://x.org/fs/'");
    let config = place.config();
    assert_eq!(config.links.secret, LinkSecret::Given("in-the-file".into()));
    assert_eq!(
        config.server.external_url.as_deref(),
        Some("https://x.org/fs")
    );
    assert!(
        place.show().contains("secret = \"***\"  # callfs.toml\n"),
        "{}",
        place.show()
    );
    assert!(!format!("{config:?}").contains("in-the-file"));
    let place = given("links.secret = { env = 'LINKS' }").with_variable("LINKS", "in-a-variable");
    assert_eq!(
        place.config().links.secret,
        LinkSecret::Given("in-a-variable".into())
    );
    assert!(
        place
            .show()
            .contains("secret = \"***\"  # from the variable LINKS, said by callfs.toml\n")
    );
    let place = given("links.secret = { file = 'absent' }");
    assert_eq!(
        place.config().links.secret,
        LinkSecret::Kept("absent".into()),
        "made at the start"
    );
}

#[test]
fn show_tells_the_origin_of_every_value_and_can_be_read_again() {
    let mut place = Place::new().with("callfs.toml", &format!("log.level = 'warn'\n{REST}"));
    place = place.with_variable("CALLFS_PLUGINS__LIMITS__INSTANCES", "3");
    place.options.listen = vec!["127.0.0.1:0".into()];
    let shown = place.show();
    for line in [
        r#"listen = ["127.0.0.1:0"]  # --listen"#,
        r#"level = "warn"  # callfs.toml"#,
        "limits.instances = 3  # CALLFS_PLUGINS__LIMITS__INSTANCES",
        r#"limits.memory = "64MiB"  # built-in default"#,
        r#"root.mode = "1777"  # built-in default"#,
        r#"component = "localfs"  # callfs.toml"#,
    ] {
        assert!(
            shown.lines().any(|other| other == line),
            "{line} is missing from\n{shown}"
        );
    }
    assert_eq!(
        Place::new().with("again.toml", &shown).config().log,
        place.config().log
    );
    let again = Place::new().with("again.toml", &shown).config();
    assert_eq!(again.server, place.config().server);
    assert_eq!(again.mounts, place.config().mounts);
}
