//! Removing a directory with everything below it.
//!
//! Two passes under the lock of the whole tree: the first asks whether the caller may see and
//! remove everything and removes nothing, the second removes, what is below before what is above.
//! Links are removed and never entered, and only what is in the directories that were asked about
//! is removed, whatever takes their place. It cannot be undone halfway: a failure or a crash leaves
//! a smaller tree. One intent covers all of it, so that whatever is still recorded of what is gone
//! is forgotten.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Identity, Question};
use callfs_model::locks::Guard;
use callfs_model::metadata::Change;
use callfs_model::path::FilePath;
use callfs_model::storage::Condition;

use crate::Engine;
use crate::change::delete::condition_of;
use crate::failure::{about, raced};
use crate::lookup::children::{Child, Children};
use crate::lookup::last_look::LastLook;
use crate::lookup::path::Lookup;
use crate::lookup::presence::DirectoryPresence;
use crate::recovery::intents::Begun;

/// How many names are fetched, asked about and forgotten at a time.
const BATCH: usize = 256;
/// How many directories on the way all questions of a batch may name together: each names all of
/// its own.
const MAX_NODES: usize = 8192;

/// How often an object is removed again that changes meanwhile.
const ATTEMPTS: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum DeletePass {
    Ask,
    Remove,
}

/// One pass under way.
struct Removal<'a> {
    engine: &'a Engine,
    who: &'a Identity,
    pass: DeletePass,
    lock: &'a Guard,
    /// What was begun before the first removal, until it ends.
    begun: Option<Begun<'a>>,
    /// The directories on the way to the innermost level, itself included.
    way: Vec<AccessNode>,
    looked: LastLook,
    levels: Vec<DeleteLevel>,
    /// Removed from the storage and still recorded.
    gone: Vec<FilePath>,
    /// The same of directories: nothing in them is in `gone`.
    gone_trees: Vec<FilePath>,
    /// Whatever failed: nobody knows whether it was removed.
    unsure: Option<FilePath>,
}

/// A directory that the pass is in.
struct DeleteLevel {
    path: FilePath,
    children: Children,
    /// Those that were asked about and are to be dealt with.
    batch: VecDeque<Child>,
}

impl Engine {
    /// Removes what is at a place, a directory whose removal itself is permitted. The whole tree is
    /// locked.
    pub(super) async fn remove_tree(
        &self,
        lock: &Guard,
        who: &Identity,
        place: &Lookup,
    ) -> Result<()> {
        let Some(target) = &place.target else {
            return Err(place.absence());
        };
        let listed = match place.path.parent() {
            Some(parent) => self.child(&parent, place.path.name()).await?,
            None => None,
        };
        if !listed.is_some_and(|child| child.is_enterable()) {
            return self.remove_empty(lock, &place.path).await;
        }
        self.authorizer
            .require(who, &[place.question(Action::List, target)])
            .await?;
        for pass in [DeletePass::Ask, DeletePass::Remove] {
            let way = place.ancestors.clone();
            let begun = match pass {
                DeletePass::Ask => None,
                DeletePass::Remove => Some(self.begin_at(lock, &place.path, Vec::new()).await?),
            };
            let mut removal = Removal {
                engine: self,
                who,
                pass,
                lock,
                begun,
                way,
                looked: LastLook::none(),
                levels: Vec::new(),
                gone: Vec::new(),
                gone_trees: Vec::new(),
                unsure: None,
            };
            let object = target.attributes.object.clone();
            removal.enter(place.path.clone(), target.node.clone(), object);
            if let Err(error) = removal.run().await {
                removal.clean().await;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Removal<'_> {
    async fn run(&mut self) -> Result<()> {
        while let Some(level) = self.levels.last_mut() {
            if level.batch.is_empty() {
                let size = (MAX_NODES / self.way.len().max(1)).clamp(1, BATCH);
                level.fill(self.engine, size).await?;
                self.ask().await?;
            }
            let Some(level) = self.levels.last_mut() else {
                break;
            };
            match level.batch.pop_front() {
                Some(child) if child.is_enterable() => {
                    let object = child.target.attributes.object;
                    self.enter(child.path, child.target.node, object);
                }
                Some(child) => self.remove(child).await?,
                None => self.leave().await?,
            }
        }
        Ok(())
    }

    /// Goes into a directory, and into no other that takes its place: `object` is its name, where
    /// its storage gives it one.
    fn enter(&mut self, path: FilePath, node: AccessNode, object: Option<String>) {
        let children = Children::new(self.engine, path.clone(), None, BATCH as u32).only_of(object);
        self.levels.push(DeleteLevel {
            path,
            children,
            batch: VecDeque::new(),
        });
        self.way.push(node);
    }

    /// May the caller remove all of the batch, and see what is in its directories? Asked in both
    /// passes, of the directories as they are now, because other programs know no locks: what they
    /// add meanwhile is not removed unasked. The innermost directory is looked at each time, and
    /// all of a long way as often as [`LastLook`] says.
    async fn ask(&mut self) -> Result<()> {
        let Some(level) = self.levels.last().filter(|level| !level.batch.is_empty()) else {
            return Ok(());
        };
        if self.looked.is_due(self.way.len()) {
            let began = Instant::now();
            self.engine.refresh_way(&level.path, &mut self.way).await?;
            self.looked.done(began);
        } else if let Some(now) = self.engine.directory(&level.path).await?
            && let Some(node) = self.way.last_mut()
        {
            *node = now;
        }
        let batch = level.batch.iter();
        let way: Arc<[AccessNode]> = self.way.as_slice().into();
        let question = |action, child: &Child| {
            let path = child.path.to_string();
            let target = Some(child.target.node.clone());
            Question {
                action,
                path,
                target,
                ancestors: way.clone(),
            }
        };
        let questions: Vec<Question> = batch
            .flat_map(|child| {
                let list = child.is_enterable().then(|| question(Action::List, child));
                std::iter::once(question(Action::Delete, child)).chain(list)
            })
            .collect();
        self.engine.authorizer.require(self.who, &questions).await
    }

    async fn remove(&mut self, child: Child) -> Result<()> {
        if self.pass == DeletePass::Ask {
            return Ok(());
        }
        let path = child.path.clone();
        match self.remove_object(child).await {
            // Another program was quicker: the outcome is the same.
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let failed = about(&path, error);
                self.unsure = Some(path);
                return Err(failed);
            }
            _ => self.gone.push(path),
        }
        self.forget_if_many().await
    }

    /// Removes the object that was asked about, where its storage can tell it from another one that
    /// has its name now. Another program may go on writing to it.
    async fn remove_object(&self, mut child: Child) -> Result<()> {
        let (storage, rest) = self.engine.backend(&child.path)?;
        for _ in 0..ATTEMPTS {
            let condition = condition_of(&*storage, &child.target);
            let is_exact = condition != Condition::Always;
            match storage.remove(rest, condition).await {
                Err(error) if is_exact && error.kind() == ErrorKind::PreconditionFailed => {}
                removed => return removed,
            }
            let parent = child.path.parent().unwrap_or_else(FilePath::root);
            match self.engine.child(&parent, child.path.name()).await? {
                Some(now) if now.target.object == child.target.object => child.target = now.target,
                Some(_) => break,
                None => return Ok(()),
            }
        }
        Err(raced(&child.path))
    }

    /// The directory has been dealt with; removing it forgets all that is recorded below it.
    async fn leave(&mut self) -> Result<()> {
        self.way.pop();
        let Some(level) = self.levels.pop() else {
            return Ok(());
        };
        let DeleteLevel { path, children, .. } = level;
        // What is gone has been dealt with. Of what is not, some names were not asked about.
        if children.is_in_doubt()
            && let DirectoryPresence::InPlace | DirectoryPresence::Replaced =
                self.engine.presence(&children.listed()).await?
        {
            return Err(raced(&path));
        }
        if self.pass == DeletePass::Ask {
            return Ok(());
        }
        let (storage, _) = self.engine.backend(&path)?;
        let is_implied = storage.abilities().implicit_directories;
        if let Err(error) = self.engine.take_empty(&path).await {
            self.unsure = Some(path).filter(|_| !is_implied);
            return Err(error);
        }
        self.gone.retain(|gone| !gone.is_within(&path));
        self.gone_trees.retain(|gone| !gone.is_within(&path));
        self.gone_trees.push(path);
        match self.begun.take_if(|_| self.levels.is_empty()) {
            Some(begun) => {
                let forgotten = self.forgotten();
                self.engine.end(self.lock, begun, forgotten).await
            }
            // The directory that it is in has to be empty before it is removed, and is not while a
            // record makes this one exist.
            None if is_implied => self.forget().await,
            None => self.forget_if_many().await,
        }
    }

    /// Takes what is to be forgotten.
    fn forgotten(&mut self) -> Vec<Change> {
        let files = self.gone.drain(..).map(Change::Remove);
        let trees = self.gone_trees.drain(..).map(Change::RemoveTree);
        files.chain(trees).collect()
    }

    /// Several together: each change of a whole tree voids all that is remembered of records.
    async fn forget_if_many(&mut self) -> Result<()> {
        if self.gone.len() + self.gone_trees.len() < BATCH {
            return Ok(());
        }
        self.forget().await
    }

    async fn forget(&mut self) -> Result<()> {
        let forgotten = self.forgotten();
        let outcome = self.engine.commit(self.lock, forgotten).await;
        if outcome.is_err() {
            // What was not forgotten is no longer known here: it is looked for later.
            self.begun = None;
        }
        outcome
    }

    /// Makes what is recorded agree with what was removed before a failure.
    async fn clean(mut self) {
        let Some(begun) = self.begun.take() else {
            return;
        };
        let forgotten = self.forgotten();
        self.engine
            .clean(self.lock, begun, self.unsure.as_slice(), forgotten)
            .await;
    }
}

impl DeleteLevel {
    async fn fill(&mut self, engine: &Engine, size: usize) -> Result<()> {
        while self.batch.len() < size {
            match self.children.next(engine).await? {
                Some(child) => self.batch.push_back(child),
                None => break,
            }
        }
        Ok(())
    }
}
