//! Credential slots: the gateway signs, the component never sees the secret, and the secret goes
//! nowhere else.

use std::process::Command;

use crate::harness::{Gateway, Mount, S3, Setup, Upstream, command, spelled};

/// A secret like no other text.
const SECRET: &str = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";
/// The same in base64, as basic authentication sends it: `user:SECRET`.
const BASIC: &str = "dXNlcjp3SmFsclhVdG5GRU1JLUs3TURFTkctYlB4UmZpQ1lFWEFNUExFS0VZ";

/// Slots of every kind, all granted to one mount with one origin.
fn every_kind(upstream: &Upstream) -> Setup {
    let mount = Mount::new("/caller", "caller")
        .with(&format!("grants.http = [\"{}\"]", upstream.origin()))
        .with(r#"grants.credentials = ["aws", "temporary", "bearer", "basic", "header"]"#);
    Setup::default()
        .plugin("caller", callfs_test_components::CALLER)
        .mount(Mount::folder("/", "files"))
        .mount(mount)
        .more(&format!(
            r#"
[credentials.aws]
kind = "aws-sigv4"
region = "us-east-1"
access_key_id = "AKIDEXAMPLE"
secret_access_key = {{ file = "$DIR/secret" }}
[credentials.temporary]
kind = "aws-sigv4"
region = "eu-central-1"
service = "execute-api"
access_key_id = "ASIAEXAMPLE"
secret_access_key = {{ file = "$DIR/secret" }}
session_token = "session-{SECRET}"
[credentials.bearer]
kind = "bearer"
token = "{SECRET}"
[credentials.basic]
kind = "basic"
user = "user"
password = "{SECRET}"
[credentials.header]
kind = "header"
name = "X-Api-Key"
value = "{SECRET}"
[credentials.other]
kind = "bearer"
token = "other"
"#
        ))
}

fn start(setup: Setup) -> Gateway {
    let dir = setup.prepare();
    std::fs::write(dir.path().join("secret"), format!("{SECRET}\n")).expect("writable");
    Gateway::start_in(dir, &[])
}

async fn refused(gateway: &Gateway, request: &str, reason: &str) -> String {
    let refused = async || {
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_http_refused_total", &[("reason", reason)])
    };
    let before = refused().await;
    let detail = gateway
        .admin()
        .get(&spelled(request))
        .await
        .detail(403, "PERMISSION_DENIED");
    assert!(refused().await > before, "{request}: {detail}");
    detail
}

#[tokio::test]
async fn every_kind_signs() {
    let upstream = Upstream::start().await;
    let gateway = start(every_kind(&upstream));
    let sent = async |slot: &str| {
        let target = format!("/{slot}");
        gateway
            .admin()
            .get(&spelled(&format!(
                "GET\n{slot}\n\n{}{target}",
                upstream.origin()
            )))
            .await
            .is(200);
        upstream.asked_for(&target).await
    };
    assert_eq!(
        sent("bearer").await.header("authorization"),
        format!("Bearer {SECRET}")
    );
    assert_eq!(
        sent("basic").await.header("authorization"),
        format!("Basic {BASIC}")
    );
    let header = sent("header").await;
    assert_eq!(
        (header.header("x-api-key"), header.header("authorization")),
        (SECRET, "")
    );
    let aws = sent("aws").await;
    assert!(
        aws.header("authorization")
            .starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{aws:?}"
    );
    assert!(
        aws.header("authorization")
            .contains("/us-east-1/s3/aws4_request"),
        "{aws:?}"
    );
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(aws.header("x-amz-content-sha256"), of_nothing);
    let temporary = sent("temporary").await;
    assert_eq!(
        temporary.header("x-amz-security-token"),
        format!("session-{SECRET}")
    );
    assert!(
        temporary
            .header("authorization")
            .contains("/eu-central-1/execute-api/aws4_request"),
        "{temporary:?}"
    );
}

/// `caller` before the bucket of an S3 server that verifies every signature.
fn before_a_bucket(s3: &S3) -> Setup {
    let mount = Mount::new("/caller", "caller")
        .with(&format!("grants.http = [\"{}\"]", s3.origin()))
        .with(r#"grants.credentials = ["archive"]"#);
    Setup::default()
        .plugin("caller", callfs_test_components::CALLER)
        .mount(mount)
}

#[tokio::test]
async fn a_real_server_takes_what_is_signed() {
    let s3 = S3::start();
    let gateway = S3::credentials(before_a_bucket(&s3)).start().await;
    let admin = gateway.admin();
    for path in [
        "plain",
        "a%20b",
        "a%2Bb",
        "100%25",
        "%252F",
        "%C3%BC/%F0%9F%A6%80",
        "~-._",
        "%21%2A%27%28%29",
    ] {
        let uri = format!("{}/archive/{path}", s3.origin());
        admin
            .put(
                &spelled(&format!("PUT\narchive\ncontent-type: text/plain\n\n{uri}")),
                "kept",
            )
            .await
            .is(200);
        let kept = admin
            .get(&spelled(&format!("GET\narchive\n\n{uri}?x-id=GetObject")))
            .await
            .is(200);
        assert_eq!(kept.body, b"kept", "{path}");
        let ranged = admin.get(&spelled(&format!(
            "GET\narchive\nrange: bytes=1-2\nx-amz-checksum-mode: ENABLED\n\n{uri}"
        )));
        assert_eq!(ranged.await.is(200).body, b"ep", "{path}");
    }
    let mut keys = [
        "plain", "a b", "a+b", "100%", "%2F", "ü/🦀", "~-._", "!*'()",
    ];
    keys.sort_unstable();
    assert_eq!(s3.keys(), keys);
    let listed = format!(
        "{}/archive?list-type=2&prefix=%C3%BC%2F&delimiter=%2F",
        s3.origin()
    );
    let listed = admin
        .get(&spelled(&format!("GET\narchive\n\n{listed}")))
        .await
        .is(200);
    assert!(
        listed.text().contains("<Key>ü/🦀</Key>"),
        "{}",
        listed.text()
    );
}

#[tokio::test]
async fn a_real_server_refuses_another_secret() {
    let s3 = S3::start();
    let gateway = S3::credential(before_a_bucket(&s3), "another")
        .start()
        .await;
    let request = format!("GET\narchive\n\n{}/archive/plain", s3.origin());
    let detail = gateway
        .admin()
        .get(&spelled(&request))
        .await
        .detail(502, "PLUGIN_FAILED");
    assert!(detail.contains("answered 403"), "{detail}");
}

#[tokio::test]
async fn only_granted_slots_sign_and_their_headers_are_theirs() {
    let upstream = Upstream::start().await;
    let gateway = start(every_kind(&upstream));
    let origin = upstream.origin();
    for slot in ["other", "none", "x\u{7f}\"y"] {
        let detail = refused(&gateway, &format!("GET\n{slot}\n\n{origin}/"), "credential").await;
        assert!(detail.contains("grants.credentials"), "{detail}");
    }
    for (slot, header) in [
        ("bearer", "authorization: Bearer mine"),
        ("basic", "Authorization: mine"),
        ("header", "x-api-key: mine"),
        ("header", "authorization: mine"),
        ("aws", "authorization: mine"),
        ("aws", "x-amz-date: 20130524T000000Z"),
        ("aws", "x-amz-security-token: mine"),
        ("aws", "x-amz-content-sha256: mine"),
        ("aws", "host: mine"),
    ] {
        let detail = refused(
            &gateway,
            &format!("GET\n{slot}\n{header}\n\n{origin}/"),
            "header",
        )
        .await;
        assert!(detail.contains("set by the gateway"), "{detail}");
    }
    assert!(upstream.asked().is_empty(), "{:?}", upstream.asked());
    // What a component knows by itself is its own affair.
    gateway
        .admin()
        .get(&spelled(&format!(
            "GET\n\nauthorization: mine\n\n{origin}/own"
        )))
        .await
        .is(200);
    assert_eq!(
        upstream.asked_for("/own").await.header("authorization"),
        "mine"
    );
}

#[tokio::test]
async fn a_secret_goes_only_where_it_was_meant_to_go() {
    let ours = Upstream::start().await;
    let theirs = Upstream::start().await;
    let our = ours.origin();
    let their = theirs.origin();
    let mount = Mount::new("/caller", "caller")
        .with(&format!("grants.http = [\"{our}\", \"{their}\"]"))
        .with(r#"grants.credentials = ["token"]"#);
    let slot = format!(
        "[credentials.token]\nkind = \"bearer\"\ntoken = \"{SECRET}\"\norigins = [\"{our}\"]"
    );
    let setup = Setup::default()
        .plugin("caller", callfs_test_components::CALLER)
        .mount(mount)
        .more(&slot);
    let gateway = setup.start().await;
    let detail = refused(&gateway, &format!("GET\ntoken\n\n{their}/"), "credential").await;
    assert!(detail.contains("credentials.token.origins"), "{detail}");
    assert_eq!(theirs.connections(), 0);
    // A redirect may go there, but without it, and without what the component said to the first
    // one.
    let request = |target: &str| {
        spelled(&format!(
            "GET\ntoken\ncookie: a=b\n\n{our}/redirect?{target}"
        ))
    };
    gateway
        .admin()
        .get(&request(&format!("{their}/there")))
        .await
        .is(200);
    let there = theirs.asked_for("/there").await;
    assert_eq!(
        (there.header("authorization"), there.header("cookie")),
        ("", ""),
        "{there:?}"
    );
    gateway.admin().get(&request("/here")).await.is(200);
    let here = ours.asked_for("/here").await;
    assert_eq!(
        (here.header("authorization"), here.header("cookie")),
        (&*format!("Bearer {SECRET}"), "a=b")
    );
}

#[tokio::test]
async fn the_secret_is_nowhere() {
    let upstream = Upstream::start().await;
    let setup = every_kind(&upstream)
        .limits("instances = 1")
        .top("log.level = \"debug\"\nlog.requests = true");
    let gateway = start(setup);
    let admin = gateway.admin();
    let origin = upstream.origin();
    let mut told = Vec::new();
    for slot in ["aws", "temporary", "bearer", "basic", "header"] {
        for target in [
            "/echo",
            "/missing",
            "/garbage",
            "/reset",
            "/redirect?/there",
            "/redirect?http://example.org/",
        ] {
            told.push(
                admin
                    .get(&spelled(&format!("GET\n{slot}\n\n{origin}{target}")))
                    .await
                    .body,
            );
        }
        told.push(
            admin
                .get(&spelled(&format!(
                    "GET\n{slot}\nauthorization: x\n\n{origin}/"
                )))
                .await
                .body,
        );
        told.push(
            admin
                .put(&spelled(&format!("PUT\n{slot}\n\n{origin}/kept")), "body")
                .await
                .body,
        );
    }
    let signed = upstream.asked();
    let uses = |name: &str, value: &str| {
        signed
            .iter()
            .filter(|asked| asked.header(name).contains(value))
            .count()
    };
    assert!(
        uses("authorization", SECRET) > 3
            && uses("authorization", BASIC) > 3
            && uses("x-api-key", SECRET) > 3
    );
    assert!(
        uses("authorization", "AKIDEXAMPLE") > 3 && uses("x-amz-security-token", SECRET) > 3,
        "it was used"
    );

    let memory = admin.get("/caller/memory").await.is(200).body;
    assert!(
        memory.len() > 1 << 20,
        "{} bytes are not the memory of an instance",
        memory.len()
    );
    // Whoever looks finds what is there: what the guest sent, and what it got.
    for known in [
        format!("{origin}/kept"),
        "sends requests on demand".into(),
        "content-length".into(),
    ] {
        assert!(
            contains(&memory, known.as_bytes()),
            "no {known} in the memory"
        );
    }
    told.push(memory);
    let output = |arguments: &[&str]| {
        let mut command: Command = command(&gateway.path(""));
        let output = command
            .args(arguments)
            .arg("--config")
            .arg(gateway.path("callfs.toml"))
            .output()
            .expect("runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        [output.stdout, output.stderr].concat()
    };
    let shown = output(&["config", "show"]);
    assert!(
        contains(&shown, b"[credentials.aws]") && contains(&shown, b"AKIDEXAMPLE"),
        "{}",
        String::from_utf8_lossy(&shown)
    );
    told.extend([
        shown,
        output(&["config", "check"]),
        output(&["plugin", "inspect", "caller"]),
    ]);
    told.push(gateway.metrics_text().await.into_bytes());
    gateway.logged("refused a request").await;
    let log = gateway.log();
    assert!(
        log.contains("DEBUG") && log.contains("refused a request"),
        "{log}"
    );
    told.push(log.into_bytes());
    for place in told {
        for secret in [SECRET, BASIC] {
            let leaked = contains(&place, secret.as_bytes());
            assert!(
                !leaked,
                "the secret is in {}",
                String::from_utf8_lossy(&place[..place.len().min(2000)])
            );
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
