//! Files that are shared: whether somebody may share one, and reading one because it is.
//!
//! Whoever reads a shared file is nobody in particular, and nobody is asked whether they may: the
//! one who shared it was asked when they did. What a link is, is not known here.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use callfs_model::storage::{Condition, EntryKind};
use futures_util::future::BoxFuture;

use crate::failure::{refuse, special};
use crate::lookup::path::LookupTarget;
use crate::{Engine, Info};

impl Engine {
    /// Whether the caller may share what a path names, which has to be a file that they may read.
    pub fn permit_share<'a>(
        &'a self,
        who: &'a Identity,
        path: &'a FilePath,
    ) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            let place = self.find_for(who, path).await?;
            let target = self.permit(who, &place, Action::Read).await?;
            self.authorizer
                .require(who, &[place.question(Action::Share, target)])
                .await?;
            file(path, target)
        })
    }

    /// Opens a shared file, whole.
    pub fn open_shared<'a>(&'a self, path: &'a FilePath) -> BoxFuture<'a, Result<(Info, Source)>> {
        Box::pin(async move {
            if let Some((target, source)) =
                self.open_file(None, path, None, Condition::Always).await?
            {
                return Ok((target.info(path), source));
            }
            let mut place = self.find(path).await?;
            let Some(target) = place.target.take() else {
                return Err(place.absence());
            };
            match self.open_target(path, target).await? {
                (target, Some(source)) => Ok((target.info(path), source)),
                (_, None) => Err(directory(path)),
            }
        })
    }

    /// What a shared file is.
    pub fn stat_shared<'a>(&'a self, path: &'a FilePath) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            let place = self.find(path).await?;
            file(path, place.target.as_ref().ok_or_else(|| place.absence())?)
        })
    }
}

fn file(path: &FilePath, target: &LookupTarget) -> Result<Info> {
    let info = target.info(path);
    match info.kind {
        EntryKind::File => Ok(info),
        EntryKind::Directory => Err(directory(path)),
        EntryKind::Special => Err(special(path)),
    }
}

fn directory(path: &FilePath) -> callfs_model::error::Error {
    refuse(
        ErrorKind::IsADirectory,
        path,
        "is a directory; only a file can be shared",
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
            assert_eq!(share("/d").await, ErrorKind::IsADirectory);
            assert_eq!(share("/d/none").await, ErrorKind::NotFound);
            world.chmod(&alice(), "/d", 0o700).await;
            assert_eq!(share("/d/none").await, ErrorKind::PermissionDenied);
        }
    }

    #[tokio::test]
    async fn a_shared_file_is_read_whoever_asks() {
        for world in [folder(), plain(), bucket()].map(World::new) {
            world.put(&alice(), "/d/a", "hello").await.expect("stored");
            world.chmod(&alice(), "/d/a", 0o600).await;
            world.chmod(&alice(), "/d", 0o700).await;
            let (info, mut source) = world
                .engine
                .open_shared(&path("/d/a"))
                .await
                .expect("shared");
            assert_eq!(
                source.next().await.expect("bytes").as_deref(),
                Some(&b"hello"[..])
            );
            assert_eq!(
                world
                    .engine
                    .stat_shared(&path("/d/a"))
                    .await
                    .expect("shared"),
                info
            );
            let mut part = world
                .engine
                .open_shared_part(&info, 1..3)
                .await
                .expect("the same version");
            assert_eq!(
                part.next().await.expect("bytes").as_deref(),
                Some(&b"el"[..])
            );
            assert_eq!(
                kind(world.engine.open_shared(&path("/d")).await),
                ErrorKind::IsADirectory
            );
            assert_eq!(
                kind(world.engine.open_shared(&path("/d/none")).await),
                ErrorKind::NotFound
            );
            assert_eq!(
                kind(world.engine.stat_shared(&path("/d/none")).await),
                ErrorKind::NotFound
            );
        }
    }
}
