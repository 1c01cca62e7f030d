//! The house rules that a compiler does not check: what each crate may depend on, and how the
//! source reads.
//!
//! Cargo enforces the layers, because a crate cannot name what it does not depend on. So the rules
//! are about manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::harness::repository;

/// The crates of the host from the bottom up. Each may depend on those that are listed before it.
const LAYERS: [&str; 13] = [
    "model",
    "telemetry",
    "folder",
    "egress",
    "identity",
    "metadata",
    "locks",
    "links",
    "sandbox",
    "engine",
    "conformance",
    "http",
    "callfs",
];

/// Crates of the host that see implementations only through the traits of `model`.
const TRAITS_ALONE: [&str; 4] = ["engine", "links", "conformance", "identity"];

/// An outside crate, and the only crates of the host that may depend on it.
const DEPENDED_ON_ONLY_BY: [(&str, &[&str]); 14] = [
    ("wasmtime", &["sandbox"]),
    ("wasmtime-wasi", &["sandbox"]),
    ("sqlx", &["metadata"]),
    ("rusqlite", &["metadata"]),
    ("openraft", &["metadata"]),
    ("redis", &["metadata", "locks"]),
    ("axum", &["http"]),
    ("hyper-rustls", &["egress"]),
    ("rustls", &["egress"]),
    ("aws-sigv4", &["egress"]),
    ("prometheus", &["telemetry"]),
    ("figment", &["callfs"]),
    ("clap", &["callfs"]),
    ("utoipa", &["http"]),
];

/// Nine files of ten stay below the first, and all below the second.
const USUAL_LINES: usize = 400;
const MAX_LINES: usize = 750;
const MAX_COLUMNS: usize = 100;

struct SourceFile {
    /// Relative to the repository.
    name: String,
    text: String,
}

impl SourceFile {
    /// Lines that are not comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//"))
    }

    fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.name.split(['/', '.']).collect();
        ["test", "tests", "testing", "suite"]
            .iter()
            .any(|part| parts.contains(part))
    }

    /// Types that are defined at the top of the file.
    fn types(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(|line| {
            let line = match line.strip_prefix("pub") {
                Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
                Some(rest) => rest.trim_start(),
                None => line,
            };
            let (keyword, rest) = line.split_once(' ')?;
            let name = rest.split(|c: char| !c.is_alphanumeric()).next()?;
            ["struct", "enum", "trait", "type"]
                .contains(&keyword)
                .then_some(name)
        })
    }
}

/// Every Rust file of the repository that people write.
fn sources() -> Vec<SourceFile> {
    let repository = repository();
    let tops = ["host", "sdk", "plugins", "tests"];
    let mut folders: Vec<PathBuf> = tops.map(|top| repository.join(top)).into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let entry = entry.expect("readable").path();
            if entry.is_dir() && !entry.ends_with("target") {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let name = entry
                    .strip_prefix(repository)
                    .expect("inside")
                    .display()
                    .to_string();
                let text = fs::read_to_string(&entry).expect("readable");
                sources.push(SourceFile { name, text });
            }
        }
    }
    assert!(
        sources.len() > 30,
        "the rules look at {} files: wrong folder?",
        sources.len()
    );
    sources
}

/// What a crate of the host depends on when it is built, not when it is tested.
fn dependencies(layer: &str) -> BTreeSet<String> {
    let manifest = repository().join("host").join(layer).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let manifest: toml::Table = text.parse().expect("TOML");
    manifest["dependencies"]
        .as_table()
        .expect("a table")
        .keys()
        .cloned()
        .collect()
}

fn sibling(dependency: &str) -> Option<&str> {
    dependency
        .strip_prefix("callfs-")
        .filter(|name| LAYERS.contains(name))
}

#[test]
fn every_crate_of_the_host_has_a_layer() {
    let entries = fs::read_dir(repository().join("host")).expect("readable");
    let found = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_dir());
    let found = found.map(|path| {
        path.file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    });
    let found: BTreeSet<String> = found.filter(|name| name != "docs").collect();
    assert_eq!(found, LAYERS.map(str::to_owned).into());
}

#[test]
fn no_crate_depends_on_a_higher_layer() {
    for (height, layer) in LAYERS.iter().enumerate() {
        for dependency in dependencies(layer) {
            let Some(below) = sibling(&dependency) else {
                continue;
            };
            assert!(
                LAYERS[..height].contains(&below),
                "{layer} depends on {below}"
            );
        }
    }
}

#[test]
fn what_works_through_traits_depends_on_no_implementation() {
    for layer in TRAITS_ALONE {
        let allowed = ["model", "identity", "telemetry"];
        for dependency in dependencies(layer) {
            let implementation = sibling(&dependency).is_some_and(|name| !allowed.contains(&name));
            assert!(!implementation, "{layer} depends on {dependency}");
        }
    }
}

#[test]
fn an_outside_crate_stays_behind_its_wall() {
    for (name, allowed) in DEPENDED_ON_ONLY_BY {
        let users = LAYERS
            .into_iter()
            .filter(|layer| dependencies(layer).contains(name));
        let users: BTreeSet<&str> = users.collect();
        assert_eq!(
            users,
            allowed.iter().copied().collect(),
            "who depends on {name}"
        );
    }
}

#[test]
fn a_type_is_found_by_its_name() {
    let sources = sources();
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in sources
        .iter()
        .filter(|source| source.name.starts_with("host/"))
    {
        // A crate has its own `Result`, as is usual.
        for name in source
            .types()
            .filter(|name| *name != "Result" && !source.is_test())
        {
            homes.entry(name).or_default().push(&source.name);
        }
    }
    assert!(
        homes.len() > 300,
        "found {} types: wrong pattern?",
        homes.len()
    );
    homes.retain(|_, files| files.len() > 1);
    assert!(homes.is_empty(), "{homes:#?}");
}

#[test]
fn files_stay_readable() {
    let sources = sources();
    let mut broken = Vec::new();
    let mut long = 0;
    for source in &sources {
        let lines = source.text.lines().count();
        long += usize::from(lines > USUAL_LINES);
        if lines > MAX_LINES {
            broken.push(format!("{}: {lines} lines", source.name));
        }
        for (number, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > MAX_COLUMNS {
                broken.push(format!("{}:{}: {columns} columns", source.name, number + 1));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(
        long * 10 < sources.len(),
        "{long} files have more than {USUAL_LINES} lines"
    );
}

#[test]
fn nothing_is_left_undone() {
    let marks = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut found = Vec::new();
    for source in sources() {
        let lines = source
            .text
            .lines()
            .filter(|line| marks.iter().any(|mark| line.contains(mark)));
        found.extend(lines.map(|line| format!("{}: {}", source.name, line.trim())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_test_is_ignored() {
    let mark = concat!("#[ign", "ore");
    let sources = sources();
    let ignored = sources.iter().filter(|source| source.text.contains(mark));
    let ignored: Vec<&str> = ignored.map(|source| source.name.as_str()).collect();
    assert!(ignored.is_empty(), "{ignored:#?}");
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!") && !source.name.ends_with("main.rs"))
        // Unit tests in a file of their own are said by what they test.
        .filter(|source| !(source.name.starts_with("host/") && source.is_test()))
        .map(|source| source.name)
        .collect();
    assert!(silent.is_empty(), "no module documentation: {silent:#?}");
}

#[test]
fn the_engine_changes_metadata_in_one_place() {
    // Every caller of it has to say under which lock.
    let sources = sources();
    let applies: Vec<&str> = sources
        .iter()
        .filter(|source| source.name.starts_with("host/engine/") && !source.is_test())
        .filter(|source| source.code().any(|line| line.contains(".apply(")))
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(applies, ["host/engine/src/change/commit.rs"]);
}
