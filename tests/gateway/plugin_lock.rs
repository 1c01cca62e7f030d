//! `plugins.lock`: what was accepted starts, what differs does not, and `callfs plugin accept`
//! shows and records it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::{Gateway, Mount, Process, Setup, command, marked, sha256_hex, tool};

const EDITION: &[u8] = callfs_test_components::EDITION;

/// `edition` and `flat`, both from the folder.
fn setup() -> Setup {
    Setup::default()
        .plugin("edition", EDITION)
        .plugin("flat", callfs_test_components::FLAT)
        .mount(Mount::folder("/", "files"))
        .mount(Mount::new("/edition", "edition"))
        .mount(Mount::new("/flat", "flat").granting("second"))
        .mount(Mount::new("/flat/below", "flat").with(
            r#"grants.directories = [
  { host = "$DIR/third", guest = "/", access = "read-only" }
]"#,
        ))
}

fn accepting(dir: &Path, arguments: &[&str]) -> Command {
    let mut accept = command(dir);
    accept
        .args(["plugin", "accept"])
        .args(arguments)
        .arg("--config")
        .arg(dir.join("callfs.toml"));
    accept.stdin(std::process::Stdio::null());
    accept
}

fn accept(dir: &Path, arguments: &[&str]) -> Output {
    accepting(dir, arguments).output().expect("runs")
}

#[track_caller]
fn accepted(dir: &Path, arguments: &[&str]) -> String {
    let output = accept(dir, arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn lock(dir: &Path) -> String {
    fs::read_to_string(dir.join("plugins/plugins.lock")).unwrap_or_default()
}

#[track_caller]
fn edit(dir: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(dir.join(file)).expect("readable");
    assert!(text.contains(from), "there is no {from} in {text}");
    fs::write(dir.join(file), text.replacen(from, to, 1)).expect("writable");
}

/// The prepared folder of a gateway whose components were all accepted.
fn pinned() -> TempDir {
    let dir = setup().prepare();
    accepted(dir.path(), &["--yes"]);
    dir
}

/// What a gateway says that does not start.
#[track_caller]
fn refused(dir: &Path) -> String {
    let mut serve = command(dir);
    let mut process = Process::start(
        serve
            .args(["serve", "--config"])
            .arg(dir.join("callfs.toml")),
    );
    let status = process.wait();
    let said = process.stderr();
    assert_eq!(status.code(), Some(78), "{said}");
    said
}

#[tokio::test]
async fn without_a_lock_nothing_is_pinned_and_that_is_said_once() {
    let gateway = setup().start().await;
    gateway.logged("no component is pinned").await;
    gateway
        .reloaded("ok", async || {
            gateway.install("edition", &marked(EDITION, "new"))
        })
        .await;
    assert_eq!(gateway.log().matches("no component is pinned").count(), 1);
}

#[tokio::test]
async fn what_was_accepted_starts_and_so_does_what_has_less() {
    let dir = pinned();
    let text = lock(dir.path());
    for part in [
        "# What each component",
        "[component.edition]",
        &format!("sha256 = \"{}\"", sha256_hex(EDITION)),
        "version = \"1.0.0\"",
        "\"callfs:plugin/directories@0.1.0\",",
        "[component.flat.grants.directories]\n\"/\" = \"read-write\"",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(
        !text.contains("localfs") && !text.contains("api-keys"),
        "{text}"
    );
    edit(
        dir.path(),
        "callfs.toml",
        "/second\", guest = \"/\", access = \"read-write\"",
        "/second\", access = \"read-only\"",
    );
    let gateway = Gateway::start_in(dir, &[]);
    assert!(
        !gateway.log().contains("no component is pinned"),
        "{}",
        gateway.log()
    );
    gateway.alice().get("/edition/says").await.is(200);
    gateway.alice().get("/flat").await.is(200);
}

#[test]
fn another_component_is_refused_with_both_digests_and_what_to_do() {
    let dir = pinned();
    let other = marked(EDITION, "other");
    fs::write(dir.path().join("plugins/edition.wasm"), &other).expect("writable");
    let said = refused(dir.path());
    for part in [
        "'edition'",
        "plugins.lock",
        &sha256_hex(EDITION),
        &sha256_hex(&other),
        "callfs plugin accept edition",
    ] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    accepted(dir.path(), &["edition", "--yes"]);
    drop(Gateway::start_in(dir, &[]));
}

#[test]
fn what_is_not_accepted_is_refused_before_anything_is_compiled() {
    // None of these is a component: compiling one would be another error.
    for (file, content) in [
        ("edition", b"one changed byte".as_slice()),
        ("flat", b""),
        ("flat", b"\0asm\x0d\0\x01\0 cut short"),
    ] {
        let dir = pinned();
        fs::write(dir.path().join(format!("plugins/{file}.wasm")), content).expect("writable");
        let said = refused(dir.path());
        for part in [
            &format!("the plugin '{file}' is not what plugins.lock says"),
            &sha256_hex(content),
            &format!("callfs plugin accept {file}"),
        ] {
            assert!(said.contains(part), "no {part} in {said}");
        }
    }
}

#[test]
fn one_that_was_never_accepted_is_refused() {
    let dir = setup().prepare();
    accepted(dir.path(), &["flat", "--yes"]);
    assert!(!lock(dir.path()).contains("edition"));
    let said = refused(dir.path());
    assert!(
        said.contains("'edition'") && said.contains("it is not there"),
        "{said}"
    );
}

#[test]
fn more_imports_are_refused() {
    let dir = pinned();
    edit(
        dir.path(),
        "plugins/plugins.lock",
        "    \"callfs:plugin/directories@0.1.0\",\n",
        "",
    );
    let said = refused(dir.path());
    assert!(
        said.contains("+ imports callfs:plugin/directories@0.1.0"),
        "{said}"
    );
}

#[test]
fn more_grants_are_refused() {
    let dir = pinned();
    edit(
        dir.path(),
        "plugins/plugins.lock",
        "\"/\" = \"read-write\"",
        "\"/\" = \"read-only\"",
    );
    let said = refused(dir.path());
    assert!(
        said.contains("+ is granted the folder / read-write"),
        "{said}"
    );
    let dir = pinned();
    edit(
        dir.path(),
        "callfs.toml",
        "access = \"read-only\" }",
        "access = \"read-only\" }, { host = \"hostile\", guest = \"/more\" }",
    );
    let said = refused(dir.path());
    assert!(
        said.contains("+ is granted the folder /more read-write"),
        "{said}"
    );
    assert_eq!(
        accepted(dir.path(), &["--yes"]),
        "flat\n  + is granted the folder /more read-write\n"
    );
    drop(Gateway::start_in(dir, &[]));
}

#[test]
fn origins_and_credentials_are_pinned() {
    let slot =
        "[credentials.archive]\nkind = \"bearer\"\ntoken = { env = \"NOT_SET_WHILE_ACCEPTING\" }\n";
    let mount =
        Mount::new("/caller", "caller").with(r#"grants.http = [ "https://files.example.org" ]"#);
    let caller = Setup::default().plugin("caller", callfs_test_components::CALLER);
    let dir = caller
        .mount(Mount::folder("/", "files"))
        .mount(mount)
        .more(slot)
        .prepare();
    accepted(dir.path(), &["--yes"]);
    assert!(
        lock(dir.path()).contains("\"https://files.example.org\" = \"public\""),
        "{}",
        lock(dir.path())
    );
    edit(
        dir.path(),
        "callfs.toml",
        r#"[ "https://files.example.org" ]"#,
        "[ { origin = \"https://files.example.org\", private = true }, \"http://127.0.0.1:9\" \
         ]\ngrants.credentials = [ \"archive\" ]",
    );
    edit(
        dir.path(),
        "callfs.toml",
        "kind = \"bearer\"",
        "kind = \"bearer\"\norigins = [ \"https://files.example.org\" ]",
    );
    let shown = String::from_utf8_lossy(&accept(dir.path(), &[]).stdout).into_owned();
    let expected = "caller\n  - is granted requests to https://files.example.org\n  \
                    + is granted requests to http://127.0.0.1:9\n  \
                    + is granted requests to https://files.example.org at any address\n  \
                    + is granted the credential archive\n";
    assert_eq!(shown, expected);
    edit(
        dir.path(),
        "callfs.toml",
        "{ env = \"NOT_SET_WHILE_ACCEPTING\" }",
        "\"a-secret-token\"",
    );
    let said = refused(dir.path());
    assert!(
        said.contains("+ is granted the credential archive") && !said.contains("a-secret-token"),
        "{said}"
    );
}

#[test]
fn a_broken_lock_is_refused() {
    let dir = pinned();
    fs::write(
        dir.path().join("plugins/plugins.lock"),
        "[component.edition",
    )
    .expect("writable");
    let said = refused(dir.path());
    assert!(said.contains("plugins.lock is broken"), "{said}");
    let output = accept(dir.path(), &["--yes"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert_eq!(
        lock(dir.path()),
        "[component.edition",
        "what cannot be read is not replaced"
    );
}

#[test]
fn without_a_terminal_accepting_only_shows() {
    let dir = setup().prepare();
    let output = accept(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&output.stdout);
    for part in [
        "edition\n  + sha256 ",
        "flat\n",
        "  + imports callfs:plugin/directories@0.1.0",
        "folder / read-write",
    ] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
    assert!(!dir.path().join("plugins/plugins.lock").exists());
}

#[test]
fn accepting_is_of_names_or_of_all_and_always_writes_alike() {
    let dir = setup().prepare();
    fs::write(dir.path().join("plugins/unused.wasm"), EDITION).expect("writable");
    let first = accept(dir.path(), &["edition", "--yes"]);
    let said = String::from_utf8_lossy(&first.stderr);
    assert!(
        first.status.success() && said.contains("'flat' is used and will be refused"),
        "{said}"
    );
    accepted(dir.path(), &["flat", "--yes"]);
    let both = lock(dir.path());
    let again = accept(dir.path(), &["--yes"]);
    assert!(
        again.status.success() && again.stdout.is_empty(),
        "{again:?}"
    );
    assert_eq!(lock(dir.path()), both);
    let added = accepted(dir.path(), &["--all", "--yes"]);
    assert!(added.starts_with("unused\n  + sha256"), "{added}");
    fs::remove_file(dir.path().join("plugins/unused.wasm")).expect("removed");
    let removed = accepted(dir.path(), &["--all", "--yes"]);
    assert!(removed.starts_with("unused\n  - sha256"), "{removed}");
    assert_eq!(lock(dir.path()), both);
    for (arguments, code) in [
        (&["nothing"] as &[&str], 2),
        (&["edition", "--all"], 2),
        (&["localfs"], 2),
    ] {
        assert_eq!(
            accept(dir.path(), arguments).status.code(),
            Some(code),
            "{arguments:?}"
        );
    }
    fs::write(
        dir.path().join("plugins/edition.wasm"),
        b"nothing of the kind",
    )
    .expect("writable");
    assert_eq!(accept(dir.path(), &["--yes"]).status.code(), Some(78));
    assert_eq!(lock(dir.path()), both);
}

#[test]
fn on_a_terminal_people_are_asked() {
    let dir = setup().prepare();
    for (answer, recorded) in [("n", false), ("", false), ("y", true)] {
        let Some(mut script) = tool("script") else {
            return;
        };
        let accept = format!(
            "{:?} plugin accept --config callfs.toml",
            env!("CARGO_BIN_EXE_callfs")
        );
        for (name, value) in command(dir.path()).get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        let mut script = script
            .current_dir(dir.path())
            .args(["-qec", &accept, "/dev/null"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("starts");
        std::io::Write::write_all(
            &mut script.stdin.take().expect("piped"),
            format!("{answer}\n").as_bytes(),
        )
        .expect("read");
        let output = script.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("[y/N]") && said.contains("+ sha256"),
            "{said}"
        );
        assert_eq!(
            output.status.code(),
            Some(if recorded { 0 } else { 1 }),
            "{said}"
        );
        assert_eq!(dir.path().join("plugins/plugins.lock").exists(), recorded);
    }
}

#[tokio::test]
async fn a_lock_that_goes_away_lets_nothing_in() {
    let gateway = Gateway::start_in(pinned(), &[]);
    let other = marked(EDITION, "other");
    gateway
        .reloaded("refused", async || gateway.install("edition", &other))
        .await;
    gateway
        .reloaded("refused", async || {
            fs::remove_file(gateway.path("plugins/plugins.lock")).expect("removed")
        })
        .await;
    gateway.logged("plugins.lock is gone").await;
    let serves = gateway
        .metrics()
        .await
        .sum("callfs_plugin_info", &[("sha256", &sha256_hex(&other))]);
    assert_eq!(serves, 0.0);
    gateway.alice().get("/edition/says").await.is(200);
    gateway
        .reloaded("ok", async || drop(accepted(&gateway.path(""), &["--yes"])))
        .await;
}

#[tokio::test]
async fn a_running_gateway_takes_what_was_accepted() {
    let gateway = Gateway::start_in(pinned(), &[]);
    let other = marked(EDITION, "other");
    gateway
        .reloaded("refused", async || gateway.install("edition", &other))
        .await;
    let line = gateway.logged("plugins.lock").await;
    assert!(
        line.contains(&sha256_hex(&other)) && line.contains("callfs plugin accept edition"),
        "{line}"
    );
    let serves = async |component: &[u8]| {
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_info", &[("sha256", &sha256_hex(component))])
    };
    assert_eq!((serves(EDITION).await, serves(&other).await), (1.0, 0.0));
    gateway
        .reloaded("ok", async || drop(accepted(&gateway.path(""), &["--yes"])))
        .await;
    assert_eq!((serves(EDITION).await, serves(&other).await), (0.0, 1.0));

    // Settings that were refused are tried again when they are accepted.
    gateway.rewrite(
        "access = \"read-only\" }",
        "access = \"read-only\" }, { host = \"hostile\", guest = \"/more\" }",
    );
    gateway
        .reloaded("refused", async || gateway.hang_up())
        .await;
    gateway
        .reloaded("ok", async || drop(accepted(&gateway.path(""), &["--yes"])))
        .await;
    gateway.logged("mount /flat/below").await;
}
