//! A folder as its users see it, and as another tool on the same machine does.

mod changing;
mod crashing;
mod exchanging;
mod identity;
mod listing;
mod modes;
mod objects;
mod reading;
mod walking;
mod writing;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use callfs_model::storage::EntryKind;
use futures_util::StreamExt;
use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

use super::*;

/// A folder that is served, beside a secret that is not: `<host>/served` and `<host>/secret`.
struct Fixture {
    host: TempDir,
    folder: Arc<Folder>,
}

impl Fixture {
    fn new() -> Self {
        let host = tempfile::tempdir().expect("a folder");
        fs::write(host.path().join("secret"), "secret").expect("writes");
        let folder =
            Folder::open(&host.path().join("served"), FolderAccess::ReadWrite).expect("opens");
        Self { host, folder }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.host.path().join("served").join(path)
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(path).parent().expect("has one")).expect("makes");
        fs::write(self.path(path), bytes).expect("writes");
    }

    fn make(&self, path: &str) {
        fs::create_dir_all(self.path(path)).expect("makes");
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) {
        symlink(target, self.path(path)).expect("links");
    }

    fn pipe(&self, path: &str) {
        mkfifoat(CWD, self.path(path), Mode::RWXU).expect("makes a pipe");
    }

    fn on_disk(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect(path)
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path))
            .expect(path)
            .permissions()
            .mode()
            & 0o7777
    }

    async fn read(&self, path: &str) -> Result<(Attributes, Vec<u8>)> {
        let (attributes, source) = self.folder.read(path, None).await?;
        Ok((attributes, bytes(source).await?))
    }

    async fn etag(&self, path: &str) -> String {
        self.folder
            .stat(path)
            .await
            .expect(path)
            .etag
            .expect("files have one")
    }

    async fn write(
        &self,
        path: &str,
        body: impl Into<Source>,
        condition: Condition,
    ) -> Result<Attributes> {
        self.folder
            .write(path, body.into(), Condition::Always, None)?
            .stage()
            .await?
            .publish(condition)
            .await
    }

    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Attributes> {
        self.folder
            .copy(from, to, condition)?
            .stage()
            .await?
            .publish(Condition::Always)
            .await
    }

    async fn names(&self, path: &str) -> Vec<String> {
        let entries = self.folder.list(path, None, u32::MAX).await.expect(path);
        entries.into_iter().map(|entry| entry.name).collect()
    }

    /// How many files lie in the staging directory, lock files aside.
    fn staged(&self) -> usize {
        let processes = fs::read_dir(self.path(".callfs-staging"))
            .expect("is there")
            .map(|entry| entry.expect("reads"));
        let directories = processes.filter(|entry| entry.file_type().expect("has one").is_dir());
        directories
            .map(|process| fs::read_dir(process.path()).expect("reads").count() - 1)
            .sum()
    }
}

async fn bytes(mut source: Source) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = source.next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// A body that comes in pieces, and ends as its last one says.
fn pieces(pieces: Vec<Result<bytes::Bytes>>) -> Source {
    Source::from_stream(futures_util::stream::iter(pieces).boxed(), None)
}

/// The kind and the message of what must have failed.
fn failed<T>(result: Result<T>) -> (ErrorKind, String) {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => (error.kind(), error.message().into()),
    }
}

fn etag_in(etag: &str) -> Condition {
    Condition::EtagIn(vec!["other".into(), etag.into()])
}
