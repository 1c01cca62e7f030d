//! What every store has to do, whatever it is made of. A store implements [`Place`] in its tests
//! and names it to `metadata_suite!`, which makes a test of each behaviour. Where the server of a
//! store is missing, its tests say so and check nothing, unless `CALLFS_TEST_FORBID_SKIP` is set.

mod exchanges;
mod history;
mod linearizable;
mod links;
mod moves;
mod promises;
mod records;

use std::path::PathBuf;

use callfs_model::error::ErrorKind;
use callfs_model::metadata::{Change, Intent, LinkStore, Metadata, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::ObjectIdentity;

pub(crate) use self::exchanges::*;
pub(crate) use self::linearizable::*;
pub(crate) use self::links::*;
pub(crate) use self::moves::*;
pub(crate) use self::promises::*;
pub(crate) use self::records::*;
use super::SqliteStore;

/// Somewhere empty for a store; opened again, it holds what was there.
pub(crate) trait Place {
    type Store: Metadata + 'static;

    /// None if this machine has not what the store needs.
    async fn new() -> Option<Self>
    where
        Self: Sized;

    async fn open(&self) -> Self::Store;
}

macro_rules! metadata_suite {
    ($place:ty) => {
        $crate::suite::metadata_suite!($place:
            gives_back_what_was_put
            forgets
            is_exact_in_case_and_bytes
            moves_names_that_are_not_ascii
            moves_in_place_of_what_was_there
            moves_records_with_their_objects
            moves_big_trees_in_one_step
            refuses_moves_that_cannot_be
            exchanges_what_is_recorded_of_two_trees
            exchanges_big_trees_in_one_step
            refuses_exchanges_that_cannot_be
            lists_children_page_by_page
            lists_only_direct_children
            keeps_intents_in_order
            one_intent_becomes_another_in_one_step
            carries_out_all_or_nothing
            one_refusal_does_not_fail_the_others
            counts_revisions_up
            keeps_what_it_answered
            never_goes_back_in_time
            changes_what_is_expected_and_nothing_else
            changes_nothing_under_a_lease_that_was_fenced
            scans_trees_in_byte_order
            is_linearizable
        );
    };
    ($place:ty: $($behaviour:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                if let Some(place) = <$place as $crate::suite::Place>::new().await {
                    $crate::suite::$behaviour(&place).await;
                }
            }
        )*
    };
}
pub(crate) use metadata_suite;

/// The same of a store that keeps links as well.
macro_rules! link_suite {
    ($place:ty) => {
        $crate::suite::metadata_suite!($place:
            gives_back_links_as_they_were
            gives_back_the_options_of_links
            replaces_a_link_once_per_revision
            lists_links_in_the_order_of_their_making
            sweeps_links_that_are_over
            links_stay_when_their_files_move
        );
    };
}
pub(crate) use link_suite;

/// A folder of its own for each test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("metadata.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    pub(crate) async fn sqlite(&self) -> SqliteStore {
        SqliteStore::open(&self.url()).await.expect("opened")
    }
}

pub(crate) fn path(text: &str) -> FilePath {
    FilePath::parse(text).expect("a good path")
}

pub(crate) fn record(text: &str, owner: &str) -> Record {
    Record {
        path: path(text),
        owner: owner.into(),
        group: "staff".into(),
        mode: 0o644,
        content: None,
        object: None,
        next: None,
        revision: 0,
    }
}

/// An object of one storage.
pub(crate) fn object(name: &str) -> ObjectIdentity {
    ObjectIdentity {
        storage: [0xa5; 16],
        object: name.into(),
    }
}

pub(crate) fn tombstone(at: &str) -> Intent {
    Intent::Tombstone {
        path: path(at),
        inside: false,
        storage: Some([b'/'; 16]),
        newest: None,
    }
}

/// What storage is mounted at the root.
pub(crate) fn mounted(number: u8) -> Intent {
    Intent::Mounted {
        path: FilePath::root(),
        storage: [number; 16],
    }
}

fn put(text: &str) -> Change {
    Change::Put(record(text, "alice"))
}

fn rename(from: &str, to: &str) -> Change {
    Change::Rename {
        from: path(from),
        to: path(to),
    }
}

fn exchange(one: &str, other: &str) -> Change {
    Change::Exchange {
        one: path(one),
        other: path(other),
    }
}

async fn filled<P: Place>(place: &P, paths: &[&str]) -> P::Store {
    let store = place.open().await;
    store
        .apply(paths.iter().map(|text| put(text)).collect())
        .await
        .expect("put");
    store
}

async fn has(store: &impl Metadata, text: &str) -> bool {
    let found = store.get(&path(text)).await.expect("read");
    assert!(
        found
            .as_ref()
            .is_none_or(|record| record.path == path(text))
    );
    found.is_some()
}

/// Everything that is recorded, in byte order.
async fn all(store: &impl Metadata) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = vec![FilePath::root()];
    while let Some(directory) = next.pop() {
        if has(store, directory.as_str()).await {
            found.push(directory.to_string());
        }
        let children = store
            .children(&directory, None, 10_000)
            .await
            .expect("listed");
        next.extend(children.into_iter().map(|record| record.path));
    }
    found.sort();
    found
}

async fn names(
    store: &impl Metadata,
    directory: &str,
    after: Option<&str>,
    limit: u32,
) -> Vec<String> {
    let children = store
        .children(&path(directory), after, limit)
        .await
        .expect("listed");
    children
        .iter()
        .map(|record| record.path.name().to_owned())
        .collect()
}

/// Whether something is recorded of each.
async fn have(store: &impl Metadata, texts: &[&str]) -> Vec<bool> {
    let mut there = Vec::new();
    for text in texts {
        there.push(has(store, text).await);
    }
    there
}
