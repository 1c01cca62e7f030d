//! Changes other than writing: removing, making directories, renaming, copying.
//!
//! Servers remove and replace whole trees where they are asked to remove or to replace a name. So
//! each change looks at what it is about first; CallFS holds the locks of the paths meanwhile.

use opendal_core::options::{CopyOptions, ListOptions};
use opendal_core::raw::{OpCopy, OpCreateDir, OpDelete};

use super::adapter::{Adapter, check, directory};
use crate::attributes::{Attributes, Condition, Kind};
use crate::error::{Error, Result};
use crate::source::Written;

impl Adapter {
    pub(super) async fn remove(&self, path: &str, condition: &Condition) -> Result<()> {
        let stored = self.stat(path).await?;
        if stored.kind == Kind::Directory {
            return Err(Error::IsADirectory);
        }
        Self::demand(condition, Some(&stored))?;
        self.delete(path).await
    }

    /// Removes by a name as the service knows it, of a directory with all that is in it.
    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        self.exchange.begin();
        let mut deleter = self
            .service()
            .delete_dyn(self.context())
            .map_err(|error| self.failure(error))?;
        deleter
            .delete_dyn(name, OpDelete::new())
            .await
            .map_err(|error| self.failure(error))?;
        deleter
            .close_dyn()
            .await
            .map_err(|error| self.failure(error))
    }

    pub(super) async fn make(&self, path: &str) -> Result<Attributes> {
        check(path)?;
        if self.look(path).await?.is_some() {
            return Err(Error::AlreadyExists);
        }
        // Services make the parents too.
        if let Some(error) = self.misplaced(path).await? {
            return Err(error);
        }
        self.exchange.begin();
        let made = self
            .service()
            .create_dir_dyn(self.context(), &directory(path), OpCreateDir::new())
            .await;
        made.map_err(|error| self.failure(error))?;
        self.found(path).await
    }

    pub(super) async fn remove_directory(&self, path: &str) -> Result<()> {
        if self.stat(path).await?.kind != Kind::Directory {
            return Err(Error::NotADirectory);
        }
        self.demand_empty(path).await?;
        self.delete(&directory(path)).await
    }

    async fn demand_empty(&self, path: &str) -> Result<()> {
        let directory = directory(path);
        self.exchange.begin();
        let options = ListOptions {
            limit: Some(2),
            ..ListOptions::default()
        };
        let listed = self
            .service()
            .list_dyn(self.context(), &directory, options.into());
        let mut listed = listed.map_err(|error| self.failure(error))?;
        while let Some(entry) = listed
            .next_dyn()
            .await
            .map_err(|error| self.failure(error))?
        {
            if entry.path() != directory {
                return Err(Error::DirectoryNotEmpty);
            }
        }
        Ok(())
    }

    pub(super) async fn rename(&self, from: &str, to: &str, condition: &Condition) -> Result<()> {
        check(to)?;
        let source = self.stat(from).await?;
        let target = self.target(to, condition).await?;
        let moved = match (source.kind, target.map(|target| target.kind)) {
            (Kind::Directory, None) => self.relocate(&directory(from), &directory(to)).await,
            (Kind::Directory, Some(Kind::Directory)) => {
                self.demand_empty(to).await?;
                self.relocate(&directory(from), &directory(to)).await
            }
            (Kind::Directory, Some(_)) => return Err(Error::NotADirectory),
            (_, Some(Kind::Directory)) => return Err(Error::IsADirectory),
            (_, _) => self.relocate(from, to).await,
        };
        match moved {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refused(to, error).await),
        }
    }

    pub(super) async fn copy(
        &self,
        from: &str,
        to: &str,
        condition: &Condition,
    ) -> Result<Written> {
        check(to)?;
        let source = self.stat(from).await?;
        if source.kind == Kind::Directory {
            return Err(Error::IsADirectory);
        }
        if !self.stages {
            let target = self.target(to, condition).await?;
            if target.is_some_and(|target| target.kind == Kind::Directory) {
                return Err(Error::IsADirectory);
            }
            self.duplicate(from, to, source.size, *condition == Condition::Absent)
                .await?;
            return self.found(to).await.map(Written::Done);
        }
        let staged = self.stage().await?;
        let published = match self.duplicate(from, &staged, source.size, false).await {
            Ok(()) => self.publish(&staged, to, condition).await,
            Err(error) => Err(error),
        };
        self.published(&staged, published).await.map(Written::Done)
    }

    async fn duplicate(&self, from: &str, to: &str, size: u64, absent: bool) -> Result<()> {
        let can = self.service().capability_dyn();
        let options = CopyOptions {
            if_not_exists: absent && can.copy_with_if_not_exists,
            source_content_length_hint: Some(size),
            ..CopyOptions::default()
        };
        let args = OpCopy::from_options(&can, options).map_err(|error| self.failure(error))?;
        self.exchange.begin();
        let copier = self.service().copy_dyn(self.context(), from, to, args);
        let mut copier = copier.map_err(|error| self.failure(error))?;
        while copier
            .next_dyn()
            .await
            .map_err(|error| self.failure(error))?
            .is_some()
        {}
        copier
            .close_dyn()
            .await
            .map(drop)
            .map_err(|error| self.failure(error))
    }
}
