//! A directory and what is below it, one entry at a time, in byte order of the full paths.
//!
//! The order is that of the bytes, so `a`, `a.txt`, `a/b`: the contents of a directory come where
//! `a/` sorts among its siblings. A walk can start after any path without walking what is before
//! it. It holds one page of names for each level it is in, and a bounded number of bytes in all
//! levels: the outermost forget their names then, and fetch them again when it is their turn. It
//! enters what the caller may list, and no links. A walk may take as long as its reader likes, so
//! the authorizer is asked again after each page was fetched: no name is shown that was made after
//! its directory was closed. A walk that ends has shown all of the directory, which was there all
//! the time.

mod overtaken;
mod permission;

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Identity};
use callfs_model::path::FilePath;
use callfs_model::storage::{EntryKind, ListingPage};

use crate::failure::refuse;
use crate::lookup::children::{Child, Children};
use crate::lookup::last_look::LastLook;
use crate::lookup::name_order::past_siblings;
use crate::lookup::path::Lookup;
use crate::recovery::tombstones::View;
use crate::{Engine, Info};

/// How many names are fetched at a time.
const PAGE: u32 = 1000;
/// About how many bytes the names may take that were fetched and are still to be shown, beside
/// those of the innermost level.
const MAX_HELD: usize = 8 << 20;

/// A walk under way.
pub struct Walk {
    engine: Arc<Engine>,
    who: Identity,
    max_depth: usize,
    /// The directory that is walked.
    top: FilePath,
    /// It is reached over a symbolic link.
    over_links: bool,
    /// The directories on the way to the innermost level, itself included.
    way: Vec<AccessNode>,
    /// When they were last looked at on the disk.
    looked: LastLook,
    levels: Vec<WalkLevel>,
    /// How many pages were begun.
    pages: u64,
    reads_ahead: bool,
    /// How often a directory was gone for a moment.
    returns: usize,
    /// A directory was shown whose names are not, because it was removed before.
    is_incomplete: bool,
}

/// A directory that the walk is in.
struct WalkLevel {
    children: Children,
    /// The state of the moves before the directory itself was found.
    shown: View,
    /// The same before the names were found that are shown now.
    fetched: View,
    /// In what state of the moves its first page may be shown without asking again.
    permitted: Option<View>,
    /// Only names greater than this are still to come.
    last: Option<String>,
    /// What comes next of its names.
    next: Option<Child>,
    /// Only names whose paths are greater than this, below the directory, are still to be shown.
    floor: Option<String>,
    /// Directories that were shown and are to be entered where `name/` sorts; each name starts
    /// with the one before.
    pending: Vec<Pending>,
}

struct Pending {
    path: FilePath,
    node: AccessNode,
    /// Its name, if names of no other directory are to be shown.
    object: Option<String>,
    /// The state of the moves before it was found.
    shown: View,
    /// Below it, start after this.
    floor: Option<String>,
}

impl Engine {
    /// What is in a directory, down to `max_depth` levels (1: only its own names), after a path in
    /// it.
    pub async fn walk(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        max_depth: usize,
        after: Option<&FilePath>,
    ) -> Result<(Info, Walk)> {
        let floor = match after.map(|after| after.below(path)) {
            Some(None) => {
                return Err(refuse(
                    ErrorKind::BadRequest,
                    path,
                    "does not hold the path to continue after",
                ));
            }
            Some(Some("")) | None => None,
            Some(Some(rest)) => Some(rest.to_owned()),
        };
        let view = self.tombstones.view();
        let start = names_after(floor.as_deref());
        let (place, page) = self.find_to_list(who, path, start.as_deref()).await?;
        if let Some(target) = &place.target
            && target.attributes.kind != EntryKind::Directory
        {
            let error = refuse(ErrorKind::NotADirectory, path, "is not a directory");
            return Err(self.tell(who, &place, error).await);
        }
        let target = self.permit(who, &place, Action::List).await?;
        let info = target.info(path);
        let node = target.node.clone();
        let object = target.attributes.object.clone();
        let engine = self.clone();
        let who = who.clone();
        let over_links = place.behind.is_some();
        let way = place.ancestors;
        let mut walk = Walk {
            engine,
            who,
            max_depth,
            top: path.clone(),
            over_links,
            way,
            looked: LastLook::now(),
            levels: Vec::new(),
            pages: 0,
            reads_ahead: false,
            returns: 0,
            is_incomplete: false,
        };
        if max_depth > 0 {
            let top = Pending {
                path: path.clone(),
                node,
                object,
                shown: view.clone(),
                floor,
            };
            walk.enter(top, view).await?;
        }
        if let (Some(page), Some(level)) = (page, walk.levels.last_mut()) {
            level.children.go_on_with(page);
        }
        Ok((info, walk))
    }

    /// What is at a path whose names after one are wanted, for a caller, and a page of them if that
    /// showed it.
    async fn find_to_list(
        &self,
        who: &Identity,
        path: &FilePath,
        after: Option<&str>,
    ) -> Result<(Lookup, Option<ListingPage>)> {
        match self.find_by_listing(path, after, PAGE).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Ok((self.find_for(who, path).await?, None)),
            Err(error) => Err(self.veiled(who, path, error).await),
        }
    }
}

impl Walk {
    /// How many pages of names were begun; whoever shows entries for long looks again, when this
    /// grows, at who they are shown to.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Whether a directory that was shown was removed before its names were: what was shown is of
    /// no one moment.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// From now on each page of names is fetched while the one before it is taken: for a reader who
    /// wants all of them.
    pub fn read_ahead(&mut self) {
        self.reads_ahead = true;
        for level in &mut self.levels {
            level.children.reads_ahead = true;
        }
    }

    /// From now on the walk is for the same caller with the rights of this identity.
    pub fn go_on_as(&mut self, who: &Identity) {
        self.who = who.clone();
    }

    /// The next entry.
    pub async fn next(&mut self) -> Result<Option<Info>> {
        loop {
            let deeper = self.levels.len() < self.max_depth;
            // A page of names is in memory: nothing else here ever waits.
            tokio::task::consume_budget().await;
            let Some(level) = self.levels.last_mut() else {
                return Ok(None);
            };
            if level.next.is_none() && !self.fetch().await? {
                continue;
            }
            let Some(level) = self.levels.last_mut() else {
                return Ok(None);
            };
            if let Some(due) = level.due() {
                let view = self.engine.tombstones.view();
                if let Some(due) = self.may_enter(due).await? {
                    match self.enter(due, view).await {
                        Err(error) if is_closed(&error) => {}
                        entered => entered?,
                    }
                }
                continue;
            }
            let Some(mut child) = level.next.take() else {
                self.leave();
                continue;
            };
            level.last = Some(child.path.name().to_owned());
            if child.link {
                Box::pin(self.engine.veil_link(&self.who, &mut child)).await;
                return Ok(Some(child.target.info(&child.path)));
            }
            let info = child.target.info(&child.path);
            if deeper && child.is_enterable() {
                let shown = level.fetched.clone();
                level.pending.push(Pending::of(child, shown));
            }
            return Ok(Some(info));
        }
    }

    fn leave(&mut self) {
        self.levels.pop();
        self.way.pop();
    }

    /// Looks up what comes next in the innermost level. Not if the level may not be shown and was
    /// left, or what was fetched of it may be of another directory, so that it is to be fetched
    /// again.
    async fn fetch(&mut self) -> Result<bool> {
        let inner = self.levels.len() > 1;
        let Some(level) = self.levels.last_mut() else {
            return Ok(false);
        };
        // Its first page may have been fetched with the look at the directory itself.
        let now = || self.engine.tombstones.view();
        let view = level.permitted.clone().unwrap_or_else(now);
        let pages = level.children.pages();
        match level.fetch(&self.engine).await {
            Err(error) if inner && is_closed(&error) => {
                self.leave();
                return Ok(false);
            }
            fetched => fetched?,
        }
        if level.children.pages() == pages {
            return Ok(true);
        }
        self.pages += 1;
        if level.children.is_in_doubt() && !self.settle().await? {
            return Ok(false);
        }
        let Some(level) = self.levels.last_mut() else {
            return Ok(false);
        };
        level.fetched = view.clone();
        let directory = level.children.directory().clone();
        let tombstones = &self.engine.tombstones;
        let permitted = level.permitted.take();
        let permitted = permitted.is_some_and(|then| tombstones.still(&then, &directory));
        // Asked after the names were fetched, so that none of them was made after a denial.
        if !self.may_show(&directory, permitted).await? {
            self.leave();
            return Ok(false);
        }
        let moved = !self.engine.tombstones.still(&view, &directory);
        if moved && let Some(level) = self.levels.last_mut() {
            level.next = None;
            let after = level.last.clone();
            let object = level.children.listed().object;
            level.children = Children::new(&self.engine, directory, after, PAGE).only_of(object);
            level.children.reads_ahead = self.reads_ahead;
        }
        Ok(!moved)
    }

    /// Goes into a directory that may be listed, as was found in this state of the moves.
    async fn enter(&mut self, directory: Pending, permitted: View) -> Result<()> {
        let Pending {
            path,
            node,
            object,
            shown,
            floor,
        } = directory;
        let deeper = self.levels.len() + 1 < self.max_depth;
        let pending = match &floor {
            Some(floor) if deeper => passed(&self.engine, &path, floor).await?,
            _ => Vec::new(),
        };
        let after = names_after(floor.as_deref());
        let mut children = Children::new(&self.engine, path, after.clone(), PAGE).only_of(object);
        children.reads_ahead = self.reads_ahead;
        self.levels.push(WalkLevel {
            children,
            fetched: shown.clone(),
            shown,
            permitted: Some(permitted),
            last: after,
            next: None,
            floor,
            pending,
        });
        self.way.push(node);
        self.let_go();
        Ok(())
    }

    /// Forgets names of the outermost levels, which come last, while all levels hold too many.
    fn let_go(&mut self) {
        let mut held = self.held();
        for level in &mut self.levels {
            if held <= MAX_HELD {
                break;
            }
            held -= level.children.held();
            level.next = None;
            level.children.go_on_after(&self.engine, level.last.clone());
        }
    }

    /// About how many bytes the names take that were fetched and are still to be shown.
    fn held(&self) -> usize {
        let held = self.levels.iter().map(|level| level.children.held());
        held.sum()
    }
}

/// The name after which the names in a directory are fetched, where only paths below it that are
/// greater than this are to be shown.
fn names_after(floor: Option<&str>) -> Option<String> {
    floor.map(|floor| match floor.split_once('/') {
        Some((name, _)) => past_siblings(name),
        None => floor.to_owned(),
    })
}

impl WalkLevel {
    /// Looks up what comes next, unless that is known.
    async fn fetch(&mut self, engine: &Engine) -> Result<()> {
        while self.next.is_none() {
            match self.children.next(engine).await? {
                Some(child)
                    if self
                        .floor
                        .as_deref()
                        .is_some_and(|floor| child.path.name() <= floor) => {}
                Some(child) => self.next = Some(child),
                None => break,
            }
        }
        Ok(())
    }

    /// The directory to enter before the next name is shown.
    fn due(&mut self) -> Option<Pending> {
        let next = self.next.as_ref().map(|child| child.path.name());
        self.pending.pop_if(|pending| {
            let contents = pending.path.name().bytes().chain(*b"/");
            next.is_none_or(|next| contents.lt(next.bytes()))
        })
    }
}

/// Whether the storage itself may not look into a directory, as into `lost+found`: it was shown,
/// and is not entered.
fn is_closed(error: &Error) -> bool {
    let closed = error.kind() == ErrorKind::PermissionDenied;
    if closed {
        tracing::debug!(%error, "a directory that its storage may not read is listed and not \
            entered");
    }
    closed
}

impl Pending {
    /// A directory that is to be entered as it is then: it may be another one by that time.
    fn of(child: Child, shown: View) -> Self {
        Self {
            path: child.path,
            node: child.target.node,
            object: None,
            shown,
            floor: None,
        }
    }
}

/// The directories in `directory` that were shown up to `floor` and have contents after it: the one
/// that `floor` leads into, and those whose names it starts with, followed by something that sorts
/// before a slash.
async fn passed(engine: &Engine, directory: &FilePath, floor: &str) -> Result<Vec<Pending>> {
    let (first, rest) = match floor.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (floor, None),
    };
    let is_open = |end: &usize| first.is_char_boundary(*end) && first.as_bytes()[*end] < b'/';
    let mut pending = Vec::new();
    let shown = engine.tombstones.view();
    for end in (1..first.len()).filter(is_open).chain([first.len()]) {
        let name = &first[..end];
        let found = engine
            .child(directory, name)
            .await?
            .filter(Child::is_enterable);
        let floor = rest.filter(|_| end == first.len()).map(ToOwned::to_owned);
        pending.extend(found.map(|child| Pending {
            floor,
            ..Pending::of(child, shown.clone())
        }));
    }
    Ok(pending)
}

#[cfg(test)]
mod tests;
