//! The adapter on services that need no host: OpenDAL's own in memory, and one that lists as object
//! stores do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use opendal_core::options::WriteOptions;
use opendal_core::raw::*;
use opendal_core::services::Memory;
use opendal_core::{
    Builder, Capability, Error as Failure, ErrorKind, MetadataBuilder, OperationContext,
    Result as Outcome,
};

use super::Adapter;
use crate::attributes::{Condition, Kind, Page};
use crate::error::Error;
use crate::testing::run;

/// Objects without content, under whole paths, listed in byte order of those.
#[derive(Debug, Clone, Default)]
struct Keys {
    keys: BTreeSet<String>,
    /// How many looks at a key find nothing first.
    misses: Arc<AtomicU32>,
}

impl Keys {
    fn new(keys: &[&str]) -> Self {
        Self {
            keys: keys.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }
}

/// What is left of a listing.
struct Listing(std::vec::IntoIter<String>);

impl oio::List for Listing {
    async fn next(&mut self) -> Outcome<Option<oio::Entry>> {
        let entry = |path: String| {
            let metadata = if path.ends_with('/') {
                MetadataBuilder::dir()
            } else {
                MetadataBuilder::file(0)
            };
            oio::Entry::new(&path, metadata.build())
        };
        Ok(self.0.next().map(entry))
    }
}

fn cannot<T>() -> Outcome<T> {
    Err(Failure::new(ErrorKind::Unsupported, "this service lists"))
}

impl Service for Keys {
    type Reader = ();
    type Writer = ();
    type Lister = Listing;
    type Deleter = ();
    type Copier = ();
    type Composer = ();

    fn info(&self) -> ServiceInfo {
        ServiceInfo::with_scheme("keys")
    }

    fn capability(&self) -> Capability {
        Capability {
            stat: true,
            list: true,
            list_with_start_after: true,
            list_with_limit: true,
            ..Capability::default()
        }
    }

    async fn stat(&self, _: &OperationContext, path: &str, _: OpStat) -> Outcome<RpStat> {
        let missed = self
            .misses
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if self.keys.contains(path) && !missed {
            Ok(RpStat::new(MetadataBuilder::file(0).build()))
        } else {
            Err(Failure::new(ErrorKind::NotFound, "no such key"))
        }
    }

    fn list(&self, _: &OperationContext, path: &str, args: OpList) -> Outcome<Listing> {
        let prefix = if path == "/" { "" } else { path };
        let mut found: Vec<String> = Vec::new();
        for key in &self.keys {
            let Some(rest) = key.strip_prefix(prefix) else {
                continue;
            };
            let name = rest
                .split_once('/')
                .map_or(rest, |(first, _)| &rest[..=first.len()]);
            let path = format!("{prefix}{name}");
            if args.start_after().is_none_or(|after| path.as_str() > after)
                && found.last() != Some(&path)
            {
                found.push(path);
            }
        }
        Ok(Listing(found.into_iter()))
    }

    async fn create_dir(
        &self,
        _: &OperationContext,
        _: &str,
        _: OpCreateDir,
    ) -> Outcome<RpCreateDir> {
        cannot()
    }

    fn read(&self, _: &OperationContext, _: &str, _: OpRead) -> Outcome<()> {
        cannot()
    }

    fn write(&self, _: &OperationContext, _: &str, _: OpWrite) -> Outcome<()> {
        cannot()
    }

    fn delete(&self, _: &OperationContext) -> Outcome<()> {
        cannot()
    }

    fn copy(&self, _: &OperationContext, _: &str, _: &str, _: OpCopy) -> Outcome<()> {
        cannot()
    }

    async fn rename(
        &self,
        _: &OperationContext,
        _: &str,
        _: &str,
        _: OpRename,
    ) -> Outcome<RpRename> {
        cannot()
    }

    async fn presign(&self, _: &OperationContext, _: &str, _: OpPresign) -> Outcome<RpPresign> {
        cannot()
    }
}

impl Builder for Keys {
    type Config = ();

    fn build(self) -> Outcome<impl Service> {
        Ok(self)
    }
}

fn keys(keys: &[&str]) -> Adapter {
    Adapter::new(Keys::new(keys), None).expect("a service")
}

fn list(adapter: &Adapter, path: &str, after: Option<&str>, limit: u32) -> Page {
    run(adapter.list(path, after, limit)).expect("a page")
}

/// Names of all pages of a size; a slash tells a directory.
fn walk(adapter: &Adapter, path: &str, limit: u32) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let after = names
            .last()
            .map(|name| name.trim_end_matches('/').to_owned());
        let page = list(adapter, path, after.as_deref(), limit);
        assert!(
            page.entries.len() <= limit as usize && !(page.more && page.entries.is_empty()),
            "{page:?}"
        );
        let shown = |kind| if kind == Kind::Directory { "/" } else { "" };
        names.extend(
            page.entries
                .iter()
                .map(|entry| format!("{}{}", entry.name, shown(entry.attributes.kind))),
        );
        if !page.more {
            return names;
        }
    }
}

#[test]
fn pages_of_a_service_that_can_start_after_a_name_are_in_order_of_names() {
    let adapter = keys(&[
        "a!", "a!b!c", "a!b/x", "a-1", "a-2", "a.txt", "a/x", "a0", "b", "b/x", "ä", "c/y", "c/z",
        "d/",
    ]);
    let expected = [
        "a/", "a!", "a!b/", "a!b!c", "a-1", "a-2", "a.txt", "a0", "b", "c/", "d/", "ä",
    ];
    for limit in 1..=expected.len() as u32 + 1 {
        assert_eq!(walk(&adapter, "", limit), expected, "pages of {limit}");
    }
    assert_eq!(walk(&adapter, "c", 1), ["y", "z"]);
}

#[test]
fn a_page_can_start_after_any_name() {
    let adapter = keys(&["a!", "a/x", "b"]);
    let after = |name| {
        list(&adapter, "", Some(name), 9)
            .entries
            .into_iter()
            .map(|e| e.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(after("A"), ["a", "a!", "b"]);
    assert_eq!(after("a"), ["a!", "b"]);
    assert_eq!(after("a "), ["a!", "b"]);
    assert_eq!(after("a!"), ["b"]);
    assert!(after("b").is_empty());
}

#[test]
fn directories_are_told_from_objects_and_from_nothing() {
    let adapter = keys(&["a/b/c", "d"]);
    let kind = |path| run(adapter.stat(path)).map(|attributes| attributes.kind);
    assert_eq!(kind(""), Ok(Kind::Directory));
    assert_eq!(kind("a"), Ok(Kind::Directory));
    assert_eq!(kind("a/b"), Ok(Kind::Directory));
    assert_eq!(kind("a/b/c"), Ok(Kind::File));
    assert_eq!(kind("a/c"), Err(Error::NotFound));
    assert_eq!(run(adapter.list("e", None, 9)), Err(Error::NotFound));
    assert_eq!(run(adapter.list("d", None, 9)), Err(Error::NotADirectory));
    assert!(list(&adapter, "a", Some("b"), 9).entries.is_empty());
    let list_empty = list(&keys(&[]), "", None, 9);
    assert!(list_empty.entries.is_empty() && !list_empty.more);
}

#[test]
fn a_service_that_lists_in_any_way_is_paged_all_the_same() {
    let memory = Adapter::new(Memory::default(), None).expect("a service");
    for path in ["x", "a!", "a/x", "a/y", " a ", ".callfs-staging/1"] {
        let mut writer = memory
            .service()
            .write_dyn(memory.context(), path, OpWrite::new())
            .expect("a writer");
        run(writer.write_dyn(b"12345".to_vec().into())).expect("written");
        run(writer.close_dyn()).expect("written");
    }
    for limit in 1..=5 {
        assert_eq!(
            walk(&memory, "", limit),
            [" a ", "a/", "a!", "x"],
            "pages of {limit}"
        );
    }
    let file = run(memory.stat("a/x")).expect("it is there");
    assert_eq!((file.kind, file.size), (Kind::File, 5));
    assert_eq!(file.content_type, None);

    assert_eq!(
        run(memory.remove("a", &Condition::Always)),
        Err(Error::IsADirectory)
    );
    assert_eq!(
        run(memory.remove("nothing", &Condition::Always)),
        Err(Error::NotFound)
    );
    assert_eq!(
        run(memory.remove("x", &Condition::Absent)),
        Err(Error::PreconditionFailed)
    );
    assert_eq!(run(memory.remove("x", &Condition::Always)), Ok(()));
    assert_eq!(walk(&memory, "", 9), [" a ", "a/", "a!"]);
    let reserved = run(memory.stat(".callfs-staging/1"));
    assert!(
        matches!(&reserved, Err(Error::InvalidArgument(why)) if why.contains("reserved")),
        "{reserved:?}"
    );
}

#[test]
fn an_object_that_is_stored_in_a_coding_says_so() {
    let memory = Adapter::new(Memory::default(), None).expect("a service");
    for (path, coding) in [("plain", None), ("coded", Some("gzip"))] {
        let options = WriteOptions {
            content_encoding: coding.map(ToOwned::to_owned),
            ..WriteOptions::default()
        };
        let can = memory.service().capability_dyn();
        let (how, _) = OpWrite::from_options(&can, options).expect("options");
        let mut writer = memory
            .service()
            .write_dyn(memory.context(), path, how)
            .expect("a writer");
        run(writer.write_dyn(b"12345".to_vec().into())).expect("written");
        run(writer.close_dyn()).expect("written");
        let found = run(memory.stat(path)).expect("it is there");
        let expected =
            coding.map(|coding: &str| ("content-encoding".to_owned(), coding.to_owned()));
        assert_eq!(found.extra.first().cloned(), expected, "{path}");
        assert!(found.extra.len() <= 1, "{:?}", found.extra);
    }
}

#[test]
fn what_a_service_cannot_is_said() {
    let copied = run(keys(&["a"]).copy("a", "b", &Condition::Always)).map(drop);
    assert!(matches!(&copied, Err(Error::Unsupported(_))), "{copied:?}");
}

#[test]
fn a_file_that_is_missing_for_a_moment_is_found() {
    let found = |misses, renames: bool| {
        let keys = Keys::new(&["a"]);
        keys.misses.store(misses, SeqCst);
        let adapter = Adapter::new(keys, None).expect("a service");
        let adapter = if renames {
            adapter.replace_by_rename()
        } else {
            adapter
        };
        run(adapter.stat("a")).map(drop)
    };
    assert_eq!(found(0, false), Ok(()));
    assert_eq!(found(1, false), Err(Error::NotFound));
    assert_eq!(found(2, true), Ok(()));
    assert_eq!(found(3, true), Err(Error::NotFound));
}
