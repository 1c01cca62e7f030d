//! A filesystem in memory, and the people who use it, for the tests of the engine.

mod memory;
mod metadata;
mod steps;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use callfs_identity::Authorization;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Authorizer, Decision, Identity, Question};
use callfs_model::locks::{Guard, Locks};
use callfs_model::metadata::LeaseId;
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use callfs_model::storage::{Abilities, Mount, Mounts};
pub(crate) use memory::Memory;
pub(crate) use metadata::FakeMetadata;
pub(crate) use steps::{Fault, Steps};
use tokio::sync::Notify;

use crate::{
    Defaults, DeleteOptions, Engine, ExchangeOptions, ListOptions, OpenedPath, Precondition,
    PutOptions, RenameOptions, StoredFile, Tombstones,
};

/// As `localfs`: conditions, and writes that are carried.
pub(crate) fn folder() -> Abilities {
    Abilities {
        conditional_write: true,
        carried_write: true,
        modes: true,
        exchange: true,
        ..plain()
    }
}

/// Stores by itself, and knows no conditions.
pub(crate) fn plain() -> Abilities {
    Abilities {
        write: true,
        directories: true,
        rename: true,
        ..Abilities::default()
    }
}

/// The same, and copies by itself.
pub(crate) fn copier() -> Abilities {
    Abilities {
        copy: true,
        ..plain()
    }
}

/// As S3: directories are prefixes.
pub(crate) fn bucket() -> Abilities {
    Abilities {
        write: true,
        carried_write: true,
        implicit_directories: true,
        ..Abilities::default()
    }
}

/// The same, and copies by itself.
pub(crate) fn copying_bucket() -> Abilities {
    Abilities {
        copy: true,
        ..bucket()
    }
}

/// A filesystem whose parts a test can look into.
pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    /// Mounted at `/`.
    pub(crate) disk: Memory,
    pub(crate) metadata: Arc<FakeMetadata>,
    pub(crate) locks: Arc<Simple>,
    /// Every step of the storages and of the metadata store.
    pub(crate) steps: Steps,
    mounts: Vec<Mount>,
    memories: Vec<(FilePath, Memory)>,
}

impl Engine {
    /// Writes a file that is admitted first.
    pub(crate) async fn put(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        body: Source,
        options: PutOptions,
    ) -> Result<StoredFile> {
        let admitted = self.admit_put(who, path, body.size(), options).await?;
        self.receive(who, admitted, body).await
    }
}

impl World {
    pub(crate) fn new(abilities: Abilities) -> Self {
        Self::with(abilities, vec![])
    }

    pub(crate) fn with(abilities: Abilities, others: Vec<(&str, Memory)>) -> Self {
        let disk = Memory::new("disk", abilities);
        let steps = Steps::new();
        let metadata = Arc::new(FakeMetadata::new(&steps));
        let locks = Arc::default();
        let mount = |(at, storage): (&str, Memory)| {
            storage.join(&steps);
            Mount::new(path(at), Arc::new(storage))
        };
        let all: Vec<_> = std::iter::once(("/", disk.clone())).chain(others).collect();
        let memories = all
            .iter()
            .map(|(at, memory)| (path(at), memory.clone()))
            .collect();
        let mounts = all.into_iter().map(mount).collect();
        Self {
            memories,
            ..Self::of(mounts, disk, metadata, locks, steps)
        }
    }

    /// Another storage at `/far`, where everyone may create as in `/`.
    pub(crate) async fn with_far(abilities: Abilities, far: Memory) -> Self {
        let world = Self::with(abilities, vec![("/far", far)]);
        world.chmod(&admin(), "/far", 0o1777).await;
        world
    }

    /// Any mounts, one of which is `disk`.
    pub(crate) fn on(mounts: Vec<Mount>, disk: Memory) -> Self {
        let steps = Steps::new();
        Self::of(
            mounts,
            disk,
            Arc::new(FakeMetadata::new(&steps)),
            Arc::default(),
            steps,
        )
    }

    /// The same storages and metadata after the process died: nothing that it held in memory.
    pub(crate) fn restarted(&self) -> Self {
        self.steps.fail(None);
        let disk = self.disk.clone();
        let metadata = self.metadata.clone();
        let steps = self.steps.clone();
        Self {
            memories: self.memories.clone(),
            ..Self::of(self.mounts.clone(), disk, metadata, Arc::default(), steps)
        }
    }

    /// Another gateway on the same storages, metadata and locks.
    pub(crate) fn beside(&self) -> Self {
        let disk = self.disk.clone();
        let metadata = self.metadata.clone();
        let locks = self.locks.clone();
        let steps = self.steps.clone();
        let memories = self.memories.clone();
        Self {
            memories,
            ..Self::with_tombstones(
                self.mounts.clone(),
                disk,
                metadata,
                locks,
                steps,
                Tombstones::shared(),
            )
        }
    }

    fn of(
        mounts: Vec<Mount>,
        disk: Memory,
        metadata: Arc<FakeMetadata>,
        locks: Arc<Simple>,
        steps: Steps,
    ) -> Self {
        Self::with_tombstones(mounts, disk, metadata, locks, steps, Tombstones::default())
    }

    fn with_tombstones(
        mounts: Vec<Mount>,
        disk: Memory,
        metadata: Arc<FakeMetadata>,
        locks: Arc<Simple>,
        steps: Steps,
        tombstones: Tombstones,
    ) -> Self {
        let root = || "root".to_owned();
        let engine = Engine {
            mounts: Mounts::new(mounts.clone()),
            metadata: metadata.clone(),
            locks: locks.clone(),
            authorizer: Authorization::new(Arc::new(Posix)),
            defaults: Defaults {
                owner: root(),
                group: root(),
                root_mode: 0o1777,
                umask: 0o022,
            },
            tombstones,
            intents: Default::default(),
            lock_wait: Duration::from_millis(200),
            max_upload: 1000,
        };
        Self {
            engine: Arc::new(engine),
            disk,
            metadata,
            locks,
            steps,
            mounts,
            memories: Vec::new(),
        }
    }

    pub(crate) async fn put(&self, who: &Identity, at: &str, body: &str) -> Result<StoredFile> {
        let body = Source::from_bytes(body.to_owned());
        self.engine
            .put(who, &path(at), body, PutOptions::default())
            .await
    }

    pub(crate) async fn mkdir(&self, who: &Identity, at: &str) -> Result<StoredFile> {
        self.engine
            .make_directory(who, &path(at), Precondition::default())
            .await
    }

    pub(crate) async fn delete(&self, who: &Identity, at: &str) -> Result<()> {
        self.engine
            .delete(who, &path(at), DeleteOptions::default())
            .await
    }

    pub(crate) async fn delete_tree(&self, who: &Identity, at: &str) -> Result<()> {
        let options = DeleteOptions {
            recursive: true,
            ..DeleteOptions::default()
        };
        self.engine.delete(who, &path(at), options).await
    }

    pub(crate) async fn chmod(&self, who: &Identity, at: &str, mode: u32) {
        let change = crate::AttributeChange {
            mode: Some(mode),
            ..Default::default()
        };
        self.engine
            .change_attributes(who, &path(at), change, &Default::default())
            .await
            .expect("changed");
    }

    pub(crate) async fn rename(&self, who: &Identity, from: &str, to: &str) -> Result<FilePath> {
        let moved = self.engine.rename(who, &path(from), move_to(to)).await;
        moved.map(|info| info.path)
    }

    pub(crate) async fn exchange(
        &self,
        who: &Identity,
        one: &str,
        other: &str,
    ) -> Result<FilePath> {
        let options = exchange_with(other);
        let moved = self.engine.exchange(who, &path(one), options).await;
        moved.map(|info| info.path)
    }

    pub(crate) async fn copy(
        &self,
        who: &Identity,
        from: &str,
        to: &str,
        overwrite: bool,
    ) -> Result<StoredFile> {
        let options = crate::CopyOptions {
            overwrite,
            ..Default::default()
        };
        self.engine.copy(who, &path(from), &path(to), options).await
    }

    pub(crate) async fn get(&self, who: &Identity, at: &str) -> Result<String> {
        match self.engine.open(who, &path(at), None).await? {
            OpenedPath::Directory(info) => panic!("{} is a directory", info.path),
            OpenedPath::File {
                mut source, info, ..
            } => {
                let mut all = Vec::new();
                while let Some(piece) = source.next().await? {
                    all.extend_from_slice(&piece);
                }
                assert_eq!(all.len() as u64, info.size);
                Ok(String::from_utf8(all).expect("text"))
            }
        }
    }

    /// The paths of a listing, without the slash in front.
    pub(crate) async fn list(
        &self,
        who: &Identity,
        at: &str,
        options: ListOptions,
    ) -> Result<Vec<String>> {
        let listing = self.engine.list(who, &path(at), options).await?;
        Ok(listing
            .items
            .iter()
            .map(|info| info.path.as_str()[1..].to_owned())
            .collect())
    }

    /// The storage of a path, and the path within it.
    pub(crate) fn storage_of(&self, at: &str) -> (Memory, String) {
        let (mount, rest) = (self
            .memories
            .iter()
            .filter(|(mount, _)| path(at).is_within(mount)))
        .max_by_key(|(mount, _)| mount.depth())
        .map(|(mount, memory)| {
            (
                memory.clone(),
                path(at).below(mount).unwrap_or_default().to_owned(),
            )
        })
        .expect("mounted");
        (mount, rest)
    }

    /// Every record has what it is of.
    pub(crate) async fn assert_whole(&self) {
        for record in self.metadata.records() {
            assert!(
                self.engine.stands(&record).await.expect("asked"),
                "{} is recorded and not there",
                record.path
            );
        }
    }

    /// Nothing is held, and nothing was begun that did not end.
    pub(crate) fn assert_quiet(&self) {
        assert_eq!(self.locks.held(), 0, "locks are still held");
        assert_eq!(self.metadata.intents_left(), 0, "intents are left");
    }
}

pub(crate) fn path(text: &str) -> FilePath {
    FilePath::parse(text).expect("a good path")
}

pub(crate) fn move_to(destination: &str) -> RenameOptions {
    let precondition = Default::default();
    RenameOptions {
        destination: path(destination),
        overwrite: false,
        create_parents: false,
        precondition,
    }
}

pub(crate) fn exchange_with(destination: &str) -> ExchangeOptions {
    ExchangeOptions {
        destination: path(destination),
        precondition: Precondition::default(),
        destination_precondition: Precondition::default(),
    }
}

pub(crate) fn user(name: &str, groups: &[&str]) -> Identity {
    let groups = groups.iter().map(|&group| group.into()).collect();
    Identity {
        subject: name.into(),
        groups,
        admin: false,
        attributes: vec![],
    }
}

pub(crate) fn alice() -> Identity {
    user("alice", &["staff", "art"])
}

pub(crate) fn bob() -> Identity {
    user("bob", &[])
}

pub(crate) fn admin() -> Identity {
    Identity {
        admin: true,
        ..user("root", &["root"])
    }
}

/// The kind of a failure; panics on success.
pub(crate) fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("it should fail").kind()
}

/// The permissions of POSIX, owner and others only.
struct Posix;

#[async_trait]
impl Authorizer for Posix {
    fn name(&self) -> &str {
        "posix"
    }

    async fn authorize(&self, who: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
        Ok(questions
            .iter()
            .map(|question| decide(who, question))
            .collect())
    }
}

fn decide(who: &Identity, question: &Question) -> Decision {
    let has = |node: &AccessNode, bit: u32| {
        if node.owner == who.subject {
            node.mode >> 6 & bit != 0
        } else {
            node.mode & bit != 0
        }
    };
    let reachable = question.ancestors.iter().all(|node| has(node, 1));
    let target = |bit| question.target.as_ref().is_some_and(|node| has(node, bit));
    let parent = question.ancestors.last();
    let owns = |node: Option<&AccessNode>| node.is_some_and(|node| node.owner == who.subject);
    let allowed = match question.action {
        Action::Read | Action::List | Action::Share => target(4),
        Action::Write => target(2),
        Action::Traverse => target(1),
        Action::Administer => owns(question.target.as_ref()),
        Action::Create => parent.is_some_and(|node| has(node, 2)),
        Action::Delete | Action::Move => {
            let sticky = parent.is_some_and(|node| node.mode & 0o1000 != 0);
            let removable = !sticky || owns(question.target.as_ref()) || owns(parent);
            parent.is_some_and(|node| has(node, 2)) && removable
        }
        Action::Other(_) => false,
    };
    if who.admin || (reachable && allowed) {
        Decision::Allow
    } else {
        Decision::Deny("no".into())
    }
}

/// What is locked together, and the number of whoever locked it.
type Held = Vec<(u64, Vec<FilePath>)>;

/// Locks that exclude each other, are not fair, and can be lost if that is wanted.
#[derive(Default)]
pub(crate) struct Simple {
    held: Arc<Mutex<Held>>,
    freed: Arc<Notify>,
    taken: AtomicU64,
    lease: Mutex<Option<LeaseId>>,
}

impl Simple {
    pub(crate) fn held(&self) -> usize {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// From now on they are held under a lease. One before is fenced, and what was held under it is
    /// free.
    pub(crate) fn lease(&self, metadata: &FakeMetadata) {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lost) = *lease {
            metadata.fence(lost);
            self.held
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
            self.freed.notify_waiters();
        }
        *lease = Some(lease.map_or([1; 16], |lost| lost.map(|byte| byte + 1)));
    }

    fn take(&self, paths: &[FilePath]) -> Option<u64> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let excludes =
            |one: &FilePath, other: &FilePath| one.is_within(other) || other.is_within(one);
        let free = !held
            .iter()
            .flat_map(|(_, held)| held)
            .any(|one| paths.iter().any(|other| excludes(one, other)));
        free.then(|| {
            let number = self.taken.fetch_add(1, Ordering::SeqCst);
            held.push((number, paths.to_vec()));
            number
        })
    }
}

struct Taken(u64, Arc<Mutex<Held>>, Arc<Notify>);

impl Drop for Taken {
    fn drop(&mut self) {
        let mut held = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(number, _)| *number != self.0);
        self.2.notify_waiters();
    }
}

#[async_trait]
impl Locks for Simple {
    async fn acquire(&self, paths: &[FilePath], wait: Duration) -> Result<Guard> {
        let taken = async {
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                let lease = *self.lease.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(number) = self.take(paths) {
                    let taken = Taken(number, self.held.clone(), self.freed.clone());
                    return match lease {
                        Some(lease) => Guard::leased(lease, taken),
                        None => Guard::new(taken),
                    };
                }
                freed.await;
            }
        };
        let taken = tokio::time::timeout(wait, taken).await;
        taken.map_err(|_| Error::new(ErrorKind::Locked, format!("'{}' is locked", paths[0])))
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}
