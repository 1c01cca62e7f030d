//! Configuration and command line.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::harness::{Gateway, Setup, command};

fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(dir)
        .args(arguments)
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// The same with the prepared configuration.
fn configured(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let config = dir.join("callfs.toml").display().to_string();
    run(dir, &[arguments, &["--config", &config]].concat())
}

fn empty() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_good_configuration_passes() {
    let dir = Setup::default().prepare();
    for word in ["check", "validate"] {
        let (code, _, stderr) = configured(dir.path(), &["config", word]);
        assert_eq!(code, 0, "{stderr}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_its_neighbour() {
    let dir = Setup::default().server(r#"max_uplaod = "1GiB""#).prepare();
    for arguments in [["config", "check"].as_slice(), &["serve"]] {
        let (code, _, stderr) = configured(dir.path(), arguments);
        assert_eq!(code, 78, "{stderr}");
        for word in ["server.max_uplaod", "max_upload", "callfs.toml"] {
            assert!(stderr.contains(word), "no {word} in {stderr}");
        }
    }
}

#[test]
fn an_ill_typed_value_is_named() {
    for (line, key) in [
        (r#"idle_timeout = "soon""#, "idle_timeout"),
        (r#"max_upload = "many""#, "max_upload"),
        ("idle_timeout = true", "idle_timeout"),
    ] {
        let dir = Setup::default().server(line).prepare();
        let (code, _, stderr) = configured(dir.path(), &["config", "check"]);
        assert_eq!(code, 78, "{line}: {stderr}");
        assert!(stderr.contains(key), "{line}: {stderr}");
    }
}

/// A configuration with a secret and a mistake.
struct LoudMistake {
    server: &'static str,
    more: &'static str,
    /// Its place, and what is wrong.
    said: &'static [&'static str],
}

#[test]
fn no_mistake_tells_a_secret() {
    let mistakes = [
        LoudMistake {
            server: "",
            more: "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = [ { user = \"a\", \
                   key = 73195 } ]",
            said: &["config.keys[0].key", "invalid type: integer `***`"],
        },
        LoudMistake {
            server: "",
            more: "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = \"hunter2\"",
            said: &["config.keys", "invalid type: string \"***\""],
        },
        LoudMistake {
            server: "cors = { origins = [\"https://u:hunter2@h\"] }",
            more: "",
            said: &[
                "server.cors.origins[0]",
                "'https://u:***@h' is not an origin",
            ],
        },
        LoudMistake {
            server: "external_url = \"ftp://u:hunter2@h\"",
            more: "",
            said: &["server.external_url", "ftp://u:***@h"],
        },
        LoudMistake {
            server: "",
            more: "[[mount]]\npath = \"/s\"\ncomponent = \"s3\"\ngrants.http = \
                   [\"https://u:hunter2@h/x\"]",
            said: &["mount[1].grants.http[0]", "'https://u:***@h/x'"],
        },
        LoudMistake {
            server: "",
            more: "[links]\nsecret = 73195",
            said: &["links.secret"],
        },
        LoudMistake {
            server: "",
            more: "[credentials.a]\nkind = \"bearer\"\ntoken = 73195",
            said: &["credentials.a.token"],
        },
        LoudMistake {
            server: "",
            more: "[links]\nsecret = \"hunter2",
            said: &["TOML parse error at line", "column", "invalid basic string"],
        },
        LoudMistake {
            server: "",
            more: "[[mount]]\npath = \"/x\"\ncomponent = \"localfs\"\nconfig.token = \
                   \"hunter2\"\ngrants.directories = [ { host = \"$DIR/second\" } ]",
            said: &["config.token", "unknown key"],
        },
    ];
    for LoudMistake { server, more, said } in mistakes {
        let dir = Setup::default().server(server).more(more).prepare();
        for arguments in [&["config", "check"][..], &["serve"]] {
            let (code, stdout, stderr) = configured(dir.path(), arguments);
            assert_eq!(code, 78, "{arguments:?} of {server}{more}: {stderr}");
            for secret in ["hunter2", "73195"] {
                let shown = [&stdout, &stderr].iter().any(|text| text.contains(secret));
                assert!(!shown, "{arguments:?} of {server}{more}: {stdout}{stderr}");
            }
            for part in said {
                assert!(
                    stderr.contains(part),
                    "{arguments:?}: no {part} in {stderr}"
                );
            }
        }
    }
}

#[test]
fn check_loads_every_component_as_serve_does_and_changes_nothing() {
    let wrong = [
        (
            "[[mount]]\npath = \"/x\"\ncomponent = \"no-such-thing\"",
            "no-such-thing",
        ),
        ("[[mount]]\npath = \"/x\"\ncomponent = \"localfs\"", "grant"),
        (
            "[[mount]]\npath = \"/x\"\ncomponent = \"localfs\"\nconfig.folder = \"other\"\n\
             grants.directories = [ { host = \"$DIR/second\" } ]",
            "other",
        ),
        (
            "[[mount]]\npath = \"/x\"\ncomponent = \"localfs\"\nconfig.fodler = \"/\"\n\
             grants.directories = [ { host = \"$DIR/second\" } ]",
            "fodler",
        ),
        ("[[mount]]\npath = \"/x\"\ncomponent = \"s3\"", "s3"),
        ("[[mount]]\npath = \"/x\"\ncomponent = \"unix\"", "unix"),
        (
            "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = [ { user = \"x\", key = \
             \"short\" } ]",
            "key",
        ),
    ];
    for (lines, word) in wrong {
        let dir = Setup::default().more(lines).prepare();
        fs::remove_dir(dir.path().join("files")).expect("removed");
        let said = [&["config", "check"][..], &["serve"]].map(|arguments| {
            let (code, _, stderr) = configured(dir.path(), arguments);
            assert_eq!(code, 78, "{arguments:?} of {lines}: {stderr}");
            assert!(stderr.contains(word), "{arguments:?} of {lines}: {stderr}");
            let error = stderr.lines().find(|line| line.starts_with("error: "));
            error.unwrap_or_default().to_owned()
        });
        assert_eq!(said[0], said[1], "{lines}");
    }
    // A folder that serve would make is no mistake, and is not made.
    let dir = Setup::default().prepare();
    fs::remove_dir(dir.path().join("files")).expect("removed");
    let before = fs::read_dir(dir.path()).expect("readable").count();
    let (code, _, stderr) = configured(dir.path(), &["config", "check"]);
    assert_eq!(code, 0, "{stderr}");
    let after = fs::read_dir(dir.path()).expect("readable").count();
    assert_eq!(before, after, "nothing is made");
}

#[test]
fn a_missing_or_broken_file_is_a_bad_configuration() {
    let dir = empty();
    let (code, _, stderr) = run(dir.path(), &["config", "check", "--config", "nowhere.toml"]);
    assert_eq!(code, 78, "{stderr}");
    assert!(stderr.contains("nowhere.toml"), "{stderr}");
    std::fs::write(dir.path().join("broken.toml"), "[server\nlisten = 1").expect("writable");
    let (code, _, stderr) = run(dir.path(), &["config", "check", "--config", "broken.toml"]);
    assert_eq!(code, 78, "{stderr}");
    assert!(stderr.contains("broken.toml"), "{stderr}");
}

#[test]
fn the_environment_comes_after_the_file_and_before_the_flags() {
    let dir = Setup::default().server(r#"max_upload = "5GiB""#).prepare();
    let config = dir.path().join("callfs.toml");
    let show = |upload: Option<&str>| {
        let mut command = command(dir.path());
        if let Some(upload) = upload {
            command.env("CALLFS_SERVER__MAX_UPLOAD", upload);
        }
        let output = command
            .args(["config", "show", "--config"])
            .arg(&config)
            .output()
            .expect("runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let line = |shown: String| {
        shown
            .lines()
            .find(|line| line.contains("max_upload"))
            .map(str::to_owned)
            .unwrap_or(shown)
    };
    let from_file = line(show(None));
    assert!(
        from_file.contains('5') && from_file.contains("callfs.toml"),
        "{from_file}"
    );
    let from_environment = line(show(Some("7MiB")));
    assert!(
        from_environment.contains('7') && from_environment.contains("CALLFS_SERVER__MAX_UPLOAD"),
        "{from_environment}"
    );
}

#[test]
fn show_masks_every_secret() {
    let dir = Setup::default().prepare();
    let (code, stdout, stderr) = configured(dir.path(), &["config", "show"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("api-keys") && stdout.contains("alice"),
        "{stdout}"
    );
    assert!(
        !stdout.contains("key-of-") && !stderr.contains("key-of-"),
        "{stdout}{stderr}"
    );
}

#[test]
fn the_default_is_a_configuration() {
    let dir = empty();
    let (code, default, stderr) = run(dir.path(), &["config", "default"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        default.contains("[server]") && default.contains('#'),
        "{default}"
    );
    std::fs::write(dir.path().join("default.toml"), default).expect("writable");
    let (code, _, stderr) = run(dir.path(), &["config", "show", "--config", "default.toml"]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn keys_are_generated_and_hashed() {
    let dir = empty();
    let generate = || {
        let (code, stdout, stderr) = run(dir.path(), &["key", "generate"]);
        assert_eq!(code, 0, "{stderr}");
        stdout.trim().to_owned()
    };
    let one = generate();
    let two = generate();
    assert_ne!(one, two);
    assert!(
        one.len() >= 32 && !one.contains(char::is_whitespace),
        "{one}"
    );
}

#[tokio::test]
async fn a_hashed_key_works_like_a_plain_one() {
    let dir = empty();
    let key = "a-key-that-is-only-kept-hashed";
    let (code, hash, stderr) = run(dir.path(), &["key", "hash", key]);
    assert_eq!(code, 0, "{stderr}");
    let hash = hash.trim();
    assert!(!hash.contains(key), "{hash}");
    let more = format!(
        "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = [ {{ user = \"dora\", key = \
         \"{hash}\" }} ]\n"
    );
    let gateway = Setup::default().more(&more).start().await;
    gateway
        .client(Some(key))
        .put("/dora.txt", "x")
        .await
        .is(201);
    assert_eq!(
        gateway
            .alice()
            .head("/dora.txt")
            .await
            .is(200)
            .header("x-callfs-owner"),
        "dora"
    );
    gateway
        .client(Some(hash))
        .get("/")
        .await
        .problem(401, "AUTHENTICATION_FAILED");
}

#[tokio::test]
async fn a_secret_may_come_from_a_file_or_the_environment() {
    let dir = Setup::default()
        .more(
            "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = [ { user = \"dora\", key \
             = { file = \"$DIR/dora.key\" } } ]\n",
        )
        .prepare();
    std::fs::write(dir.path().join("dora.key"), "the-key-of-dora-in-a-file\n").expect("writable");
    let gateway = Gateway::start_in(dir, &[]);
    gateway
        .client(Some("the-key-of-dora-in-a-file"))
        .get("/")
        .await
        .is(200);

    let missing = "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = [ { user = \
                   \"dora\", key = { env = \"NO_SUCH_NAME\" } } ]\n";
    let dir = Setup::default().more(missing).prepare();
    let (code, _, stderr) = configured(dir.path(), &["serve"]);
    assert_eq!(code, 78, "{stderr}");
    assert!(stderr.contains("NO_SUCH_NAME"), "{stderr}");
}

#[test]
fn a_secret_for_links_that_is_too_short_is_refused() {
    let dir = Setup::default()
        .more("[links]\nsecret = \"too-little\"\n")
        .prepare();
    let (code, _, stderr) = configured(dir.path(), &["serve"]);
    assert_eq!(code, 78, "{stderr}");
    assert!(
        stderr.contains("links.secret") && stderr.contains("32 characters"),
        "{stderr}"
    );
    assert!(!stderr.contains("too-little"), "{stderr}");
}

#[test]
fn a_key_that_is_too_short_is_refused() {
    let more = "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = [ { user = \"dora\", \
                key = \"short\" } ]\n";
    let dir = Setup::default().more(more).prepare();
    let (code, _, stderr) = configured(dir.path(), &["serve"]);
    assert_eq!(code, 78, "{stderr}");
    assert!(
        stderr.contains("16") && stderr.contains("keys[0]"),
        "{stderr}"
    );
    assert!(!stderr.contains("\"short\""), "{stderr}");
}

#[test]
fn version_and_help_are_data() {
    let dir = empty();
    let (code, stdout, stderr) = run(dir.path(), &["version"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains(env!("CARGO_PKG_VERSION")), "{stdout}");
    let (code, stdout, _) = run(dir.path(), &["--help"]);
    assert_eq!(code, 0);
    for word in ["serve", "config", "plugin", "key", "version"] {
        assert!(stdout.contains(word), "{stdout}");
    }
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    let dir = empty();
    for arguments in [
        ["no-such-command"].as_slice(),
        &["serve", "--no-such-flag"],
        &["config"],
    ] {
        let (code, stdout, stderr) = run(dir.path(), arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
    }
    let (code, _, stderr) = run(dir.path(), &["plugin", "inspect", "no-such-plugin"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("no-such-plugin"), "{stderr}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_failure_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let dir = Setup::default().prepare();
    let (code, _, stderr) = configured(dir.path(), &["serve", "--listen", &address]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains(&address), "{stderr}");
}

#[tokio::test]
async fn serve_has_its_old_name() {
    let dir = Setup::default().prepare();
    let config = dir.path().join("callfs.toml");
    let mut process = crate::harness::Process::start(
        command(dir.path()).args(["server", "--config"]).arg(config),
    );
    process.listens();
    assert!(process.runs());
}
