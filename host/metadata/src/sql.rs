//! What the stores that speak SQL have in common: how a path is cut into ranges, and what a row may
//! say.

mod row;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Intent, IntentId, Record};
use callfs_model::path::{FilePath, MAX_PATH, PathError};
use callfs_model::storage::StorageIdentity;
use serde::Serialize;

use crate::object;

pub(super) use self::row::{COLUMNS, IntentRow, LinkRow, SqlRow};

/// Why changes were not carried out.
pub(super) enum SqlFailure<E> {
    /// They cannot be; the transaction goes on without them.
    Refused(Error),
    /// The database failed; nothing is known of the transaction.
    Broken(E),
}

impl<E> From<E> for SqlFailure<E> {
    fn from(cause: E) -> Self {
        Self::Broken(cause)
    }
}

/// Why a value has no form in a row, as the drivers take it.
type Unwritable = Box<dyn std::error::Error + Send + Sync>;

/// The object that takes the place of another one, as a row has it.
pub(super) fn next(record: &Record) -> Result<Option<String>, Unwritable> {
    record.next.as_ref().map(json).transpose()
}

/// The uses of a link, or the rights of its maker, as a row has them.
pub(super) fn json(value: &impl Serialize) -> Result<String, Unwritable> {
    Ok(serde_json::to_string(value)?)
}

/// The bounds, both exclusive, of everything below a directory.
pub(super) fn below(directory: &FilePath) -> (Vec<u8>, Vec<u8>) {
    below_key(if directory.is_root() {
        ""
    } else {
        directory.as_str()
    })
}

/// The same of a key, which may be one that no path has.
pub(super) fn below_key(key: &str) -> (Vec<u8>, Vec<u8>) {
    (
        format!("{key}/").into_bytes(),
        format!("{key}0").into_bytes(),
    )
}

/// Where one of two trees is kept in the middle of an exchange: no path begins like this.
pub(super) const ASIDE: &str = "aside";

/// The depth of a path, as SQL counts.
pub(super) fn depth(path: &FilePath) -> i64 {
    // At most MAX_PATH, so it fits.
    path.depth() as i64
}

/// Why a tree does not fit below another path, given the length of the longest path in it; none if
/// it does.
pub(super) fn too_long(from: &FilePath, to: &FilePath, longest: Option<i64>) -> Option<Error> {
    let longest = longest
        .and_then(|longest| usize::try_from(longest).ok())
        .unwrap_or_default();
    let moved = (longest + to.as_str().len()).saturating_sub(from.as_str().len());
    if longest == 0 || moved <= MAX_PATH {
        return None;
    }
    let message = format!("cannot move {from} to {to}: {}", PathError::TooLong(moved));
    Some(Error::new(ErrorKind::BadRequest, message))
}

/// What is refused because an intent of this name was begun and not ended.
pub(super) fn begun_before(id: &IntentId) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        format!("the intent {} was begun before", hex::encode(id)),
    )
}

/// A row that this program did not write.
pub(super) fn damaged(what: &str) -> Error {
    Error::internal(format!("the metadata store is damaged: {what}"))
}

/// What a row says of a path.
pub(super) fn path(bytes: Vec<u8>) -> Result<FilePath> {
    let text = String::from_utf8(bytes).map_err(|cause| {
        let readable = String::from_utf8_lossy(cause.as_bytes());
        damaged(&format!("the path {readable:?} is not UTF-8"))
    })?;
    FilePath::parse(&text).map_err(|cause| damaged(&format!("{text:?} is not a path: {cause}")))
}

const RENAME: &str = "rename";
// Its target is the other path and the names of both objects, in hexadecimal digits, with NULs in
// between.
const EXCHANGE: &str = "exchange";
// The target of a tombstone is the identity of its storage, if that has one, and when the newest of
// what it removes was changed, if that is known: 16 bytes and 8, of which either may be missing.
const TOMBSTONE: &str = "discard";
const TOMBSTONE_INSIDE: &str = "discard-inside";
// It has no target.
const RECONCILE: &str = "reconcile";
// Its target is the identity of the storage.
const MOUNTED: &str = "mounted";
const IDENTITY: usize = size_of::<StorageIdentity>();

/// What a row says of an intent.
pub(super) fn intent(
    id: Vec<u8>,
    kind: &str,
    source: Vec<u8>,
    target: Vec<u8>,
) -> Result<(IntentId, Intent)> {
    let id = id
        .try_into()
        .map_err(|_| damaged("the id of an intent has the wrong length"))?;
    let source = path(source)?;
    let intent = match kind {
        RENAME => Intent::Rename {
            from: source,
            to: path(target)?,
        },
        EXCHANGE => exchange(source, &target)?,
        TOMBSTONE | TOMBSTONE_INSIDE => {
            let (storage, newest) = if target.len() < IDENTITY {
                (&[][..], &target[..])
            } else {
                target.split_at(IDENTITY)
            };
            let newest = optional(newest, "the time of a tombstone")?;
            Intent::Tombstone {
                path: source,
                inside: kind == TOMBSTONE_INSIDE,
                storage: optional(storage, "the identity of a storage")?,
                newest: newest.map(i64::from_be_bytes),
            }
        }
        RECONCILE => Intent::Reconcile { path: source },
        MOUNTED => Intent::Mounted {
            path: source,
            storage: exact(&target, "the identity of a storage")?,
        },
        other => return Err(damaged(&format!("an intent of the unknown kind '{other}'"))),
    };
    Ok((id, intent))
}

fn exchange(one: FilePath, target: &[u8]) -> Result<Intent> {
    let parts: Vec<&[u8]> = target.splitn(3, |byte| *byte == 0).collect();
    let [other, first, second] = parts[..] else {
        return Err(damaged("an exchange does not name its objects"));
    };
    let named = |digits: &[u8]| {
        let text = hex::decode(digits).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let object = text.and_then(|text| object::read(&text));
        object.ok_or_else(|| damaged("an exchange names no object"))
    };
    Ok(Intent::Exchange {
        one,
        other: path(other.to_vec())?,
        objects: [named(first)?, named(second)?],
    })
}

fn exact<const N: usize>(bytes: &[u8], what: &str) -> Result<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_| damaged(&format!("{what} has the wrong length")))
}

/// None if there are no bytes.
fn optional<const N: usize>(bytes: &[u8], what: &str) -> Result<Option<[u8; N]>> {
    (!bytes.is_empty()).then(|| exact(bytes, what)).transpose()
}

/// Kind, source and target of an intent, as a row has them.
pub(super) fn columns(intent: &Intent) -> (&'static str, &[u8], Vec<u8>) {
    let (kind, source, target) = match intent {
        Intent::Rename { from, to } => (RENAME, from, to.as_str().into()),
        Intent::Exchange {
            one,
            other,
            objects,
        } => {
            let [first, second] = objects
                .each_ref()
                .map(|named| hex::encode(object::written(named)));
            let target = format!("{other}\0{first}\0{second}");
            (EXCHANGE, one, target.into_bytes())
        }
        Intent::Tombstone {
            path,
            inside,
            storage,
            newest,
        } => {
            let kind = if *inside { TOMBSTONE_INSIDE } else { TOMBSTONE };
            let storage = storage.iter().flatten().copied();
            let newest = newest.map(i64::to_be_bytes).into_iter().flatten();
            (kind, path, storage.chain(newest).collect())
        }
        Intent::Reconcile { path } => (RECONCILE, path, Vec::new()),
        Intent::Mounted { path, storage } => (MOUNTED, path, storage.to_vec()),
    };
    (kind, source.as_str().as_bytes(), target)
}
