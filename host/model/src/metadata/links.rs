//! The records of links: which file, or which directory, may be read with a token, how often, and
//! until when.
//!
//! A record is changed by comparing its revision and replacing the whole, so that of two who change
//! it at once one has to look again. Nothing here knows what a token is or when a use may be taken:
//! see `links`. Renaming or removing a file changes no link.

use std::ops::Range;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::identity::Identity;
use crate::path::FilePath;

/// Names a link; unique, made by whoever creates it, and in the order of creation.
pub type LinkId = [u8; 16];

/// What is recorded of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The key.
    pub id: LinkId,
    /// SHA-256 of the token, which itself is nowhere.
    pub token_sha256: [u8; 32],
    /// The file, or the directory.
    pub path: FilePath,
    /// The user who made it.
    pub maker: String,
    /// What else is known of them, for the authorizer to be asked about when the link is used. It
    /// is not part of the serialized form, so that logs from before this was recorded can be read;
    /// [`LinkChange::Issue`] carries it.
    #[serde(skip)]
    pub rights: MakerRights,
    /// What it gives that earlier links did not. It is not part of the serialized form either;
    /// [`LinkChange::Offer`] carries it.
    #[serde(skip)]
    pub options: LinkOptions,
    /// What the file is called when it is downloaded; none for its own name.
    pub filename: Option<String>,
    /// When it was made, in milliseconds since 1970-01-01T00:00:00Z, as all times here.
    pub created: i64,
    /// From when on it leads nowhere.
    pub expires: i64,
    /// How many times the file may be downloaded.
    pub max_uses: u32,
    /// How many times it was.
    pub spent: u32,
    /// Uses that are neither free nor spent.
    pub uses: Vec<Use>,
    /// Counts the changes of this link; 0 when it is created, whatever it is when it is given.
    pub revision: u64,
}

/// The rights of the user who made a link, as they were recognised then. Of a link from before this
/// was recorded nothing is known: its maker counts as a user without groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MakerRights {
    /// Groups.
    pub groups: Vec<String>,
    /// Whether permissions do not apply.
    pub admin: bool,
    /// Anything an authorizer may want to know, by name.
    pub attributes: Vec<(String, String)>,
}

/// What a link gives that earlier links did not: the default is what those give, a file to save, a
/// number of times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkOptions {
    /// A file is to be shown where that is possible, rather than saved.
    pub inline: bool,
    /// It may be used without limit until it expires, and its uses are not counted.
    pub unlimited: bool,
    /// It is of a directory with everything below it; such a link is unlimited.
    pub directory: bool,
}

impl From<&Identity> for MakerRights {
    fn from(who: &Identity) -> Self {
        Self {
            groups: who.groups.clone(),
            admin: who.admin,
            attributes: who.attributes.clone(),
        }
    }
}

/// A use that is taken by a download, or left by one that broke off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The download; unique.
    pub holder: u128,
    /// Whether that download still runs.
    pub taken: bool,
    /// When it is free again, unless the download puts that off.
    pub until: i64,
    /// Which version of the file was handed over.
    pub version: String,
    /// What of it was handed over: ascending, none empty, no two that touch. The bytes that were
    /// handed over again are counted by the length of a last range that ends at `u64::MAX`.
    pub handed: Vec<Range<u64>>,
}

impl Link {
    /// Who made it, as they were recognised then.
    pub fn identity(&self) -> Identity {
        let MakerRights {
            groups,
            admin,
            attributes,
        } = self.rights.clone();
        Identity {
            subject: self.maker.clone(),
            groups,
            admin,
            attributes,
        }
    }

    /// From when on nothing can happen to it any more: it has expired, and every download under it
    /// is over.
    pub fn kept_until(&self) -> i64 {
        let taken = self
            .uses
            .iter()
            .filter(|one| one.taken)
            .map(|one| one.until);
        taken.fold(self.expires, i64::max)
    }
}

/// One change of the links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkChange {
    /// An [`Issue`](Self::Issue) without rights, as logs from before there were any hold it.
    Create(Link),
    /// Refused with [`PreconditionFailed`](crate::error::ErrorKind::PreconditionFailed) unless the
    /// revision is the same.
    Replace(Link),
    /// Forgets a link.
    Remove(LinkId),
    /// Forgets all links that were to be kept until before this time.
    Sweep(i64),
    /// Records a link, with the rights of its maker. Refused with
    /// [`AlreadyExists`](crate::error::ErrorKind::AlreadyExists) if its id or token is recorded.
    Issue(Link, MakerRights),
    /// The same for a link with options. Without them it is issued, so that logs and nodes from
    /// before there were any are told of nothing that they cannot read.
    Offer(Link, MakerRights, LinkOptions),
}

/// A store of links.
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// Carries out a change. Durable when it returns.
    async fn change(&self, change: LinkChange) -> Result<()>;

    /// The link of a token with this SHA-256.
    async fn by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>>;

    /// The link of this id.
    async fn by_id(&self, id: &LinkId) -> Result<Option<Link>>;

    /// Links of a user, or of everybody, the oldest first: at most `limit`, those after an id.
    async fn list(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>>;

    /// Records a link. Refused if its id or its token is recorded already.
    async fn create(&self, link: Link) -> Result<()> {
        let rights = link.rights.clone();
        let options = link.options;
        let change = if options == LinkOptions::default() {
            LinkChange::Issue(link, rights)
        } else {
            LinkChange::Offer(link, rights, options)
        };
        self.change(change).await
    }

    /// Replaces the uses of a link, and how many are spent, if it still has the revision of this
    /// one, and counts the revision up; answers whether it did. Nothing else of a link ever
    /// changes.
    async fn replace(&self, link: Link) -> Result<bool> {
        match self.change(LinkChange::Replace(link)).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets a link.
    async fn remove(&self, id: &LinkId) -> Result<()> {
        self.change(LinkChange::Remove(*id)).await
    }

    /// Forgets all links that were to be kept until before this time.
    async fn sweep(&self, before: i64) -> Result<()> {
        self.change(LinkChange::Sweep(before)).await
    }
}

/// What is refused because the id or the token of a link is recorded already.
pub fn link_exists() -> Error {
    Error::new(ErrorKind::AlreadyExists, "the link is recorded already")
}

/// What is refused because the revision of a link is another.
pub fn link_changed() -> Error {
    Error::new(
        ErrorKind::PreconditionFailed,
        "the link was changed meanwhile",
    )
}
