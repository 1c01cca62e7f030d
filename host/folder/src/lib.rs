//! A granted folder of this machine: what stands behind the `directories` capability of components.
//!
//! The kernel resolves every path beneath the folder, so that nothing outside of it is reached,
//! whatever links there are and whatever is renamed meanwhile. Files are never written in place: a
//! reader has the bytes that it opened, and a write is seen whole or not at all, also after a
//! crash. Readers take no locks, and no call blocks an async thread. It knows nothing of
//! components, users or metadata.

mod attributes;
mod change;
mod clock;
mod draft;
mod entry;
mod failure;
mod flush;
mod links;
mod listing;
mod location;
mod marker;
mod modes;
mod names;
mod neighbour;
mod opened;
mod path;
mod real;
mod root;
mod sight;
mod staging;
#[cfg(test)]
mod tests;
mod transfer;
mod turns;

use std::path::Path;
use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{
    Attributes, ByteRange, Condition, DirectoryEntry, Durability, ListingPage, StorageIdentity,
    Transfer, Walked,
};
use rustix::io::Errno;
use tokio_util::task::AbortOnDropHandle;

use self::failure::failure;
use self::flush::FolderFlush;
use self::listing::NamesCache;
pub use self::neighbour::ServedNeighbour;
use self::opened::opened;
use self::path::FolderPath;
use self::root::{FolderRoot, FolderWay, Follow};
pub use self::sight::FolderSight;
use self::staging::Staging;
use self::transfer::{Destination, Duplicate, FolderUpload};
use self::turns::Turns;

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderAccess {
    /// Look.
    ReadOnly,
    /// Look and change.
    ReadWrite,
}

/// How a folder is opened.
#[derive(Debug, Clone, Copy)]
pub struct FolderOptions<'a> {
    /// What may be done in it.
    pub access: FolderAccess,
    /// Whether a missing one is made.
    pub make: bool,
    /// Names the metadata store of the gateway that opens it to change it: while one gateway runs,
    /// no other one with another metadata store may change the same folder.
    pub metadata: Option<&'a str>,
    /// When changes are on the disk.
    pub durability: Durability,
}

/// A folder. Paths are relative to it: names joined by `/`, and empty for the folder itself.
pub struct Folder {
    root: FolderRoot,
    /// None if the folder was granted read-only.
    staging: Option<Arc<Staging>>,
    listing: NamesCache,
    turns: Turns,
    flush: FolderFlush,
}

impl Folder {
    /// Opens a folder of the host. To be changed, it is made if it is missing, and what dead
    /// processes left in its staging directory is removed. It may wait for the disk.
    pub fn open(host: &Path, access: FolderAccess) -> Result<Arc<Self>> {
        let options = FolderOptions {
            access,
            make: access == FolderAccess::ReadWrite,
            metadata: None,
            durability: Durability::Strict,
        };
        Self::open_with(host, &options)
    }

    /// Opens a folder of the host as the options say.
    pub fn open_with(host: &Path, options: &FolderOptions<'_>) -> Result<Arc<Self>> {
        let mut root = FolderRoot::open(host, options.make)?;
        let staging = match options.access {
            FolderAccess::ReadWrite => Some(Staging::open(root.fd(), host, options.metadata)?),
            FolderAccess::ReadOnly => None,
        };
        if let Some(staging) = &staging {
            root.learn_modes(staging);
        }
        let flush = FolderFlush::new(root.fd(), options.durability).map_err(Error::internal)?;
        Ok(Arc::new(Self::of(root, staging, flush)))
    }

    /// A folder that holds nothing and takes nothing, in the place of one that is missing.
    pub fn absent() -> Result<Arc<Self>> {
        let root = FolderRoot::absent()?;
        Ok(Arc::new(Self::of(root, None, FolderFlush::Strict)))
    }

    fn of(root: FolderRoot, staging: Option<Arc<Staging>>, flush: FolderFlush) -> Self {
        Self {
            root,
            staging,
            listing: NamesCache::new(),
            turns: Turns::new(),
            flush,
        }
    }

    /// When its changes are on the disk.
    pub fn durability(&self) -> Durability {
        self.flush.durability()
    }

    /// Returns once every change that was acknowledged is on the disk.
    pub async fn flush(self: &Arc<Self>) -> Result<()> {
        let folder = self.clone();
        blocking(move || folder.flush.flush().map_err(Error::internal)).await
    }

    /// Which folder it is, wherever it is mounted; none if it may not be changed.
    pub fn identity(&self) -> Option<StorageIdentity> {
        self.staging.as_ref().map(|staging| staging.identity())
    }

    /// Fails if it is not the folder at its path any more: it was removed or moved away, or another
    /// one is there. Nothing is changed in it then.
    pub async fn check_in_place(self: &Arc<Self>) -> Result<()> {
        let folder = self.clone();
        blocking(move || folder.root.check_in_place()).await
    }

    /// What a path leads to.
    pub async fn stat(self: &Arc<Self>, path: &str) -> Result<Attributes> {
        let place = FolderPath::parse(path)?;
        let found = self.look(&place, FolderRoot::stat).await;
        let found = self.root.unless_removed(found)?;
        found
            .map(|stat| self.root.attributes(&stat))
            .map_err(|errno| failure(errno, &place))
    }

    /// Opens a file: its attributes as opened, and its bytes or a range of them.
    pub async fn read(
        self: &Arc<Self>,
        path: &str,
        range: Option<ByteRange>,
    ) -> Result<(Attributes, Source)> {
        let place = FolderPath::parse(path)?;
        let found = self.look(&place, FolderRoot::file).await;
        opened(&self.root, self.root.unless_removed(found)?, range, &place)
    }

    /// What a path names, with the directories on the way, and opened if it is to be read, whole or
    /// in a range; none if the way leads over a link.
    pub async fn walk(
        self: &Arc<Self>,
        path: &str,
        read: Option<Option<ByteRange>>,
    ) -> Option<Walked> {
        let (place, way) = self.way(path, read.is_some()).await?;
        let found = match (self.root.unless_removed(way.end), read) {
            (Err(removed), _) => Err(removed),
            (Ok(end), Some(range)) => {
                let opened = opened(&self.root, end, range, &place);
                opened.map(|(attributes, source)| (attributes, Some(source)))
            }
            (Ok(Ok((_, stat))), None) => Ok((self.root.attributes(&stat), None)),
            (Ok(Err(errno)), None) => Err(failure(errno, &place)),
        };
        let directories = way.directories.iter();
        let directories = directories.map(|stat| self.root.attributes(stat)).collect();
        Some(Walked { directories, found })
    }

    /// None for what [`read`](Self::read) and [`stat`](Self::stat) had better say something about.
    async fn way(self: &Arc<Self>, path: &str, open: bool) -> Option<(FolderPath, FolderWay)> {
        let place = FolderPath::parse(path).ok()?;
        let found = self.root.walk(place.as_str(), open, Follow::Memory);
        let way = match found {
            Err(Errno::AGAIN) => {
                let folder = self.clone();
                let path = place.clone();
                let walk = move || Ok(folder.root.walk(path.as_str(), open, Follow::Disk));
                blocking(walk).await.ok()?
            }
            found => found,
        };
        Some((place, way.ok()?))
    }

    /// At most `limit` entries of a directory in byte order of their names, those after the name
    /// `after`.
    pub async fn list(
        self: &Arc<Self>,
        path: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DirectoryEntry>> {
        self.names(path, after, limit as usize)
            .await
            .map(|page| page.entries)
    }

    /// The same with the name of the directory that was listed, and whether there are more.
    pub async fn list_page(
        self: &Arc<Self>,
        path: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ListingPage> {
        let limit = limit as usize;
        // One more than asked for shows whether there are more.
        let mut page = self.names(path, after, limit.saturating_add(1)).await?;
        page.more = page.entries.len() > limit;
        page.entries.truncate(limit);
        Ok(page)
    }

    async fn names(
        self: &Arc<Self>,
        path: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ListingPage> {
        let folder = self.clone();
        let place = FolderPath::parse(path)?;
        let after = after.map(String::from);
        blocking(move || {
            let page = folder
                .listing
                .page(&folder.root, &place, after.as_deref(), limit);
            let page = folder.root.unless_removed(page)?;
            page.map_err(|errno| failure(errno, &place))
        })
        .await
    }

    /// Writes a file whose directory exists when it is published. A link is replaced, not followed.
    /// The condition has to hold as well as the one given when publishing.
    pub fn write(
        self: &Arc<Self>,
        path: &str,
        body: Source,
        condition: Condition,
        mode: Option<u32>,
    ) -> Result<Box<dyn Transfer>> {
        Ok(Box::new(FolderUpload {
            to: self.destination(path, condition)?,
            body,
            mode,
        }))
    }

    /// Copies a file, with its mode; otherwise like [`write`](Self::write).
    pub fn copy(
        self: &Arc<Self>,
        from: &str,
        to: &str,
        condition: Condition,
    ) -> Result<Box<dyn Transfer>> {
        let from = FolderPath::parse(from)?;
        Ok(Box::new(Duplicate {
            to: self.destination(to, condition)?,
            from,
        }))
    }

    /// Makes a directory whose parent exists. The mode is set as it is, whatever the mask of the
    /// process.
    pub async fn make(self: &Arc<Self>, path: &str, mode: Option<u32>) -> Result<Attributes> {
        let place = FolderPath::parse(path)?;
        self.change(move |folder| change::make(folder, &place, mode))
            .await
    }

    /// Gives a file or a directory other permission bits. A link is left as it is, and so is what
    /// it leads to; the folder itself has the mode that its operator gave it.
    pub async fn set_mode(self: &Arc<Self>, path: &str, mode: u32) -> Result<()> {
        let place = FolderPath::parse(path)?;
        self.change(move |folder| change::set_mode(folder, &place, mode))
            .await
    }

    /// Removes a file, or a link but not what it leads to.
    pub async fn remove_file(self: &Arc<Self>, path: &str, condition: Condition) -> Result<()> {
        let place = FolderPath::parse(path)?;
        self.change(move |folder| change::remove_file(folder, &place, &condition))
            .await
    }

    /// Removes an empty directory.
    pub async fn remove_directory(self: &Arc<Self>, path: &str) -> Result<()> {
        let place = FolderPath::parse(path)?;
        self.change(move |folder| change::remove_directory(folder, &place))
            .await
    }

    /// Moves a file, a link or a directory in one step; the condition is about `to`.
    pub async fn rename(
        self: &Arc<Self>,
        from: &str,
        to: &str,
        condition: Condition,
    ) -> Result<()> {
        let from = FolderPath::parse(from)?;
        let to = FolderPath::parse(to)?;
        self.change(move |folder| change::rename(folder, &from, &to, &condition))
            .await
    }

    /// Exchanges what two paths name, each a file, a link or a directory, in one step.
    pub async fn exchange(self: &Arc<Self>, one: &str, other: &str) -> Result<()> {
        let one = FolderPath::parse(one)?;
        let other = FolderPath::parse(other)?;
        self.change(move |folder| change::exchange(folder, &one, &other))
            .await
    }

    /// Finds at once what the kernel has in memory, and in a thread that may wait what it has not.
    async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        place: &FolderPath,
        find: fn(&FolderRoot, &str, Follow) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match find(&self.root, place.as_str(), Follow::Memory) {
            Err(Errno::AGAIN) => {
                let folder = self.clone();
                let place = place.clone();
                let found = blocking(move || Ok(find(&folder.root, place.as_str(), Follow::Disk)));
                found.await.unwrap_or(Err(Errno::CANCELED))
            }
            found => found,
        }
    }

    async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.staging()?;
        let folder = self.clone();
        blocking(move || {
            folder.root.check_in_place()?;
            change(&folder)
        })
        .await
    }

    fn destination(self: &Arc<Self>, path: &str, condition: Condition) -> Result<Destination> {
        let place = FolderPath::parse(path)?;
        place.split()?;
        Ok(Destination {
            folder: self.clone(),
            staging: self.staging()?.clone(),
            place,
            condition,
        })
    }

    fn staging(&self) -> Result<&Arc<Staging>> {
        let refused = || {
            Error::new(
                ErrorKind::PermissionDenied,
                "the folder was granted read-only",
            )
        };
        self.staging.as_ref().ok_or_else(refused)
    }
}

/// Whether this is a path within a folder, or why it is none.
pub fn check_path(path: &str) -> Result<()> {
    FolderPath::parse(path).map(|_| ())
}

/// Runs what may wait for the disk. Given up before it begins, it does not begin.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let work = AbortOnDropHandle::new(tokio::task::spawn_blocking(work));
    work.await
        .unwrap_or_else(|error| Err(Error::internal(error)))
}
