//! What is reached over symbolic links, which only other programs put into a storage.
//!
//! A link is a second path to something. It is judged by its own path, and what is behind it by the
//! path without links as well: a caller reaches over a link only what the directories on the way to
//! it let them, and may do no more with it than there. So it does not matter who aims a link at
//! what, or what takes the place of its target later. Where the path without links cannot be told,
//! only administrators follow the link.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{Action, Identity, Question};
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, Condition, EntryKind, LinkedWay, Mount};
use futures_util::future::BoxFuture;

use crate::Engine;
use crate::failure::{raced, refuse};
use crate::lookup::children::Child;
use crate::lookup::path::{Lookup, LookupTarget, bare_directory};
use crate::lookup::permission::creation;
use crate::lookup::read::{OpenAttempt, WantedBytes};

/// What is behind the links on the way to a path and at its end, by paths without links; none of it
/// where no path of this mount can say it.
pub(crate) struct BehindLinks {
    /// The path ends in a link.
    is_link: bool,
    /// The link itself, where it does.
    place: Option<Lookup>,
    /// What is reached.
    end: Option<Lookup>,
}

impl Engine {
    /// Whether a path leads over a link that its storage follows.
    pub(super) async fn leads_over_links(&self, path: &FilePath) -> Result<bool> {
        Ok(self.linked_way(path).await?.is_some())
    }

    /// What is behind the links of a path; none if it has none.
    pub(super) async fn behind_links(&self, path: &FilePath) -> Result<Option<Box<BehindLinks>>> {
        let Some((mount, LinkedWay { place, end })) = self.linked_way(path).await? else {
            return Ok(None);
        };
        let is_link = place != end;
        let place = match place {
            Some(place) if is_link => self.find_in(mount, &place).await?,
            _ => None,
        };
        let end = match end {
            Some(end) => self.find_in(mount, &end).await?,
            None => None,
        };
        Ok(Some(Box::new(BehindLinks {
            is_link,
            place,
            end,
        })))
    }

    async fn linked_way(&self, path: &FilePath) -> Result<Option<(&Mount, LinkedWay)>> {
        let Some((mount, rest)) = self.mounts.owner(path).filter(|(_, rest)| !rest.is_empty())
        else {
            return Ok(None);
        };
        let storage = mount.storage();
        let way = storage.over_links(rest).await?;
        Ok(way.map(|way| (mount, way)))
    }

    /// Whether a path in a directory leads over symbolic links to what is not in that directory, or
    /// to what no path of its mount can name.
    pub fn leads_out_of<'a>(
        &'a self,
        directory: &'a FilePath,
        path: &'a FilePath,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let Some(end) = self.linked_way(path).await? else {
                return Ok(false);
            };
            let base = match self.linked_way(directory).await? {
                Some(base) => named(base),
                None => Some(directory.clone()),
            };
            let is_inside = match (named(end), base) {
                (Some(end), Some(base)) => end.is_within(&base),
                _ => false,
            };
            Ok(!is_inside)
        })
    }

    /// What is at a path of a mount that has no links; none if another mount hides it.
    async fn find_in(&self, mount: &Mount, rest: &str) -> Result<Option<Lookup>> {
        let text = format!("{}/{rest}", mount.path.as_str().trim_end_matches('/'));
        let Ok(path) = FilePath::parse(&text) else {
            return Ok(None);
        };
        let owner = self.mounts.owner(&path);
        if owner.is_none_or(|(owner, _)| owner.path != mount.path) {
            return Ok(None);
        }
        self.find_without_links(&path).await.map(Some)
    }

    /// Whether a caller who is no administrator may do all of that at a place that is reached over
    /// links. Whether they reach it is asked first, so that no answer depends on what is there.
    pub(super) async fn require_over_links(
        &self,
        who: &Identity,
        place: &Lookup,
        behind: &BehindLinks,
        questions: &[Question],
    ) -> Result<()> {
        self.require_here(who, place, &[place.reach()]).await?;
        let Some(end) = &behind.end else {
            return Err(out_of_reach(&place.path));
        };
        self.require_there(who, place, &[end.reach()]).await?;
        self.require_here(who, place, questions).await?;
        let mut asked = Vec::new();
        let mut actions = Vec::new();
        for Question { action, .. } in questions {
            if !actions.contains(action) {
                actions.push(*action);
                asked.extend(behind.same(place, end, *action)?);
            }
        }
        self.require_there(who, place, &asked).await
    }

    async fn require_there(
        &self,
        who: &Identity,
        place: &Lookup,
        questions: &[Question],
    ) -> Result<()> {
        let allowed = self.authorizer.require(who, questions).await;
        allowed.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => out_of_reach(&place.path),
            _ => error,
        })
    }

    /// Opens a file that is reached over links by the path without them, for who may do all that
    /// with it.
    pub(super) async fn open_over_links(
        &self,
        who: &Identity,
        actions: &[Action],
        path: &FilePath,
        wanted: WantedBytes,
        condition: Condition,
    ) -> Result<OpenAttempt> {
        let place = self.find_for(who, path).await?;
        let Some(target) = &place.target else {
            return Ok(OpenAttempt::Other(place));
        };
        let questions: Vec<Question> = actions
            .iter()
            .map(|action| place.question(*action, target))
            .collect();
        self.require(who, &place, &questions).await?;
        let end = place.behind.as_ref().and_then(|behind| behind.end.as_ref());
        let Some(end) = end.filter(|_| target.attributes.kind == EntryKind::File) else {
            return Ok(OpenAttempt::Other(place));
        };
        let opened = self
            .open_without_links(who, actions, &end.path, wanted, condition)
            .await;
        match opened {
            Ok(Some(OpenAttempt::File(found, source, part))) => {
                let target = self.judged_now(path, found.attributes).await?;
                Ok(OpenAttempt::File(target, source, part))
            }
            Ok(_) => Err(raced(path)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(out_of_reach(path)),
            Err(error) => Err(error),
        }
    }

    /// Makes a link in a listing look like one that leads nowhere, unless the caller reaches what
    /// is behind it.
    pub(super) async fn veil_link(&self, who: &Identity, child: &mut Child) {
        if who.admin {
            return;
        }
        let reached = match self.find(&child.path).await {
            Ok(place) => self.permit_reach(who, &place).await,
            Err(error) => Err(error),
        };
        if reached.is_err() {
            let nowhere = Attributes {
                kind: EntryKind::Special,
                ..bare_directory()
            };
            child.target = self.target(&child.path, nowhere, None);
        }
    }
}

impl BehindLinks {
    /// What has to be allowed by the path without links for that.
    fn same(&self, here: &Lookup, end: &Lookup, action: Action) -> Result<Vec<Question>> {
        let is_of_name = matches!(
            action,
            Action::Create | Action::Delete | Action::Move | Action::Administer
        );
        let at = match &self.place {
            Some(place) if self.is_link && is_of_name => place,
            None if self.is_link && is_of_name => return Err(out_of_reach(&here.path)),
            _ => end,
        };
        let mut questions = Vec::with_capacity(2);
        match (action, &at.target) {
            (Action::Traverse, _) => questions.push(at.reach()),
            (Action::Create, _) => questions.push(match at.missing.first() {
                Some(top) => creation(top, &at.ancestors),
                None => at.creation(),
            }),
            (_, Some(target)) => questions.push(at.question(action, target)),
            // It was there a moment ago.
            (_, None) => return Err(raced(&here.path)),
        }
        // A move to another storage takes the bytes along, and not the link.
        if action == Action::Move
            && self.is_link
            && let Some(target) = &end.target
        {
            questions.push(end.question(Action::Read, target));
        }
        Ok(questions)
    }
}

impl Lookup {
    /// Takes what was found, to be opened by the path as it is. A file behind links is opened by
    /// the path without them, if there is one.
    pub(super) fn take_plain(&mut self, who: &Identity) -> Result<Option<LookupTarget>> {
        let target = self.target.take();
        let is_file = target
            .as_ref()
            .is_some_and(|target| target.attributes.kind == EntryKind::File);
        if is_file && self.behind.is_some() && !who.admin {
            // The link was made a moment ago.
            return Err(raced(&self.path));
        }
        Ok(target)
    }
}

/// Where a way over links ends, as a path from the root of all.
fn named((mount, LinkedWay { end, .. }): (&Mount, LinkedWay)) -> Option<FilePath> {
    let rest = end?;
    let mount = mount.path.as_str().trim_end_matches('/');
    FilePath::parse(&format!("{mount}/{rest}")).ok()
}

fn out_of_reach(path: &FilePath) -> callfs_model::error::Error {
    let what = "leads over a symbolic link to what you have no permission for";
    refuse(ErrorKind::PermissionDenied, path, what)
}
