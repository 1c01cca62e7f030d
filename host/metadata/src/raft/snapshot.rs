//! Snapshots: the whole state in one file, complete and on disk before anybody hears of it.
//!
//! Its name is unique, because two snapshots of the same entry need not have the same bytes, and a
//! transfer that is begun with one cannot go on with the other.

#![expect(
    clippy::result_large_err,
    reason = "openraft says what a storage fails with"
)]

use std::path::{Path, PathBuf};

use openraft::{RaftSnapshotBuilder, Snapshot, SnapshotMeta, StorageError};
use rusqlite::Connection;

use super::command::{NodeId, Types};
use super::failure::broken;
use super::folder::{RaftFolder, create};
use super::machine::{self, Applied};
use crate::sqlite::{self, SharedConnection, UNSYNCED, blocking};

type StoredSnapshot<T> = std::result::Result<T, StorageError<NodeId>>;

/// Up to where a snapshot is.
pub(super) async fn applied(file: &Path) -> StoredSnapshot<Applied> {
    let file = file.to_owned();
    let read = move || machine::applied(&sqlite::immutable(&file).map_err(broken)?);
    blocking(read).await.map_err(broken)?
}

/// The snapshot that holds.
pub(super) async fn current(folder: &RaftFolder) -> StoredSnapshot<Option<Snapshot<Types>>> {
    let Some((snapshot_id, path)) = folder.snapshot().map_err(broken)? else {
        return Ok(None);
    };
    let Applied { last, membership } = applied(&path).await?;
    let file = tokio::fs::File::open(&path).await.map_err(broken)?;
    let meta = SnapshotMeta {
        last_log_id: last,
        last_membership: membership,
        snapshot_id,
    };
    Ok(Some(Snapshot {
        meta,
        snapshot: Box::new(file),
    }))
}

/// Makes one snapshot of the state that there was when it was asked to.
pub(super) struct Builder {
    folder: RaftFolder,
    connection: StoredSnapshot<SharedConnection>,
}

impl Builder {
    pub(super) async fn new(folder: RaftFolder, state: PathBuf) -> Self {
        // Opened and read at once: the file may be forgotten for another before the snapshot is
        // made.
        let open = move || {
            let connection = sqlite::writer(&state, UNSYNCED).map_err(broken)?;
            machine::applied(&connection)?;
            Ok(SharedConnection::new(connection))
        };
        let connection = blocking(open).await.map_err(broken).flatten();
        Self { folder, connection }
    }
}

impl RaftSnapshotBuilder<Types> for Builder {
    async fn build_snapshot(&mut self) -> StoredSnapshot<Snapshot<Types>> {
        let connection = self.connection.as_ref().map_err(|cause| cause.clone())?;
        let unfinished = self.folder.unfinished("snapshot");
        // SQLite writes into an empty file as into none; this one is of this user only.
        create(&unfinished).map_err(broken)?;
        let name = unfinished.to_string_lossy().into_owned();
        let write = move |state: &mut Connection| state.execute("VACUUM INTO ?", [name]);
        let written = connection.with(write).await.map_err(broken)?;
        written.map_err(broken)?;
        let Applied { last, .. } = applied(&unfinished).await?;
        let mut unique = [0; 4];
        getrandom::fill(&mut unique)
            .map_err(|cause| broken(std::io::Error::other(cause.to_string())))?;
        let index = last.map_or(0, |last| last.index);
        self.folder
            .finish_snapshot(&unfinished, &format!("{index}-{}", hex::encode(unique)))
            .map_err(broken)?;
        current(&self.folder)
            .await?
            .ok_or_else(|| broken(std::io::Error::other("the snapshot has gone")))
    }
}
