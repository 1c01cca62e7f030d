//! What is shared: whether a user may share a file or a directory, and reading it because they did.
//!
//! Its reader is not known. The one who shared it is, and what they may not do any more with what
//! is there now is not done in their name. What a link is, is not known here.

use std::ops::Range;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use callfs_model::storage::{Condition, EntryKind};
use futures_util::future::BoxFuture;

use crate::failure::{refuse, special};
use crate::lookup::path::{Lookup, LookupTarget};
use crate::lookup::read::{OpenAttempt, OpenedPath, WantedBytes};
use crate::{Engine, Info};

/// What the one who shares something has to be allowed, each time it is read.
const NEEDED: [Action; 2] = [Action::Read, Action::Share];

impl Engine {
    /// Whether the caller may share what a path names, which has to be a file or a directory that
    /// they may read.
    pub fn permit_share<'a>(
        &'a self,
        who: &'a Identity,
        path: &'a FilePath,
    ) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            let place = self.find_for(who, path).await?;
            let info = self.permit_shared(who, &place).await?.info(path);
            if info.kind == EntryKind::Special {
                return Err(special(path));
            }
            Ok(info)
        })
    }

    /// Opens a file that this user shared, whole, if they may share it still.
    pub fn open_shared<'a>(
        &'a self,
        maker: &'a Identity,
        path: &'a FilePath,
    ) -> BoxFuture<'a, Result<(Info, Source)>> {
        Box::pin(async move {
            match self.open_as_shared(maker, path).await? {
                (target, Some(source)) => Ok((target.info(path), source)),
                (_, None) => Err(directory(path)),
            }
        })
    }

    /// Opens what is in a directory that this user shared, or the directory, if they may share that
    /// still. The names of a directory are listed as this user may.
    pub fn open_shared_tree<'a>(
        &'a self,
        maker: &'a Identity,
        path: &'a FilePath,
    ) -> BoxFuture<'a, Result<OpenedPath>> {
        Box::pin(async move {
            Ok(match self.open_as_shared(maker, path).await? {
                (target, Some(source)) => OpenedPath::File {
                    info: target.info(path),
                    source,
                    part: None,
                },
                (target, None) => OpenedPath::Directory(target.info(path)),
            })
        })
    }

    /// Opens what a path names; a directory has no bytes.
    async fn open_as_shared(
        &self,
        maker: &Identity,
        path: &FilePath,
    ) -> Result<(LookupTarget, Option<Source>)> {
        let attempt = self
            .open_file(maker, &NEEDED, path, WantedBytes::Whole, Condition::Always)
            .await?;
        let mut place = match attempt {
            OpenAttempt::File(target, source, _) => return Ok((target, Some(source))),
            OpenAttempt::Other(place) => place,
            OpenAttempt::Unclear => self.find_for(maker, path).await?,
        };
        self.permit_shared(maker, &place).await?;
        let Some(target) = place.take_plain(maker)? else {
            return Err(place.absence());
        };
        self.open_target(path, target).await
    }

    /// Opens a part of a file that [was opened](Self::open_shared) before; see
    /// [`open_part`](Self::open_part).
    pub async fn open_shared_part(
        &self,
        maker: &Identity,
        whole: &Info,
        range: Range<u64>,
    ) -> Result<Source> {
        self.open_part_to(maker, &NEEDED, whole, range).await
    }

    /// What a file is that this user shared, if they may share it still.
    pub fn stat_shared<'a>(
        &'a self,
        maker: &'a Identity,
        path: &'a FilePath,
    ) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            let info = self.permit_share(maker, path).await?;
            if info.kind == EntryKind::Directory {
                return Err(directory(path));
            }
            Ok(info)
        })
    }

    async fn permit_shared<'a>(
        &self,
        who: &Identity,
        place: &'a Lookup,
    ) -> Result<&'a LookupTarget> {
        let target = self.permit(who, place, Action::Read).await?;
        let share = place.question(Action::Share, target);
        self.require(who, place, &[share]).await?;
        Ok(target)
    }
}

fn directory(path: &FilePath) -> callfs_model::error::Error {
    refuse(
        ErrorKind::IsADirectory,
        path,
        "is a directory, and the link is of a file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn who_may_not_read_may_not_share() {
        for world in [folder(), plain(), bucket()].map(World::new) {
            world.put(&alice(), "/d/a", "hello").await.expect("stored");
            world
                .engine
                .permit_share(&bob(), &path("/d/a"))
                .await
                .expect("readable");
            world.chmod(&alice(), "/d/a", 0o600).await;
            world
                .engine
                .permit_share(&alice(), &path("/d/a"))
                .await
                .expect("hers");
            let share = async |at: &str| kind(world.engine.permit_share(&bob(), &path(at)).await);
            assert_eq!(share("/d/a").await, ErrorKind::PermissionDenied);
            let directory = world.engine.permit_share(&bob(), &path("/d")).await;
            assert_eq!(directory.expect("readable").kind, EntryKind::Directory);
            assert_eq!(share("/d/none").await, ErrorKind::NotFound);
            world.chmod(&alice(), "/d", 0o700).await;
            assert_eq!(share("/d/none").await, ErrorKind::PermissionDenied);
            assert_eq!(share("/d").await, ErrorKind::PermissionDenied);
        }
    }

    #[tokio::test]
    async fn a_shared_directory_gives_what_is_in_it_as_its_sharer_may() {
        for world in [folder(), plain(), bucket()].map(World::new) {
            world.put(&alice(), "/d/a", "hello").await.expect("stored");
            world.put(&alice(), "/d/e/b", "deep").await.expect("stored");
            world.put(&alice(), "/d/secret", "x").await.expect("stored");
            world.chmod(&alice(), "/d/secret", 0o600).await;
            let engine = &world.engine;
            let open = async |at: &str| engine.open_shared_tree(&bob(), &path(at)).await;
            for (at, is_file) in [("/d", false), ("/d/e", false), ("/d/e/b", true)] {
                match open(at).await.expect("readable") {
                    OpenedPath::File { info, .. } => assert!(is_file, "{}", info.path),
                    OpenedPath::Directory(info) => assert!(!is_file, "{}", info.path),
                }
            }
            assert_eq!(kind(open("/d/secret").await), ErrorKind::PermissionDenied);
            assert_eq!(kind(open("/d/none").await), ErrorKind::NotFound);
            world.chmod(&alice(), "/d/e", 0o700).await;
            for closed in ["/d/e", "/d/e/b", "/d/e/none"] {
                assert_eq!(kind(open(closed).await), ErrorKind::PermissionDenied);
            }
        }
    }

    #[tokio::test]
    async fn a_shared_file_is_read_as_its_sharer_may() {
        for world in [folder(), plain(), bucket()].map(World::new) {
            world.put(&alice(), "/d/a", "hello").await.expect("stored");
            world.chmod(&alice(), "/d/a", 0o600).await;
            world.chmod(&alice(), "/d", 0o700).await;
            let engine = &world.engine;
            let at = path("/d/a");
            let (info, mut source) = engine.open_shared(&alice(), &at).await.expect("shared");
            assert_eq!(
                source.next().await.expect("bytes").as_deref(),
                Some(&b"hello"[..])
            );
            assert_eq!(
                engine.stat_shared(&alice(), &at).await.expect("shared"),
                info
            );
            let part = engine.open_shared_part(&alice(), &info, 1..3).await;
            assert_eq!(
                part.expect("the same version")
                    .next()
                    .await
                    .expect("bytes")
                    .as_deref(),
                Some(&b"el"[..])
            );
            for (at, expected) in [
                ("/d", ErrorKind::IsADirectory),
                ("/d/none", ErrorKind::NotFound),
            ] {
                let at = path(at);
                assert_eq!(kind(engine.open_shared(&alice(), &at).await), expected);
                assert_eq!(kind(engine.stat_shared(&alice(), &at).await), expected);
            }
        }
    }

    #[tokio::test]
    async fn what_its_sharer_may_not_read_any_more_is_not_shared() {
        for world in [folder(), plain(), bucket()].map(World::new) {
            world.put(&alice(), "/d/a", "hello").await.expect("stored");
            world.put(&alice(), "/d/b", "hello").await.expect("stored");
            let engine = &world.engine;
            let at = path("/d/a");
            let (info, _) = engine.open_shared(&bob(), &at).await.expect("readable");
            let is_denied = async |at: &FilePath| {
                for denied in [
                    kind(engine.open_shared(&bob(), at).await),
                    kind(engine.stat_shared(&bob(), at).await),
                    kind(engine.open_shared_part(&bob(), &info, 1..3).await),
                ] {
                    assert_eq!(denied, ErrorKind::PermissionDenied);
                }
            };
            world.chmod(&alice(), "/d/a", 0o600).await;
            is_denied(&at).await;
            world.chmod(&alice(), "/d/a", 0o644).await;
            engine.open_shared(&bob(), &at).await.expect("readable");
            world.chmod(&alice(), "/d", 0o700).await;
            is_denied(&at).await;
            for behind in ["/d", "/d/none"] {
                let behind = path(behind);
                let denied = kind(engine.open_shared(&bob(), &behind).await);
                assert_eq!(denied, ErrorKind::PermissionDenied);
            }
        }
    }
}
