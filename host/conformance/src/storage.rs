//! The suite for storages.

mod bodies;
mod conditions;
mod copy;
mod crowds;
mod cut;
mod delegation;
mod ends;
mod exchange;
mod existing;
mod kinds;
mod listing;
mod names;
mod objects;
mod ranges;
mod rename;
mod room;
mod versions;

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::{Abilities, Storage};

use self::room::Room;
use super::check::{Check, Described, checks, run_all};
use super::clearing::clear;
use super::report::CheckReport;
use super::timed::Timed;
use super::{CheckProgress, Plan};

/// What a check needs besides reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StorageNeed {
    Directories,
    Rename,
    Exchange,
    Copy,
    /// The storage itself honours conditions.
    Conditions,
    /// Writes can be asked not to replace anything.
    Absent,
    /// Directories exist by themselves.
    Explicit,
    /// There is something to read.
    File,
    /// Parts of it are delegated.
    Delegated,
}

/// What there is.
#[derive(Clone, Copy)]
struct Known {
    abilities: Abilities,
    has_file: bool,
    delegated: bool,
}

impl StorageNeed {
    /// Why it cannot be had.
    fn lacking(
        self,
        Known {
            abilities,
            has_file,
            delegated,
        }: Known,
    ) -> Option<&'static str> {
        let (has, name) = match self {
            Self::Directories => (abilities.directories, "storage-directories"),
            Self::Rename => (abilities.rename, "storage-rename"),
            Self::Exchange => (abilities.exchange, "storage-exchange"),
            Self::Copy => (abilities.copy, "storage-copy"),
            Self::Conditions => (abilities.conditional_write, "conditional-write"),
            Self::Absent => (
                abilities.conditional_write || abilities.carried_write,
                "conditional-write",
            ),
            Self::Explicit => (
                !abilities.implicit_directories,
                "directories that exist by themselves",
            ),
            Self::File => (has_file, "a file with something in it"),
            Self::Delegated => (delegated, "storage-delegation"),
        };
        (!has).then_some(name)
    }
}

use StorageNeed::{Absent, Conditions, Delegated, Directories, Explicit, File, Rename};

/// Of a storage that can be written.
const WRITABLE: &[Check<Room, StorageNeed>] = checks! { Room, StorageNeed:
    "stat-root", [], "the root and every directory are directories of size 0",
        kinds::stat_directories;
    "stat-missing", [], "what is not there is not found, also below a file", kinds::stat_missing;
    "read-wrong-kind", [], "a directory cannot be read, nor what is not there",
        kinds::read_wrong_kind;
    "list-wrong-kind", [], "a file cannot be listed, nor what is not there", kinds::list_wrong_kind;
    "remove-wrong-kind", [], "a directory is not removed as a file, and what is not there is not \
                              found", kinds::remove_wrong_kind;
    "write-wrong-kind", [Explicit], "a file never takes the place of a directory, nor is put \
                                     below a file", kinds::write_wrong_kind;
    "make-taken", [Directories], "a directory is made once, and only where its parent is \
                                  one", kinds::make_taken;
    "remove-directory-wrong-kind", [Directories], "only an empty directory is removed as \
        one", kinds::remove_directory_wrong_kind;
    "round-trip", [], "what is read is what was written, from no byte to 8 MiB", bodies::round_trip;
    "round-trip-large", [], "64 MiB come back as they were, and are never held as a whole",
        bodies::large;
    "unknown-length", [], "a body may come without saying how long it is", bodies::unknown_length;
    "replace", [], "a file is replaced by a shorter, a longer and an empty one", bodies::replace;
    "cut-upload", [], "a body that ends in an error leaves the old content, or nothing",
        cut::upload;
    "abandoned-upload", [], "an upload that is given up in the middle leaves the old content, or \
                             nothing", cut::abandoned;
    "abandoned-anywhere", [], "a write that is given up at any moment leaves one whole \
                               version", cut::abandoned_anywhere;
    "abandoned-download", [], "a hundred downloads that are given up half-way are in nobody's \
                               way", cut::download;
    "download-end", [], "a download of all or of a part comes to an end without an error",
        ends::written;
    "ranges", [], "a range is exactly its bytes, cut where the object ends", ranges::table;
    "range-past-end", [], "a range that starts at the end or later is refused, and the size \
                           told", ranges::past_end;
    "etag-changes", [], "different bytes have different etags", versions::changes;
    "etag-stays", [], "an object that nobody changes keeps its etag", versions::stays;
    "attributes-agree", [], "write, stat, read and list say the same of an object", versions::agree;
    "objects", [], "an object has one name, which a move and another mode keep and a replacement \
                    does not", objects::distinct;
    "modified", [], "the time of a change is the time at which it happened", versions::modified;
    "media-type", [], "a media type and a mode that the storage keeps are those that were \
                       written", versions::media_type;
    "read-condition", [], "a read under a condition opens that version or fails", conditions::read;
    "write-absent", [Absent], "a write that may not replace anything does not",
        conditions::write_absent;
    "write-etag", [Conditions], "a write under an etag replaces that version or fails",
        conditions::write_etag;
    "remove-etag", [Conditions], "a removal under an etag removes that version or fails",
        conditions::remove_etag;
    "rename-condition", [Conditions, Rename], "a move under a condition replaces that version, or \
        nothing", conditions::rename;
    "copy-condition", [Conditions, StorageNeed::Copy], "a copy under a condition replaces that \
        version, or nothing", conditions::copy;
    "race-absent", [Absent], "of sixteen who create one path at once, one does",
        conditions::race_absent;
    "race-etag", [Conditions], "of sixteen who replace one version at once, one does",
        conditions::race_etag;
    "names-exact", [], "names are kept byte for byte: case, Unicode forms, spaces, signs, 255 \
                        bytes", names::exact;
    "names-of-directories", [], "the same names work for directories", names::directories;
    "listing-order", [], "names are listed in byte order, each once, as what they are",
        listing::order;
    "listing-pages", [], "pages of every size give the same names", listing::pages;
    "listing-after", [], "a page begins after any name, be it there or not", listing::after;
    "listing-complete", [], "2,500 names are listed, none missing and none twice",
        listing::complete;
    "listing-fresh", [], "what was written is listed at once, and what was removed no \
                          more", listing::fresh;
    "rename-file", [Rename], "a file moves, over nothing and over a file", rename::file;
    "rename-directory", [Rename, Directories], "a directory moves with all below it, and its \
        neighbours stay", rename::directory;
    "rename-wrong-kind", [Rename], "what is not there is not moved", rename::missing;
    "rename-into-itself", [Rename, Directories], "a directory is not moved into itself",
        rename::into_itself;
    "exchange", [StorageNeed::Exchange, Directories], "two paths change places with all below \
        them, and their neighbours stay", exchange::places;
    "exchange-in-one-step", [StorageNeed::Exchange, Directories], "thirty-two readers of two paths \
        that change places find one or the other", exchange::one_step;
    "exchange-wrong-kind", [StorageNeed::Exchange, Directories], "what is not there changes no \
        places, nor a directory with what is in it", exchange::wrong_kind;
    "copy-equal", [StorageNeed::Copy], "a copy equals its source, and replaces what was \
        there", copy::equal;
    "copy-independent", [StorageNeed::Copy], "a copy and its source change independently",
        copy::independent;
    "copy-wrong-kind", [StorageNeed::Copy], "what is no file is not copied", copy::wrong_kind;
    "concurrent-writers", [], "of sixteen who write one path at once, one is there whole",
        crowds::writers;
    "concurrent-readers", [], "thirty-two readers of a file that is replaced see whole \
                               versions", crowds::readers;
    "concurrent-paths", [], "thirty-two who change paths of their own are not in each other's \
                             way", crowds::paths;
    "delegation", [Delegated], "a folder that it delegates is what it says itself",
        delegation::written;
};

/// Of a storage that can only be read: checked on what is there.
const READABLE: &[Check<Room, StorageNeed>] = checks! { Room, StorageNeed:
    "stat-root", [], "the root is a directory of size 0", existing::root;
    "stat-missing", [], "what is not there is not found", existing::missing;
    "listing-order", [], "names are listed in byte order, each once", existing::order;
    "listing-pages", [], "pages of every size give the same names", existing::pages;
    "attributes-agree", [File], "stat, read and list say the same of an object", existing::agree;
    "objects", [], "stat, read and list name the same object", objects::existing;
    "wrong-kind", [File], "a directory cannot be read, and a file cannot be listed",
        existing::wrong_kind;
    "ranges", [File], "a range is exactly its bytes, cut where the object ends", existing::ranges;
    "read-condition", [File], "a read under a condition opens that version or fails",
        existing::condition;
    "abandoned-download", [File], "a hundred downloads that are given up half-way are in nobody's \
                                   way", existing::abandoned;
    "download-end", [File], "a download of all or of a part comes to an end without an error",
        ends::existing;
    "delegation", [Delegated], "a folder that it delegates is what it says itself",
        delegation::existing;
};

fn suite(write: bool) -> &'static [Check<Room, StorageNeed>] {
    if write { WRITABLE } else { READABLE }
}

pub(super) fn checks(write: bool) -> Vec<Described> {
    suite(write).iter().map(Check::described).collect()
}

pub(super) async fn run(storage: Arc<dyn Storage>, plan: &Plan) -> Result<CheckReport> {
    let abilities = storage.abilities();
    let write = abilities.write && !plan.read_only;
    // What is delegated never reaches the component, which is what is tried out here.
    let component = storage.undelegated();
    let delegated = component.is_some();
    let storage = match component {
        Some(component) => Timed::new(component).behind(storage),
        None => Timed::new(storage),
    };
    let storage = Arc::new(storage);
    let base = if write {
        begin(&storage).await?
    } else {
        String::new()
    };
    let has_file = write || existing::has_file(&Room::new(storage.clone(), String::new())).await;
    let known = Known {
        abilities,
        has_file,
        delegated,
    };
    let lacking =
        |check: &Check<Room, StorageNeed>| check.needs.iter().find_map(|need| need.lacking(known));
    let room = |check: &Check<Room, StorageNeed>| {
        let directory = if write {
            format!("{base}/{}", check.name)
        } else {
            String::new()
        };
        Room::new(storage.clone(), directory)
    };
    let (checks, interrupted) = run_all(suite(write), plan, lacking, room).await;
    let latencies = storage.clock().latencies();
    let throughput = storage.clock().throughput();
    let left_behind = if write {
        plan.tell(CheckProgress::Clearing);
        clear(&storage, &base).await
    } else {
        None
    };
    let component = storage.name().to_owned();
    let mut claims = claims(abilities);
    claims.extend(delegated.then_some("storage-delegation"));
    Ok(CheckReport {
        component,
        kind: "storage",
        claims,
        checks,
        latencies,
        throughput,
        left_behind,
        interrupted,
    })
}

/// A directory that nobody else has.
async fn begin(storage: &Arc<Timed>) -> Result<String> {
    let mut id = [0; 8];
    getrandom::fill(&mut id).map_err(|error| Error::internal(error.to_string()))?;
    let base = format!("callfs-check-{}", hex::encode(id));
    let Abilities {
        directories,
        implicit_directories,
        ..
    } = storage.abilities();
    match storage.stat(&base).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(_) => {
            let message = format!(
                "'{base}' exists already, or so the storage says of any name; nothing was tried"
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
    }
    match (implicit_directories, directories) {
        (true, _) => Ok(base),
        (false, true) => storage.make(&base, Some(0o755)).await.map(|_| base),
        (false, false) => {
            let message = "it writes but neither makes directories nor declares \
                           'implicit-directories', so there is no place where it could be tried \
                           out";
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

fn claims(abilities: Abilities) -> Vec<&'static str> {
    let all = [
        (true, "storage"),
        (abilities.write, "storage-write"),
        (abilities.directories, "storage-directories"),
        (abilities.modes, "storage-modes"),
        (abilities.rename, "storage-rename"),
        (abilities.exchange, "storage-exchange"),
        (abilities.copy, "storage-copy"),
        (abilities.conditional_write, "conditional-write"),
        (abilities.carried_write, "carried-write"),
        (abilities.implicit_directories, "implicit-directories"),
    ];
    all.into_iter()
        .filter(|(claimed, _)| *claimed)
        .map(|(_, name)| name)
        .collect()
}
