//! What the stores that speak SQL have in common: how a path is cut into ranges, and what a row may
//! say.

mod row;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Intent, IntentId, Link};
use callfs_model::path::{FilePath, MAX_PATH, PathError};

pub(super) use self::row::{COLUMNS, IntentRow, LinkRow, SqlRow};

/// Why changes were not carried out.
pub(super) enum SqlFailure {
    /// They cannot be; the transaction goes on without them.
    Refused(Error),
    /// The database failed; nothing is known of the transaction.
    Broken(sqlx::Error),
}

impl From<sqlx::Error> for SqlFailure {
    fn from(cause: sqlx::Error) -> Self {
        Self::Broken(cause)
    }
}

/// The uses of a link, as a row has them.
pub(super) fn uses(link: &Link) -> Result<String, sqlx::Error> {
    serde_json::to_string(&link.uses).map_err(|cause| sqlx::Error::Encode(cause.into()))
}

/// The rights of a link's maker, as a row has them.
pub(super) fn rights(link: &Link) -> Result<String, sqlx::Error> {
    serde_json::to_string(&link.rights).map_err(|cause| sqlx::Error::Encode(cause.into()))
}

/// The bounds, both exclusive, of everything below a directory.
pub(super) fn below(directory: &FilePath) -> (Vec<u8>, Vec<u8>) {
    let prefix = if directory.is_root() {
        ""
    } else {
        directory.as_str()
    };
    (
        format!("{prefix}/").into_bytes(),
        format!("{prefix}0").into_bytes(),
    )
}

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
    let text = String::from_utf8(bytes).map_err(Error::internal)?;
    FilePath::parse(&text).map_err(|cause| damaged(&format!("{text:?} is not a path: {cause}")))
}

const RENAME: &str = "rename";
// The target of a tombstone is the identity of its storage, if that has one.
const TOMBSTONE: &str = "discard";
const TOMBSTONE_INSIDE: &str = "discard-inside";
// It has no target.
const RECONCILE: &str = "reconcile";

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
        TOMBSTONE | TOMBSTONE_INSIDE => Intent::Tombstone {
            path: source,
            inside: kind == TOMBSTONE_INSIDE,
            storage: if target.is_empty() {
                None
            } else {
                let identity = target.try_into();
                Some(identity.map_err(|_| damaged("the identity of a storage is cut short"))?)
            },
        },
        RECONCILE => Intent::Reconcile { path: source },
        other => return Err(damaged(&format!("an intent of the unknown kind '{other}'"))),
    };
    Ok((id, intent))
}

/// Kind, source and target of an intent, as a row has them.
pub(super) fn columns(intent: &Intent) -> (&'static str, &[u8], &[u8]) {
    let (kind, source, target) = match intent {
        Intent::Rename { from, to } => (RENAME, from, to.as_str().as_bytes()),
        Intent::Tombstone {
            path,
            inside,
            storage,
        } => {
            let kind = if *inside { TOMBSTONE_INSIDE } else { TOMBSTONE };
            let storage = storage.as_ref();
            (
                kind,
                path,
                storage.map_or(&[][..], |identity| &identity[..]),
            )
        }
        Intent::Reconcile { path } => (RECONCILE, path, &[][..]),
    };
    (kind, source.as_str().as_bytes(), target)
}
