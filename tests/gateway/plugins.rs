//! Components are really in the path: granted, counted, replaced, refused.

use std::process::Command;

use crate::harness::{Gateway, Mount, Process, Setup, command};

/// Starts what cannot start; answers its exit code and what it said.
fn refused(setup: Setup) -> (i32, String) {
    let dir = setup.prepare();
    let mut command = command(dir.path());
    let mut process = Process::start(
        command
            .arg("serve")
            .arg("--config")
            .arg(dir.path().join("callfs.toml")),
    );
    let status = process.wait();
    let said = process.stderr();
    (status.code().unwrap_or(-1), said)
}

#[tokio::test]
async fn localfs_without_its_grant_is_refused_with_the_name_of_the_grant() {
    let (code, said) = refused(Setup::default().mount(Mount::new("/", "localfs")));
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("localfs") && said.contains("grants.directories"),
        "{said}"
    );
}

#[tokio::test]
async fn a_component_that_sends_requests_is_refused_with_the_line_to_add() {
    let caller = Setup::default()
        .plugin("caller", callfs_test_components::CALLER)
        .mount(Mount::new("/", "caller"));
    let (code, said) = refused(caller);
    assert_eq!(code, 78, "{said}");
    for word in [
        "caller",
        "callfs:plugin/http@",
        "grants.http = [ \"https://",
        "[[mount]]",
    ] {
        assert!(said.contains(word), "no {word} in {said}");
    }
}

#[tokio::test]
async fn a_component_that_opens_sockets_is_refused_by_the_name_of_what_it_wants() {
    let mount = Mount::new("/", "sockets")
        .granting("files")
        .with(r#"grants.http = ["http://127.0.0.1:9"]"#);
    let (code, said) = refused(
        Setup::default()
            .plugin("sockets", callfs_test_components::SOCKETS)
            .mount(mount),
    );
    assert_eq!(code, 78, "{said}");
    for word in ["sockets", "wasi:sockets/", "does not offer"] {
        assert!(said.contains(word), "no {word} in {said}");
    }
}

#[tokio::test]
async fn a_missing_component_is_named_with_those_there_are() {
    let (code, said) = refused(Setup::default().mount(Mount::new("/", "locafs").granting("files")));
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("'locafs'") && said.contains("localfs"),
        "{said}"
    );
}

#[tokio::test]
async fn an_authenticator_is_no_storage() {
    let (code, said) =
        refused(Setup::default().mount(Mount::new("/", "api-keys").with("config.keys = []")));
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("api-keys") && said.contains("storage"),
        "{said}"
    );
}

#[tokio::test]
async fn a_storage_is_no_authorizer() {
    let (code, said) = refused(Setup::default().authorizer("localfs"));
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("localfs") && said.contains("authorizer"),
        "{said}"
    );
}

#[tokio::test]
async fn a_component_of_a_newer_contract_is_told_which_one_this_is() {
    let newer = Setup::default()
        .plugin("newer", callfs_test_components::NEWER)
        .mount(Mount::new("/", "newer"));
    let (code, said) = refused(newer);
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("newer") && said.contains("0.2.0") && said.contains("0.1"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_not_a_component_is_refused() {
    let broken = Setup::default()
        .plugin("broken", b"\0asm this is not a component")
        .mount(Mount::new("/", "broken"));
    let (code, said) = refused(broken);
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("broken"), "{said}");
}

#[tokio::test]
async fn a_key_that_the_component_does_not_know_is_named() {
    let (code, said) =
        refused(Setup::default().mount(Mount::folder("/", "files").with(r#"config.fodler = "/""#)));
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("localfs") && said.contains("fodler"),
        "{said}"
    );
}

#[tokio::test]
async fn calls_are_counted() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    let by_everyone = gateway.metrics().await;
    for plugin in ["api-keys", "unix"] {
        assert!(
            by_everyone.sum("callfs_plugin_calls_total", &[("plugin", plugin)]) >= 1.0,
            "{plugin}"
        );
    }
}

#[tokio::test]
async fn a_component_in_the_folder_replaces_the_built_in_of_its_name() {
    let gateway = Setup::default()
        .plugin("localfs", callfs_test_components::CONSTANT)
        .start()
        .await;
    std::fs::write(gateway.path("files/on-disk.txt"), "x").expect("writable");
    assert_eq!(
        gateway.alice().get("/whoami.txt").await.is(200).body,
        b"a third-party component\n"
    );
    assert_eq!(
        gateway.alice().get("/").await.is(200).entries("name"),
        ["whoami.txt"]
    );
    gateway
        .alice()
        .get("/on-disk.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn the_plugins_flag_names_the_folder() {
    let dir = Setup::default().prepare();
    std::fs::create_dir(dir.path().join("others")).expect("a folder");
    std::fs::write(
        dir.path().join("others/localfs.wasm"),
        callfs_test_components::CONSTANT,
    )
    .expect("writable");
    let others = dir.path().join("others").display().to_string();
    let gateway = Gateway::start_in(dir, &["--plugins", &others]);
    assert_eq!(
        gateway.alice().get("/whoami.txt").await.is(200).body,
        b"a third-party component\n"
    );
}

#[tokio::test]
async fn the_command_line_lists_and_inspects() {
    let dir = Setup::default()
        .plugin("hostile", callfs_test_components::HOSTILE)
        .prepare();
    let run = |arguments: &[&str]| {
        let mut command: Command = command(dir.path());
        let output = command
            .args(arguments)
            .arg("--config")
            .arg(dir.path().join("callfs.toml"))
            .output()
            .expect("runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let list = run(&["plugin", "list"]);
    for name in ["localfs", "api-keys", "unix", "owner", "s3", "hostile"] {
        assert!(list.contains(name), "{list}");
    }
    let localfs = run(&["plugin", "inspect", "localfs"]);
    for word in ["localfs", "storage", "directories", "folder", "sha256"] {
        assert!(localfs.contains(word), "no {word} in {localfs}");
    }
    assert!(run(&["plugin", "inspect", "hostile"]).contains("0.0.1"));
}
