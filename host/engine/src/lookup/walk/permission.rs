//! What a walk may show and enter: asked again while it goes on, because directories change while
//! it is read.

use std::time::Instant;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Question};
use callfs_model::path::FilePath;

use super::{Pending, Walk};

impl Walk {
    /// Whether the names in the innermost level may be shown, which were permitted a moment ago or
    /// not. If those of the walk as a whole may not, it fails.
    pub(super) async fn may_show(&mut self, directory: &FilePath, permitted: bool) -> Result<bool> {
        let changed = self.refresh(directory).await?;
        if permitted && !changed {
            return Ok(true);
        }
        let Some((node, ancestors)) = self.way.split_last() else {
            return Ok(false);
        };
        let question = listing(directory, node, ancestors);
        self.allows(question, changed || self.levels.len() == 1)
            .await
    }

    /// The directory as it is now, if the caller may list it by what is known of the directories
    /// on the way. Those are looked at again with the first page of its names, which is not shown
    /// if one of them was closed.
    pub(super) async fn may_enter(&self, mut directory: Pending) -> Result<Option<Pending>> {
        let now = self.directory_now(&directory.path, &directory.node);
        let now = now.await?;
        directory.node = now.unwrap_or(directory.node);
        let question = listing(&directory.path, &directory.node, &self.way);
        let allowed = self.allows(question, false).await?
            && (!self.over_links || Box::pin(self.may_list_over_links(&directory.path)).await?);
        Ok(allowed.then_some(directory))
    }

    /// The same of a directory that is reached over links, by the path without them, too.
    async fn may_list_over_links(&self, directory: &FilePath) -> Result<bool> {
        let place = self.engine.find_for(&self.who, directory).await?;
        match self.engine.permit(&self.who, &place, Action::List).await {
            Ok(_) => Ok(true),
            // Closed there, or gone by now.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::NotFound
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the caller may do that; with `whole`, a denial may be about all of the walk, which
    /// then fails.
    async fn allows(&self, question: Question, whole: bool) -> Result<bool> {
        let asked = std::slice::from_ref(&question);
        let allowed = self.engine.authorizer.filter(&self.who, asked).await?;
        if allowed != [true] && whole {
            let place = self.engine.find_for(&self.who, &self.top).await?;
            self.engine.permit(&self.who, &place, Action::List).await?;
        }
        Ok(allowed == [true])
    }

    /// Whether directories are looked at on the disk, or taken as they are recorded.
    fn looks(&self) -> bool {
        self.looked.is_due(self.way.len())
    }

    /// A directory that was found to be this, as it is now; none if nothing more is known of it.
    async fn directory_now(
        &self,
        path: &FilePath,
        found: &AccessNode,
    ) -> Result<Option<AccessNode>> {
        if self.looks() {
            self.engine.directory_now(path, found).await
        } else {
            self.engine.recorded_directory(path, found).await
        }
    }

    /// Looks at the directories on the way to a path again; answers whether any is another one now,
    /// or its record says something else.
    async fn refresh(&mut self, path: &FilePath) -> Result<bool> {
        let looks = self.looks();
        let began = Instant::now();
        let seen = if looks {
            self.engine.way_now(path).await?
        } else {
            None
        };
        let mut changed = false;
        let mut seen = seen.map(Vec::into_iter);
        let directories = path.ancestors().into_iter().chain([path.clone()]);
        for (at, directory) in directories.enumerate().take(self.way.len()) {
            let now = match &mut seen {
                Some(seen) => seen.next(),
                None => self.directory_now(&directory, &self.way[at]).await?,
            };
            if let Some(now) = now.filter(|now| *now != self.way[at]) {
                self.way[at] = now;
                changed = true;
            }
        }
        if looks {
            self.looked.done(began);
        }
        Ok(changed)
    }
}

/// May the caller see the names in a directory?
fn listing(directory: &FilePath, node: &AccessNode, ancestors: &[AccessNode]) -> Question {
    Question {
        action: Action::List,
        path: directory.to_string(),
        target: Some(node.clone()),
        ancestors: ancestors.into(),
    }
}
