//! `callfs plugin check`: every component of this repository keeps what it claims, and one that
//! does not is found out.
//!
//! Another backend joins as a line in `the_backends_keep_what_they_claim`, with the configuration
//! and the grants that it needs; what it talks to is started there.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{ALICE_KEY, Mount, Process, Setup, command, eventually_now};

/// A folder with components of tests in `plugins` and empty folders to serve.
fn place() -> TempDir {
    let components = Setup::default()
        .plugin("broken", callfs_test_components::BROKEN)
        .plugin("constant", callfs_test_components::CONSTANT)
        .plugin("flat", callfs_test_components::FLAT);
    components.prepare()
}

/// `callfs plugin check`: exit code, stdout, stderr. `$DIR` in an argument is the folder.
fn check(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let arguments = arguments
        .iter()
        .map(|argument| argument.replace("$DIR", &dir.display().to_string()));
    let mut command = command(dir);
    let command = command
        .args(["plugin", "check", "--plugins", "plugins"])
        .args(arguments);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// The report, and the exit code.
fn report(dir: &Path, arguments: &[&str]) -> (i32, Value) {
    let (code, stdout, stderr) = check(dir, &[arguments, &["--json"]].concat());
    (
        code,
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}")),
    )
}

fn names(report: &Value, outcome: &str) -> Vec<String> {
    let checks = report["checks"].as_array().expect("checks").iter();
    checks
        .filter(|one| one["outcome"] == outcome)
        .map(|one| one["name"].as_str().expect("a name").into())
        .collect()
}

/// All that a component claims holds, and nothing that a name begins with `callfs-check-` is left
/// in the folder.
#[track_caller]
fn keeps_what_it_claims(dir: &Path, arguments: &[&str], not_claimed: usize) -> Value {
    let (code, report) = report(dir, arguments);
    assert_eq!(code, 0, "{:#}", report["checks"]);
    assert_eq!(names(&report, "fails"), Vec::<String>::new());
    assert_eq!(
        names(&report, "not-claimed").len(),
        not_claimed,
        "{:#}",
        report["checks"]
    );
    assert_eq!(report["left_behind"], Value::Null);
    report
}

fn is_empty(folder: &Path) -> bool {
    let left = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name());
    left.filter(|name| name.to_string_lossy() != ".callfs-staging")
        .count()
        == 0
}

#[test]
fn the_backends_keep_what_they_claim() {
    let dir = place();
    for (component, config, not_claimed) in [
        ("localfs", "", 0),
        ("flat", "", 12),
        // Carries out its writes by itself, which nobody else does.
        ("broken", "sin = \"none\"", 4),
    ] {
        let grant = "directories=$DIR/files:/";
        let report = keeps_what_it_claims(
            dir.path(),
            &[component, "--config", config, "--grant", grant],
            not_claimed,
        );
        assert_eq!(
            (&report["component"], &report["kind"]),
            (&component.into(), &"storage".into())
        );
        let latencies = report["latencies"].as_array().expect("latencies");
        assert!(
            latencies
                .iter()
                .any(|one| one["operation"] == "stat" && one["count"].as_u64() > Some(100)),
            "{latencies:?}"
        );
        assert!(report["throughput"][0]["bytes_per_second"].as_f64() > Some(0.0));
    }
}

#[test]
fn what_can_only_be_read_is_checked_on_what_is_there() {
    let dir = place();
    keeps_what_it_claims(dir.path(), &["constant"], 1);
    std::fs::create_dir_all(dir.path().join("files/a/b")).expect("writable");
    for name in ["a/x", "a-b", "a/b/c"] {
        std::fs::write(dir.path().join("files").join(name), name.repeat(1000)).expect("writable");
    }
    let grant = "directories=$DIR/files:/:read-only";
    keeps_what_it_claims(dir.path(), &["localfs", "--grant", grant, "--read-only"], 0);
    keeps_what_it_claims(
        dir.path(),
        &[
            "flat",
            "--grant",
            "directories=$DIR/files/a/b:/",
            "--read-only",
        ],
        1,
    );
    // It could write, were it allowed to: that it cannot is told, and nothing is changed.
    let (code, _, stderr) = check(dir.path(), &["localfs", "--grant", grant]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("nothing was checked") && stderr.contains("read-only"),
        "{stderr}"
    );
}

#[test]
fn those_who_know_callers_and_rights_keep_what_they_claim() {
    let dir = place();
    let keys = r#"{"keys": [{"user": "alice", "key": {"env": "ALICE"}}]}"#;
    let mut with_key = command(dir.path());
    let with_key = with_key
        .env("ALICE", ALICE_KEY)
        .args(["plugin", "check", "api-keys", "--config", keys]);
    let credential = format!("bearer:{ALICE_KEY}");
    let output = with_key
        .args(["--credential", &credential, "--json"])
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}\n{said}");
    assert!(
        report.contains("known-credential") && !report.contains(ALICE_KEY),
        "{report}"
    );

    keeps_what_it_claims(dir.path(), &["api-keys", "--config", "keys = []"], 2);
    keeps_what_it_claims(dir.path(), &["unix"], 0);
    keeps_what_it_claims(dir.path(), &["owner", "--kind", "authorizer"], 0);

    let (code, stdout, _) = check(
        dir.path(),
        &[
            "api-keys",
            "--config",
            "keys = []",
            "--credential",
            "bearer:somebody-else-0123",
        ],
    );
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("FAILS        known-credential"), "{stdout}");
}

#[test]
fn every_sin_is_found_by_the_check_of_its_name() {
    let dir = place();
    for (sin, check_name) in [
        ("wrong-order", "listing-order"),
        ("duplicate-names", "listing-order"),
        ("one-page", "listing-pages"),
        ("non-atomic-write", "cut-upload"),
        ("ignores-range", "ranges"),
        ("shifts-range", "ranges"),
        ("lies-on-size", "attributes-agree"),
        ("ignores-condition", "write-absent"),
        ("ignores-condition", "write-etag"),
        ("ignores-condition", "read-condition"),
        ("wrong-error", "read-wrong-kind"),
        ("same-etag", "etag-changes"),
        ("same-object", "objects"),
        ("object-by-path", "objects"),
        ("unnamed-in-lists", "objects"),
        ("folds-case", "names-exact"),
        ("keeps-removed", "remove-wrong-kind"),
        ("copies-instead-of-moving", "rename-file"),
        ("traps", "round-trip"),
        ("traps-in-lists", "listing-pages"),
        ("traps-at-end", "download-end"),
        ("fails-at-end", "download-end"),
    ] {
        let config = format!("sin = \"{sin}\"");
        let folder = dir
            .path()
            .join("second")
            .join(format!("{sin}-{check_name}"));
        let grant = format!("directories={}:/", folder.display());
        let (code, report) = report(
            dir.path(),
            &[
                "broken", "--config", &config, "--grant", &grant, "--only", check_name,
            ],
        );
        assert_eq!(code, 1, "{sin}: {report:#}");
        assert!(
            names(&report, "fails")
                .iter()
                .any(|name| name == check_name),
            "{sin}: {report:#}"
        );
        let why = report["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .find(|one| one["name"] == check_name);
        let why = &why.expect("made")["why"];
        assert!(
            why["operation"].is_string() && why["expected"].is_string() && why["seen"].is_string(),
            "{why}"
        );
        // What a component says when it fails, and what it was called with: the whole path, which
        // the operation of a check does not name.
        let shown: &[&str] = match sin {
            "traps" => &[
                "a component that panics over a large body",
                "called with write(\"callfs-check-",
                "/round-trip/of-8388608\", 8388608 bytes, Always)",
            ],
            "traps-in-lists" => &[
                "a component that panics over one name",
                "called with list(\"callfs-check-",
                "/listing-pages\", None, 1)",
            ],
            "traps-at-end" => &[
                "a component that panics after its last byte",
                "called with read(\"callfs-check-",
                "/download-end/of-0\", None, Always)",
            ],
            "fails-at-end" => &["the tail does not match"],
            _ => &[],
        };
        let seen = why["seen"].as_str().expect("a text");
        for text in shown {
            assert!(seen.contains(text), "{sin}: {text}: {seen}");
        }
        // Even what cannot be listed is removed; what cannot be removed is told.
        assert_eq!(
            is_empty(&folder),
            report["left_behind"].is_null(),
            "{sin}: {report:#}"
        );
        assert_eq!(
            report["left_behind"].is_null(),
            sin != "keeps-removed",
            "{sin}: {report:#}"
        );
    }
}

#[test]
fn a_mount_of_the_configuration_is_checked_as_it_is() {
    let setup = Setup::default()
        .plugin("broken", callfs_test_components::BROKEN)
        .mount(Mount::folder("/", "files"))
        .mount(
            Mount::new("/wrong", "broken")
                .granting("second")
                .with(r#"config.sin = "wrong-order""#),
        );
    let dir = setup.prepare();
    let of = |path: &str| {
        check(
            dir.path(),
            &[
                "--callfs-config",
                "$DIR/callfs.toml",
                "--mount",
                path,
                "--only",
                "order",
            ],
        )
    };
    let (code, stdout, stderr) = of("/");
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(
        stdout.starts_with("localfs, storage: claims storage, storage-write"),
        "{stdout}"
    );
    assert!(
        stdout.contains("holds        listing-order")
            && stdout.contains("1 hold, 0 fail, 0 not claimed"),
        "{stdout}"
    );
    let (code, stdout, stderr) = of("/wrong");
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(
        stdout.contains("FAILS        listing-order") && stdout.contains("0 hold, 1 fail"),
        "{stdout}"
    );
    assert!(stderr.contains("'broken': 1 check fails"), "{stderr}");
    let (code, _, stderr) = of("/nowhere");
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("/nowhere") && stderr.contains("/wrong"),
        "{stderr}"
    );
}

#[test]
fn the_command_line_says_what_is_wrong_with_it() {
    let dir = place();
    for (arguments, code, said) in [
        (&[][..], 2, "NAME_OR_FILE"),
        (&["localfs", "--mount", "/"], 2, "--mount"),
        (&["unix", "--kind", "judge"], 2, "authorizer"),
        (&["unix", "--credential", "secret"], 2, "bearer:TOKEN"),
        (&["locafs"], 78, "did you mean 'localfs'"),
        (&["localfs"], 78, "grants.directories"),
        (&["localfs", "--kind", "authorizer"], 78, "authorizer"),
        (&["localfs", "--grant", "directories"], 78, "--grant"),
        (&["localfs", "--grant", "folders=/tmp:/"], 78, "folders"),
        (
            &[
                "localfs",
                "--grant",
                "directories=$DIR/files:/",
                "--config",
                "fodler = 1",
            ],
            78,
            "fodler",
        ),
        (
            &[
                "localfs",
                "--grant",
                "directories=$DIR/files:/",
                "--limit",
                "memory=little",
            ],
            78,
            "memory",
        ),
        (&["$DIR/callfs.toml"], 78, "not a WebAssembly component"),
    ] {
        let (seen, stdout, stderr) = check(dir.path(), arguments);
        assert_eq!(seen, code, "{arguments:?}: {stdout}{stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    let (code, stdout, _) = check(
        dir.path(),
        &[
            "$DIR/plugins/flat.wasm",
            "--grant",
            "directories=$DIR/files:/",
            "--list",
        ],
    );
    assert_eq!(code, 0);
    assert!(
        stdout.lines().count() > 40 && stdout.contains("listing-order"),
        "{stdout}"
    );
    assert!(
        is_empty(&dir.path().join("files")),
        "a list changes nothing"
    );
}

#[test]
fn who_interrupts_it_leaves_nothing_behind() {
    let dir = place();
    let mut command = command(dir.path());
    let grant = format!("directories={}:/", dir.path().join("files").display());
    let mut process =
        Process::start(command.args(["plugin", "check", "localfs", "--grant", &grant]));
    let begun = || {
        std::fs::read_dir(dir.path().join("files"))
            .ok()?
            .flatten()
            .find(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with("callfs-check-")
                    && entry.path().join("round-trip").exists()
            })
    };
    eventually_now("the checks to be in the middle", begun);
    process.terminate();
    assert_eq!(process.wait().code(), Some(1), "{}", process.stderr());
    assert!(is_empty(&dir.path().join("files")));
    eventually_now("what it says", || {
        process
            .stderr()
            .contains("stopped before the end")
            .then_some(())
    });
}
