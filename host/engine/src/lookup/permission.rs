//! What the engine asks the authorizer about a place.
//!
//! Nothing about a path is told before the caller is known to reach it. It decides nothing itself.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Identity, Question};
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;

use crate::Engine;
use crate::failure::refuse;
use crate::lookup::path::{Lookup, LookupTarget};

impl Lookup {
    /// May the caller do that to what is there?
    pub(crate) fn question(&self, action: Action, target: &LookupTarget) -> Question {
        let path = self.path.to_string();
        let ancestors = self.ancestors.clone();
        Question {
            action,
            path,
            target: Some(target.node.clone()),
            ancestors,
        }
    }

    /// May the caller go as far as there is a way?
    fn reach(&self) -> Question {
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
            ancestors,
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
    /// Gives the error to those who can reach the place, and the authorizer's denial to everybody
    /// else.
    pub(crate) async fn tell(&self, who: &Identity, place: &Lookup, error: Error) -> Error {
        self.permit_reach(who, place).await.err().unwrap_or(error)
    }

    /// Whether the caller can reach the place, and so may learn what is there.
    pub(crate) async fn permit_reach(&self, who: &Identity, place: &Lookup) -> Result<()> {
        self.authorizer.require(who, &[place.reach()]).await
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
                self.authorizer
                    .require(who, &[place.question(action, target)])
                    .await?;
                Ok(target)
            }
            None => Err(self.tell(who, place, place.absence()).await),
        }
    }

    /// Whether the caller may make what is not there yet, with the directories that are missing on
    /// the way.
    pub(crate) async fn permit_creation(&self, who: &Identity, place: &Lookup) -> Result<()> {
        if place.obstacle.is_some() {
            return Err(self.tell(who, place, place.absence()).await);
        }
        self.authorizer
            .require(who, &self.creation(who, place))
            .await
    }

    /// May the caller make the topmost thing that is missing, and the target where its parent is
    /// (or will be)?
    pub(crate) fn creation(&self, who: &Identity, place: &Lookup) -> Vec<Question> {
        let create = |path: &FilePath, ancestors: &[AccessNode]| Question {
            action: Action::Create,
            path: path.to_string(),
            target: None,
            ancestors: ancestors.to_vec(),
        };
        let mut ancestors = place.ancestors.clone();
        let mut questions = Vec::new();
        for directory in &place.missing {
            questions.push(create(directory, &ancestors));
            let record = self.new_record(who, directory, EntryKind::Directory);
            let owner = record.owner;
            let group = record.group;
            let mode = record.mode;
            ancestors.push(AccessNode {
                kind: EntryKind::Directory,
                owner,
                group,
                mode,
            });
        }
        questions.push(create(&place.path, &ancestors));
        questions
    }
}
