//! How the engine changes the metadata store: under a lock, and saying under which.
//!
//! A lock that can be lost has a lease, and the metadata store refuses what is committed under one
//! that was fenced. So whoever lost its locks records nothing any more, and is told that it failed.
//! The storage knows no leases: a holder that loses its lock after its last commit, and before the
//! step of the storage that follows it, may still publish, rename or remove one object. Every
//! irrevocable step but the replacing of a file comes right after such a commit, and long ones are
//! confirmed again and again, so that the time for it is that of one step. What it can do: replace
//! or remove what somebody else put at that very path in between, who was told that it is there.
//! What it cannot: be acknowledged, be recorded, or leave a record without an object, because its
//! intent stays and is healed.

use callfs_model::error::Result;
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Intent, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;

use crate::Engine;
use crate::recovery::intents::Begun;

impl Engine {
    /// Carries out changes that this lock permits.
    pub(crate) async fn commit(&self, lock: &Guard, changes: Vec<Change>) -> Result<()> {
        let durability = self.durability(&changes);
        let under = lock.lease().map(Change::Under);
        let changes = under.into_iter().chain(changes).collect();
        match durability {
            Durability::Strict => self.metadata.apply(changes).await,
            Durability::Relaxed => self.metadata.apply_relaxed(changes).await,
        }
    }

    /// Records are as durable as the objects that they are of. What takes several steps is always
    /// strict: after a power loss it is continued, and not begun again.
    fn durability(&self, changes: &[Change]) -> Durability {
        let is_relaxed = |path: &FilePath| {
            let mount = self.mounts.owner(path);
            mount.is_some_and(|(mount, _)| mount.storage().durability() == Durability::Relaxed)
        };
        let mut relaxed = false;
        for change in changes {
            match change {
                Change::Put(Record { path, .. })
                | Change::Remove(path)
                | Change::Begin(_, Intent::Reconcile { path })
                    if is_relaxed(path) =>
                {
                    relaxed = true;
                }
                Change::End(_) => {}
                _ => return Durability::Strict,
            }
        }
        if relaxed {
            Durability::Relaxed
        } else {
            Durability::Strict
        }
    }

    /// Whether a lock is still held, as far as anybody can know: asked before what cannot be
    /// undone.
    pub(crate) async fn confirm(&self, lock: &Guard) -> Result<()> {
        match lock.lease() {
            Some(_) => self.commit(lock, Vec::new()).await,
            None => Ok(()),
        }
    }

    /// Begins an intent, together with other changes. If that fails it may have begun, and is
    /// looked after.
    pub(crate) async fn begin(
        &self,
        lock: &Guard,
        intent: Intent,
        mut along: Vec<Change>,
    ) -> Result<Begun<'_>> {
        let begun = self.intents.prepare(intent)?;
        along.extend(begun.begin());
        self.commit(lock, along).await?;
        Ok(begun)
    }

    /// The same of one about objects that begin or cease to exist at a path.
    pub(crate) async fn begin_at(
        &self,
        lock: &Guard,
        path: &FilePath,
        along: Vec<Change>,
    ) -> Result<Begun<'_>> {
        self.begin(lock, Intent::Reconcile { path: path.clone() }, along)
            .await
    }

    /// Ends an intent, together with other changes.
    pub(crate) async fn end(
        &self,
        lock: &Guard,
        begun: Begun<'_>,
        mut along: Vec<Change>,
    ) -> Result<()> {
        along.push(Change::End(begun.id()));
        self.commit(lock, along).await?;
        begun.ended();
        Ok(())
    }

    /// Ends an intent, if there is one, together with changes that say no more than what was
    /// recorded when it began: no caller waits for them. Under a lease they are carried out at
    /// once, like everything.
    pub(crate) async fn end_soon(
        &self,
        lock: &Guard,
        begun: Option<Begun<'_>>,
        mut along: Vec<Change>,
    ) -> Result<()> {
        along.extend(begun.as_ref().map(|begun| Change::End(begun.id())));
        if lock.lease().is_some() {
            self.commit(lock, along).await?;
        } else {
            self.metadata.apply_soon(along, Box::new(())).await?;
        }
        if let Some(begun) = begun {
            begun.ended();
        }
        Ok(())
    }

    /// Ends an intent after a failure, and forgets those of the paths that are not stored. If that
    /// cannot be, the intent stays and is healed later.
    pub(crate) async fn clean(
        &self,
        lock: &Guard,
        begun: Begun<'_>,
        paths: &[FilePath],
        mut along: Vec<Change>,
    ) {
        let cleaned = async {
            for path in paths {
                if self.stored(path).await?.is_none() {
                    along.push(Change::Remove(path.clone()));
                }
            }
            self.end(lock, begun, along).await
        };
        if let Err(error) = cleaned.await {
            tracing::debug!(?paths, %error, "what is recorded of a change that failed is looked \
                after later");
        }
    }
}
