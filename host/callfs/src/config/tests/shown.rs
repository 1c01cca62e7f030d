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
