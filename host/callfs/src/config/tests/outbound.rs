//! Grants of origins and credentials, and slots.

use super::*;

/// A mount with these grants beside these slots.
fn outbound(grants: &str, slots: &str) -> String {
    format!("[[mount]]\npath = '/a'\ncomponent = 'x'\ngrants = {grants}\n{slots}")
}

const TOKEN: &str = "[credentials.t]\nkind = 'bearer'\ntoken = 'hush'\n";

#[test]
fn http_and_credentials_are_granted_together() {
    let grants = "{ http = ['https://One.test', { origin = 'http://two.test:9000', private = true \
                  }], credentials = ['t'] }";
    let slots = format!("{TOKEN}origins = ['http://two.test:9000', 'http://three.test']");
    let place = Place::new().with(
        "callfs.toml",
        &format!("{}\n{REST}", outbound(grants, &slots)),
    );
    let rules = &place.config().mounts[0].component.http;
    let shown: Vec<_> = rules
        .origins
        .iter()
        .map(|grant| (grant.origin.to_string(), grant.private))
        .collect();
    assert_eq!(
        shown,
        [
            ("https://one.test".into(), false),
            ("http://two.test:9000".into(), true)
        ]
    );
    assert_eq!(rules.slots[0].name, "t");
    assert_eq!(
        rules.slots[0].origins,
        [rules.origins[1].origin.clone()],
        "only what is meant and granted"
    );
    assert!(
        !format!("{:?}", place.config()).contains("hush"),
        "{:?}",
        place.config()
    );
    let lines = "[[authenticator]]\ncomponent = 'a'\ngrants = { http = ['http://id.test'], \
                 credentials = ['t'] }\n";
    let lines = format!("{lines}{TOKEN}[[mount]]\npath = '/'\ncomponent = 'm'\n");
    let rules = Place::new()
        .with("callfs.toml", &lines)
        .config()
        .authenticators
        .remove(0)
        .http;
    assert_eq!(
        rules.slots[0].origins[0].to_string(),
        "http://id.test",
        "the only one"
    );
}

#[test]
fn grants_of_what_is_not_there_or_not_meant_are_refused() {
    for (grants, slots, message) in [
        (
            "{ http = ['http://x/path'] }",
            "",
            "mount[0].grants.http[0]: 'http://x/path' has more than a scheme",
        ),
        (
            "{ http = ['http://u:p@x'] }",
            "",
            "mount[0].grants.http[0]: 'http://u:***@x' has a user name",
        ),
        (
            "{ http = ['x'] }",
            "",
            "mount[0].grants.http[0]: 'x' is no absolute http",
        ),
        (
            "{ http = [7] }",
            "",
            "mount[0].grants.http[0]: expected an origin",
        ),
        (
            "{ http = [{ origin = 'http://x', privat = true }] }",
            "",
            "grants.http[0].privat: unknown key; did you mean",
        ),
        (
            "{ http = [{ private = true }] }",
            "",
            "mount[0].grants.http[0].origin: missing",
        ),
        (
            "{ http = ['http://x', 'http://X:80'] }",
            "",
            "mount[0].grants.http[1]: http://x is granted twice",
        ),
        (
            "{ http = ['http://x'], credentials = ['tt'] }",
            TOKEN,
            "mount[0].grants.credentials[0]: there is no [credentials.tt]",
        ),
        (
            "{ credentials = ['t'] }",
            TOKEN,
            "mount[0].grants.credentials[0]: no origin is granted",
        ),
        (
            "{ http = ['http://x', 'http://y'], credentials = ['t'] }",
            TOKEN,
            "mount[0].grants.credentials[0]: several origins are granted; say in \
             credentials.t.origins",
        ),
        (
            "{ http = ['http://x'], credentials = ['t'] }",
            &format!("{TOKEN}origins = ['http://y']"),
            "mount[0].grants.credentials[0]: credentials.t.origins names none",
        ),
    ] {
        let refused = refused(&outbound(grants, slots));
        assert!(refused.contains(message), "{grants}: {refused}");
    }
    assert_eq!(
        refused("[authorizer]\ncomponent = 'x'\ngrants.http = ['http://x']"),
        "callfs.toml: authorizer.grants: unknown key; known keys: component, config, limits"
    );
    let directories = "[[authenticator]]\ncomponent = 'a'\ngrants.directories = [{ host = 'x' }]";
    assert!(
        refused(directories).contains("grants.directories: unknown key"),
        "{}",
        refused(directories)
    );
}

#[test]
fn slots_that_cannot_sign_are_refused_without_their_secret() {
    let aws = "region = 'r', access_key_id = 'a', secret_access_key = 'hush'";
    for (slot, message) in [
        (
            "{ token = 'hush' }".into(),
            "credentials.t.kind: missing; add one of aws-sigv4",
        ),
        (
            "{ kind = 'bearr', token = 'hush' }".into(),
            "credentials.t.kind: unknown value 'bearr'; did you mean 'bearer'?",
        ),
        ("{ kind = 'bearer' }".into(), "credentials.t.token: missing"),
        (
            "{ kind = 'bearer', tokn = 'hush' }".into(),
            "credentials.t.tokn: unknown key; did you mean 'token'?",
        ),
        (
            "{ kind = 'bearer', token = 7 }".into(),
            "credentials.t.token: expected a text",
        ),
        (
            "{ kind = 'bearer', token = \"sec\\nret\" }".into(),
            "credentials.t.token: cannot be sent in a header",
        ),
        (
            "{ kind = 'bearer', token = { env = 'CALLFS_TEST_NOT_SET' } }".into(),
            "credentials.t.token: the variable",
        ),
        (
            "{ kind = 'basic', user = 'a:b', password = 'hush' }".into(),
            "credentials.t.user: has a colon",
        ),
        (
            "{ kind = 'header', name = 'Host', value = 'hush' }".into(),
            "credentials.t.name: 'host' is set by the gateway",
        ),
        (
            "{ kind = 'header', name = 'a b', value = 'hush' }".into(),
            "credentials.t.name: is no name",
        ),
        (
            format!("{{ kind = 'aws-sigv4', {aws}, regoin = 'x' }}"),
            "credentials.t.regoin: unknown key; did you mean 'region'?",
        ),
        (
            format!("{{ kind = 'aws-sigv4', {aws}, service = 'a/b' }}"),
            "credentials.t.service: is empty, or",
        ),
        (
            "{ kind = 'bearer', token = 'hush', origins = [] }".into(),
            "credentials.t.origins: expected a list",
        ),
        (
            "{ kind = 'bearer', token = 'hush', origins = ['x'] }".into(),
            "credentials.t.origins: 'x' is no absolute",
        ),
    ] {
        let refused = refused(&format!("credentials.t = {slot}"));
        assert!(
            refused.starts_with("callfs.toml: ") && refused.contains(message),
            "{slot}: {refused}"
        );
        assert!(
            !refused.contains("hush") && !refused.contains("hu\nsh"),
            "{refused}"
        );
    }
}

#[test]
fn a_later_layer_replaces_a_secret_as_a_whole() {
    let slot = "[credentials.t]\nkind = 'bearer'\ntoken = { file = '/nowhere' }\n";
    let lines = format!(
        "{}\n{REST}",
        outbound("{ http = ['http://x'], credentials = ['t'] }", slot)
    );
    for (variable, token) in [
        ("{ env = 'TOKEN' }", "from-env"),
        ("007", "007"),
        ("true", "true"),
        ("plain", "plain"),
    ] {
        let place = Place::new()
            .with("callfs.toml", &lines)
            .with_variable("TOKEN", "from-env");
        let config = place
            .with_variable("CALLFS_CREDENTIALS__T__TOKEN", variable)
            .config();
        let credential = &config.mounts[0].component.http.slots[0].credential;
        assert_eq!(
            *credential,
            callfs_egress::SigningKey::Bearer {
                token: token.into()
            },
            "{variable}"
        );
    }
}

#[test]
fn slots_are_shown_without_their_secrets() {
    let slots = "[credentials.one]\nkind = 'header'\nname = 'x-key'\nvalue = 'hush'\norigins = \
                 ['http://x']\n\
                 [credentials.two]\nkind = 'aws-sigv4'\nregion = 'r'\naccess_key_id = 'id'\n\
                 secret_access_key = 'hush'\nsession_token = { env = 'NOT_SET_ANYWHERE' }\n\
                 [credentials.three]\nkind = 'basic'\nuser = 'u'\npassword = 'hush'\n";
    let shown = Place::new()
        .with("callfs.toml", &format!("{slots}\n{REST}"))
        .show();
    assert!(
        !shown.contains("'hush'") && !shown.contains("\"hush\""),
        "{shown}"
    );
    for line in [
        "[credentials.one]",
        r#"name = "x-key"  # callfs.toml"#,
        r#"value = "***"  # callfs.toml"#,
        r#"origins = ["http://x"]  # callfs.toml"#,
        r#"access_key_id = "id"  # callfs.toml"#,
        r#"secret_access_key = "***"  # callfs.toml"#,
        r#"session_token = "***"  # from the variable NOT_SET_ANYWHERE, said by callfs.toml"#,
        r#"password = "***"  # callfs.toml"#,
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "no {line} in\n{shown}"
        );
    }
}
