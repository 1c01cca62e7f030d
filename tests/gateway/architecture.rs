//! The house rules that a compiler does not check: which layer may name what, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// A crate, and the only places (below `host/src`) that may name it.
const NAMED_ONLY_BY: [(&str, &[&str]); 14] = [
    ("ureq", &["cli/"]),
    ("wasmtime", &["sandbox.rs", "sandbox/"]),
    ("wasmtime_wasi", &["sandbox.rs", "sandbox/"]),
    ("sqlx", &["metadata/"]),
    ("openraft", &["metadata/raft.rs", "metadata/raft/"]),
    ("::redis", &["metadata/redis.rs", "metadata/redis/", "locks/redis.rs", "locks/redis/"]),
    ("axum", &["http.rs", "http/", "app.rs", "app/", "cli.rs", "cli/"]),
    ("hyper", &["http.rs", "http/", "app.rs", "app/", "cli.rs", "cli/", "egress/", "metadata/raft/"]),
    (
        "http",
        &["http.rs", "http/", "app.rs", "app/", "cli.rs", "cli/", "egress/", "telemetry/metrics", "metadata/raft/"],
    ),
    ("hyper_rustls", &["egress/"]),
    ("hyper_util::client", &["egress/", "metadata/raft/"]),
    ("aws_sigv4", &["egress/"]),
    ("rustls", &["egress/"]),
    ("figment", &["config.rs", "config/"]),
];

/// A layer, and modules of this crate that it must not look up to.
const NEVER_LOOKS_UP: [(&str, &[&str]); 11] = [
    ("engine", &["http", "cli", "config", "sandbox", "plugins", "links", "app"]),
    ("storage", &["http", "cli", "config", "engine", "metadata", "identity", "app", "plugins"]),
    ("metadata", &["http", "cli", "config", "engine", "storage", "sandbox", "plugins", "app"]),
    ("links", &["http", "cli", "config", "engine", "storage", "identity", "sandbox", "plugins", "app"]),
    ("locks", &["http", "cli", "config", "engine", "storage", "metadata", "sandbox", "plugins", "app"]),
    ("identity", &["http", "cli", "config", "engine", "metadata", "app", "plugins"]),
    ("sandbox", &["http", "cli", "config", "engine", "metadata", "locks", "app"]),
    ("conformance", &["http", "cli", "config", "engine", "metadata", "locks", "links", "sandbox", "plugins", "app"]),
    ("egress", &["http", "cli", "config", "engine", "storage", "metadata", "identity", "sandbox", "plugins", "app"]),
    ("path", &["http", "cli", "config", "engine", "storage", "metadata", "sandbox", "plugins", "app"]),
    ("http", &["cli", "metadata", "sandbox", "plugins", "config"]),
];

const MAX_LINES: usize = 400;

struct Source {
    /// Relative to the repository.
    name: String,
    text: String,
}

impl Source {
    /// Lines that are not comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
    }

    fn inside(&self) -> Option<&str> {
        self.name.strip_prefix("host/src/")
    }
}

/// Every Rust file of the repository that people write.
fn sources() -> Vec<Source> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("in a repository");
    let mut folders: Vec<PathBuf> = ["host", "sdk", "plugins", "tests"].map(|top| repository.join(top)).into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path()) {
            if entry.is_dir() && !entry.ends_with("target") {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let name = entry.strip_prefix(repository).expect("inside").display().to_string();
                sources.push(Source { name, text: fs::read_to_string(&entry).expect("readable") });
            }
        }
    }
    assert!(sources.len() > 30, "the rules look at {} files: wrong folder?", sources.len());
    sources
}

/// Whether a line of code names a crate or module as the start of a path.
fn names(line: &str, start: &str) -> bool {
    let path = format!("{start}::");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !matches!(before, '_' | ':'))
    }) || line == format!("use {start};")
}

#[test]
fn only_its_own_layer_names_a_crate() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(inside) = source.inside() else { continue };
        for (name, allowed) in NAMED_ONLY_BY {
            if !allowed.iter().any(|place| inside.starts_with(place)) {
                let lines = source.code().filter(|line| names(line, name));
                broken.extend(lines.map(|line| format!("{}: {line}", source.name)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn no_layer_looks_up() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(inside) = source.inside() else { continue };
        for (layer, above) in NEVER_LOOKS_UP {
            if inside == format!("{layer}.rs") || inside.starts_with(&format!("{layer}/")) {
                let looks_up = |line: &&str| above.iter().any(|module| line.contains(&format!("crate::{module}::")));
                let lines = source.code().filter(looks_up);
                broken.extend(lines.map(|line| format!("{}: {line}", source.name)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_rules_would_notice() {
    assert!(names("use wasmtime::Engine;", "wasmtime"));
    assert!(names("let engine = wasmtime::Engine::default();", "wasmtime"));
    assert!(names("use sqlx;", "sqlx"));
    assert!(!names("use not_wasmtime::Engine;", "wasmtime"));
    assert!(!names("use crate::axum::Router;", "axum"));
}

#[test]
fn files_stay_readable() {
    let long = sources().into_iter().map(|source| (source.text.lines().count(), source.name));
    let long: Vec<(usize, String)> = long.filter(|(lines, _)| *lines > MAX_LINES).collect();
    assert!(long.is_empty(), "longer than {MAX_LINES} lines: {long:#?}");
}

#[test]
fn nothing_is_left_undone() {
    let marks = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut found = Vec::new();
    for source in sources() {
        let lines = source.text.lines().filter(|line| marks.iter().any(|mark| line.contains(mark)));
        found.extend(lines.map(|line| format!("{}: {}", source.name, line.trim())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!") && !source.name.ends_with("main.rs"))
        // Unit tests in a file of their own are said by what they test.
        .filter(|source| !source.inside().is_some_and(|inside| inside.contains("/tests")))
        .map(|source| source.name)
        .collect();
    assert!(silent.is_empty(), "no module documentation: {silent:#?}");
}

#[test]
fn the_engine_changes_the_index_in_one_place() {
    // Whoever calls it must say under which lock.
    let sources = sources();
    let of_engine = sources.iter().filter(|source| {
        source.inside().is_some_and(|inside| inside.starts_with("engine/") && !inside.contains("/test"))
    });
    let applies: Vec<&str> = of_engine
        .filter(|source| source.code().any(|line| line.contains("metadata.apply(")))
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(applies, ["host/src/engine/commit.rs"]);
}
