//! What the engine asks the authorizer about a place.
//!
//! Nothing about a path is told before the caller is known to reach it: a caller who may not
//! traverse a directory gets the same answer whatever is in it, and that answer names the
//! directory. It decides nothing itself.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Identity, Question};
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;

use crate::Engine;
use crate::failure::refuse;
use crate::lookup::path::{Lookup, LookupTarget};

/// The most directories that one request makes on the way to something new.
pub(crate) const MAX_NEW_PARENTS: usize = 256;
/// How many ancestors the questions about new directories have together, roughly, before they are
/// asked: each has all those of the one above it.
const NODES_AT_ONCE: usize = 8192;

impl Lookup {
    /// May the caller do that to what is there?
    pub(crate) fn question(&self, action: Action, target: &LookupTarget) -> Question {
        let path = self.path.to_string();
        Question {
            action,
            path,
            target: Some(target.node.clone()),
            ancestors: self.ancestors.as_slice().into(),
        }
    }

    /// May the caller put something new there? Its parent exists.
    pub(crate) fn creation(&self) -> Question {
        creation(&self.path, &self.ancestors)
    }

    /// May the caller go as far as there is a way?
    pub(super) fn reach(&self) -> Question {
        let mut ancestors = self.ancestors.clone();
        let deepest = self
            .path
            .ancestors()
            .into_iter()
            .take(ancestors.len())
            .next_back();
        let node = ancestors
            .pop()
            .or_else(|| self.target.as_ref().map(|target| target.node.clone()));
        let path = deepest.unwrap_or_else(FilePath::root).to_string();
        Question {
            action: Action::Traverse,
            path,
            target: node,
            ancestors: ancestors.into(),
        }
    }

    /// Why there is nothing at the path.
    pub(crate) fn absence(&self) -> Error {
        if let Some(obstacle) = &self.obstacle {
            let what = format!("is not a directory, so '{}' cannot be in it", self.path);
            return refuse(ErrorKind::NotADirectory, obstacle, &what);
        }
        match self.missing.first() {
            Some(missing) => {
                let what = format!("does not exist: there is no directory '{missing}'");
                refuse(ErrorKind::NotFound, &self.path, &what)
            }
            None => refuse(ErrorKind::NotFound, &self.path, "does not exist"),
        }
    }
}

impl Engine {
    /// What is at a path, for a caller; if it cannot be found out, only a caller who can reach the
    /// path learns why.
    pub(crate) async fn find_for(&self, who: &Identity, path: &FilePath) -> Result<Lookup> {
        match self.find(path).await {
            Ok(place) => Ok(place),
            Err(error) => Err(self.veiled(who, path, error).await),
        }
    }

    /// Gives the error about a path to callers who can reach it, as far as there is a way to be
    /// found, and the authorizer's denial to all others.
    pub(crate) async fn veiled(&self, who: &Identity, path: &FilePath, error: Error) -> Error {
        let mut ancestors = Vec::new();
        for directory in path.ancestors() {
            match self.directory_as_recorded(&directory).await {
                Ok(Some(node)) => ancestors.push(node),
                Ok(None) | Err(_) => break,
            }
        }
        let reached = self.permit_way(who, path, &ancestors).await;
        reached.err().unwrap_or(error)
    }

    /// Gives the error to those who can reach the place, and the authorizer's denial to everybody
    /// else.
    pub(crate) async fn tell(&self, who: &Identity, place: &Lookup, error: Error) -> Error {
        self.permit_reach(who, place).await.err().unwrap_or(error)
    }

    /// Whether the caller can reach the place, and so may learn what is there.
    pub(crate) async fn permit_reach(&self, who: &Identity, place: &Lookup) -> Result<()> {
        self.require(who, place, &[place.reach()]).await
    }

    /// Whether the caller may do all of that at a place, and at what is behind the symbolic links
    /// that lead to it.
    pub(crate) async fn require(
        &self,
        who: &Identity,
        place: &Lookup,
        questions: &[Question],
    ) -> Result<()> {
        match &place.behind {
            Some(behind) if !who.admin => {
                self.require_over_links(who, place, behind, questions).await
            }
            _ => self.require_here(who, place, questions).await,
        }
    }

    /// Whether the caller may do all of that by the path of a place.
    pub(super) async fn require_here(
        &self,
        who: &Identity,
        place: &Lookup,
        questions: &[Question],
    ) -> Result<()> {
        match self.authorizer.require(who, questions).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.denied(who, &place.path, &place.ancestors, error).await),
        }
    }

    /// What a caller learns of a denial: why, if they can reach the path, else which directory is
    /// closed to them.
    pub(crate) async fn denied(
        &self,
        who: &Identity,
        path: &FilePath,
        ancestors: &[AccessNode],
        error: Error,
    ) -> Error {
        if error.kind() != ErrorKind::PermissionDenied {
            return error;
        }
        let reached = self.permit_way(who, path, ancestors).await;
        reached.err().unwrap_or(error)
    }

    /// Whether the caller may traverse these directories on the way to a path, the root first. The
    /// denial is about the topmost one that is closed, and the same whatever is below it. A
    /// question names all ancestors, so a caller who may enter a directory may enter those above
    /// it: the closed one is found by halving, and depth costs little.
    async fn permit_way(
        &self,
        who: &Identity,
        path: &FilePath,
        ancestors: &[AccessNode],
    ) -> Result<()> {
        let directories = path.ancestors();
        let mut denial = None;
        let mut open = 0;
        let mut closed = ancestors.len();
        let mut next = closed.saturating_sub(1);
        while open < closed {
            let question = Question {
                action: Action::Traverse,
                path: directories[next].to_string(),
                target: Some(ancestors[next].clone()),
                ancestors: ancestors[..next].into(),
            };
            match self.authorizer.require(who, &[question]).await {
                Ok(()) => open = next + 1,
                Err(error) => {
                    closed = next;
                    denial = Some(error);
                }
            }
            next = open.midpoint(closed);
        }
        denial.map_or(Ok(()), Err)
    }

    /// What is at a place, if the caller may do that to it.
    pub(crate) async fn permit<'a>(
        &self,
        who: &Identity,
        place: &'a Lookup,
        action: Action,
    ) -> Result<&'a LookupTarget> {
        match &place.target {
            Some(target) => {
                self.require(who, place, &[place.question(action, target)])
                    .await?;
                Ok(target)
            }
            None => Err(self.tell(who, place, place.absence()).await),
        }
    }

    /// Whether the caller may make what is not there yet, with the directories that are missing on
    /// the way. The topmost is asked about alone, so a caller who may not make it costs one
    /// question, however long the path is.
    pub(crate) async fn permit_creation(&self, who: &Identity, place: &Lookup) -> Result<()> {
        if place.obstacle.is_some() {
            return Err(self.tell(who, place, place.absence()).await);
        }
        let Some((top, rest)) = place.missing.split_first() else {
            return self.require(who, place, &[place.creation()]).await;
        };
        let mut way = place.ancestors.clone();
        let first = creation(top, &way);
        self.require(who, place, &[first]).await?;
        if place.missing.len() > MAX_NEW_PARENTS {
            let count = place.missing.len();
            let what = format!(
                "needs {count} directories that do not exist, and at most {MAX_NEW_PARENTS} are \
                 made for one request; make some of them first"
            );
            return Err(refuse(ErrorKind::BadRequest, &place.path, &what));
        }
        way.push(self.new_node(who, top));
        let mut questions = Vec::new();
        let mut nodes = 0;
        for path in rest.iter().chain([&place.path]) {
            questions.push(creation(path, &way));
            nodes += way.len();
            if nodes >= NODES_AT_ONCE {
                self.require(who, place, &questions).await?;
                questions.clear();
                nodes = 0;
            }
            way.push(self.new_node(who, path));
        }
        self.require(who, place, &questions).await
    }

    /// A directory as it will be once the caller has made it.
    fn new_node(&self, who: &Identity, path: &FilePath) -> AccessNode {
        let record = self.new_record(who, path, EntryKind::Directory);
        AccessNode {
            kind: EntryKind::Directory,
            owner: record.owner,
            group: record.group,
            mode: record.mode,
        }
    }
}

/// May the caller make that, where these lead to it?
pub(super) fn creation(path: &FilePath, way: &[AccessNode]) -> Question {
    Question {
        action: Action::Create,
        path: path.to_string(),
        target: None,
        ancestors: way.into(),
    }
}
