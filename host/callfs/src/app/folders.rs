//! The folders of this machine that components are granted: looked at before any of them is opened,
//! so that a disk that is not mounted is not taken for a folder that was emptied, and no folder for
//! another one.
//!
//! A folder that a gateway has served has a staging directory with its identity. One that is
//! missing, or is empty and was never served, although the metadata store has records of what
//! should be in it, is refused. So is another one than the one that the metadata store remembers
//! for a mount, because nothing that is recorded is of what it holds. It does not know what the
//! components do with them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use callfs_folder::{Folder, FolderAccess, FolderOptions, FolderSight};
use callfs_model::error::ErrorKind;
use callfs_model::metadata::{Change, Intent, IntentId, Metadata, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Mounts, StorageIdentity};
use callfs_sandbox::identity_of_folders;
use sha2::{Digest, Sha256};

use crate::config::{Config, DirectoryAccess, DirectoryGrant, MountPoint};

/// How many records are looked at at a time.
const PAGE: u32 = 256;
/// How long a storage may take to say whether anything is in it.
const ANSWER: Duration = Duration::from_secs(10);

/// What folders are opened for.
#[derive(Debug, Clone)]
pub(super) enum FolderUse {
    /// To serve them with a metadata store, if there is one: a missing one is made.
    Serve {
        /// Tells the metadata store from others.
        metadata: Option<String>,
    },
    /// To change them while nothing is served: a missing one is an error.
    Repair {
        /// Tells the metadata store from others.
        metadata: String,
    },
    /// To compare them with what is recorded: a missing one is an error, and nothing is changed.
    Compare,
    /// To see whether components can be loaded: nothing is changed, and a missing one is empty.
    Try,
}

impl FolderUse {
    /// Opens the folders of a mount.
    pub(super) fn open(
        &self,
        directories: &[DirectoryGrant],
    ) -> anyhow::Result<Vec<(String, Arc<Folder>)>> {
        let open = |grant: &DirectoryGrant| {
            let folder = tokio::task::block_in_place(|| self.open_one(grant));
            let folder = folder.with_context(|| {
                format!("cannot open the granted folder {}", grant.host.display())
            })?;
            anyhow::Ok((grant.guest.clone(), folder))
        };
        directories.iter().map(open).collect()
    }

    fn open_one(&self, grant: &DirectoryGrant) -> callfs_model::error::Result<Arc<Folder>> {
        let host = &grant.host;
        let granted = match grant.access {
            DirectoryAccess::ReadWrite => FolderAccess::ReadWrite,
            DirectoryAccess::ReadOnly => FolderAccess::ReadOnly,
        };
        let (access, make, metadata) = match self {
            Self::Serve { metadata } => {
                let make = granted == FolderAccess::ReadWrite;
                (granted, make, metadata.as_deref())
            }
            Self::Repair { metadata } => (granted, false, Some(metadata.as_str())),
            Self::Compare => (FolderAccess::ReadOnly, false, None),
            Self::Try => {
                if FolderSight::of(host)? == FolderSight::Missing
                    && granted == FolderAccess::ReadWrite
                {
                    return Folder::absent();
                }
                (FolderAccess::ReadOnly, false, None)
            }
        };
        let is_new = make && FolderSight::of(host)? == FolderSight::Missing;
        let folder = Folder::open_with(
            host,
            &FolderOptions {
                access,
                make,
                metadata,
                durability: grant.durability,
            },
        )?;
        if is_new {
            tracing::info!(folder = %host.display(), "made a folder to serve that was missing");
        }
        Ok(folder)
    }
}

/// What the operator says of folders that do not agree with what is recorded.
#[derive(Debug, Clone, Copy, Default)]
pub struct AcceptedFolders {
    /// Those that are missing, or empty and new, were emptied for good.
    pub empty: bool,
    /// Those that are others than before were exchanged on purpose.
    pub other: bool,
}

/// Why folders are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderCheck {
    /// They are to be served.
    Serve,
    /// What is recorded of them is to be changed.
    Repair,
    /// Nothing is to be changed.
    Compare,
}

/// Fails if a folder is missing, is new and empty, or is another one than before, although
/// something is recorded of what is in it, unless that is `accepted`. Where nothing is changed,
/// another one is only warned of. Says so where nothing is recorded of what is in a folder that may
/// be changed, and answers those mounts of which the metadata store has never heard although a
/// gateway has served their folders: another metadata store belongs to them.
pub(super) async fn admit(
    config: &Config,
    metadata: &dyn Metadata,
    accepted: AcceptedFolders,
    check: FolderCheck,
) -> anyhow::Result<Vec<FilePath>> {
    let remembered = remembered(metadata).await?;
    let mut unknown = Vec::new();
    for mount in &config.mounts {
        let mut sights = Vec::new();
        for grant in &mount.directories {
            let sight = FolderSight::of(&grant.host).with_context(|| {
                let host = grant.host.display();
                format!("cannot look at the granted folder {host}")
            })?;
            sights.push((grant, sight));
        }
        let mut new = false;
        for (grant, sight) in &sights {
            let host = grant.host.display();
            // One that may not be changed has no sign of having been served.
            let is_signed = grant.access == DirectoryAccess::ReadWrite;
            let what = match sight {
                FolderSight::Missing => "does not exist",
                FolderSight::There { filled: false, .. } if !is_signed => "is empty",
                FolderSight::There {
                    served: false,
                    filled: false,
                    ..
                } => "is empty and was never served",
                FolderSight::There { filled: false, .. } => continue,
                FolderSight::There {
                    filled: true,
                    served,
                    ..
                } => {
                    if is_signed && !has_records(config, mount, metadata).await? {
                        if *served && !remembered.iter().any(|one| one.path == mount.path) {
                            unknown.push(mount.path.clone());
                        }
                        tracing::warn!(
                            folder = %host,
                            mount = %mount.path,
                            "the metadata store has no record of what is in this folder: owners \
                             and modes are those on disk; if another metadata store belongs to \
                             it, what was private there is open"
                        );
                    }
                    continue;
                }
            };
            new = true;
            if !accepted.empty && has_records(config, mount, metadata).await? {
                bail!(
                    "the folder {host} {what}, and the metadata store has records of files in it \
                     (mount {}); is its disk mounted? If the files are really gone, give \
                     --accept-empty",
                    mount.path
                );
            }
        }
        let Some(before) = remembered.iter().find(|one| one.path == mount.path) else {
            continue;
        };
        let is_right = match seen(&sights) {
            Seen::Untold => true,
            Seen::Unserved => false,
            Seen::Served(identity) => identity == before.storage,
        };
        // One that is new and empty was accepted above, or nothing is recorded of it.
        if is_right || new || accepted.other || !has_records(config, mount, metadata).await? {
            continue;
        }
        let hosts: Vec<String> = mount
            .directories
            .iter()
            .map(|grant| grant.host.display().to_string())
            .collect();
        let hosts = hosts.join(", ");
        let of = match seen(&sights) {
            Seen::Served(identity) => remembered.iter().find(|one| one.storage == identity),
            Seen::Untold | Seen::Unserved => None,
        };
        let which = match of {
            Some(other) => format!("it is the one of the mount {}", other.path),
            None => "it was never served there".to_owned(),
        };
        if check == FolderCheck::Compare {
            tracing::warn!(
                mount = %mount.path,
                folder = hosts,
                which,
                "this is another folder than the one whose files the metadata store has records \
                 of; put that one back before anything is repaired"
            );
            continue;
        }
        bail!(
            "the mount {} has another folder than the one whose files the metadata store has \
             records of: {hosts}; {which}. Put the folder back that was served there. If it was \
             restored from a backup, or moved to another disk, give --accept-folders: then the \
             records are taken for those of the files that have the same paths there",
            mount.path
        );
    }
    Ok(unknown)
}

/// The same of storages without a folder, such as buckets: one in which nothing is, although files
/// are recorded there, is another one, or was emptied by mistake. Serving it forgets nothing, and
/// is only warned of; repairing would. One that does not answer is not waited for.
pub(super) async fn admit_filled(
    config: &Config,
    metadata: &dyn Metadata,
    mounts: &Mounts,
    accepted: AcceptedFolders,
    check: FolderCheck,
) -> anyhow::Result<()> {
    let of_folders = |path: &FilePath| {
        let mut mounts = config.mounts.iter();
        mounts.any(|one| one.path == *path && !one.directories.is_empty())
    };
    for mount in mounts.iter() {
        if accepted.empty || of_folders(&mount.path) {
            continue;
        }
        let storage = mount.storage();
        let is_empty = match tokio::time::timeout(ANSWER, storage.list("", None, 1)).await {
            Ok(Ok(page)) => page.entries.is_empty(),
            Ok(Err(error)) => error.kind() == ErrorKind::NotFound,
            Err(_) => false,
        };
        let is_file = |record: &Record| record.content.is_some();
        if !is_empty || !has_such_records(config, &mount.path, metadata, is_file).await? {
            continue;
        }
        let what = format!(
            "nothing is in the storage of the mount {}, and the metadata store has records of \
             files in it; is it the right one?",
            mount.path
        );
        if check == FolderCheck::Repair {
            bail!("{what} If the files are really gone, give --accept-empty");
        }
        tracing::warn!("{what} If the files are really gone, `callfs fsck` finds what is recorded");
    }
    Ok(())
}

/// Has the metadata store remember which folders are mounted, as they were opened. They were
/// admitted.
pub(super) async fn remember(
    config: &Config,
    metadata: &dyn Metadata,
    mounts: &Mounts,
) -> anyhow::Result<()> {
    let remembered = remembered(metadata).await?;
    let mut changes = Vec::new();
    for mount in mounts.iter() {
        let path = &mount.path;
        let is_granted = |one: &MountPoint| one.path == *path && !one.directories.is_empty();
        let Some(storage) = mount.storage().identity() else {
            continue;
        };
        let known = remembered.iter().find(|one| one.path == *path);
        if !config.mounts.iter().any(is_granted)
            || known.is_some_and(|known| known.storage == storage)
        {
            continue;
        }
        let id = intent_id(path);
        let path = path.clone();
        changes.push(Change::End(id));
        changes.push(Change::Begin(id, Intent::Mounted { path, storage }));
    }
    if changes.is_empty() {
        return Ok(());
    }
    metadata
        .apply(changes)
        .await
        .context("the metadata store cannot remember which folders are mounted")
}

/// What was mounted where.
struct RememberedMount {
    path: FilePath,
    storage: StorageIdentity,
}

async fn remembered(metadata: &dyn Metadata) -> anyhow::Result<Vec<RememberedMount>> {
    let intents = metadata
        .intents()
        .await
        .context("cannot read the metadata store")?;
    let mounted = intents.into_iter().filter_map(|(_, intent)| match intent {
        Intent::Mounted { path, storage } => Some(RememberedMount { path, storage }),
        _ => None,
    });
    Ok(mounted.collect())
}

/// One for each mount.
fn intent_id(mount: &FilePath) -> IntentId {
    let digest = Sha256::new()
        .chain_update(b"mounted:")
        .chain_update(mount.as_str())
        .finalize();
    let mut id = IntentId::default();
    let length = id.len();
    id.copy_from_slice(&digest[..length]);
    id
}

/// What the folders of a mount are together.
enum Seen {
    /// Nobody can tell: there are none, or some that may not be changed.
    Untold,
    /// Not all of them were ever served.
    Unserved,
    Served(StorageIdentity),
}

fn seen(sights: &[(&DirectoryGrant, FolderSight)]) -> Seen {
    let is_changeable =
        |(grant, _): &(&DirectoryGrant, _)| grant.access == DirectoryAccess::ReadWrite;
    if sights.is_empty() || !sights.iter().all(is_changeable) {
        return Seen::Untold;
    }
    let identities: Option<Vec<_>> = sights
        .iter()
        .map(|(grant, sight)| match sight {
            FolderSight::There { identity, .. } => Some((grant.guest.clone(), (*identity)?)),
            FolderSight::Missing => None,
        })
        .collect();
    identities.map_or(Seen::Unserved, |identities| {
        Seen::Served(identity_of_folders(&identities))
    })
}

/// Whether anything is recorded of what a mount holds, its own root and other mounts in it aside.
async fn has_records(
    config: &Config,
    mount: &MountPoint,
    metadata: &dyn Metadata,
) -> anyhow::Result<bool> {
    has_such_records(config, &mount.path, metadata, |_| true).await
}

/// The same of some kind of records.
async fn has_such_records(
    config: &Config,
    mount: &FilePath,
    metadata: &dyn Metadata,
    such: impl Fn(&Record) -> bool,
) -> anyhow::Result<bool> {
    let owner = |path: &FilePath| {
        let within = config.mounts.iter().filter(|one| path.is_within(&one.path));
        within.max_by_key(|one| one.path.as_str().len())
    };
    let mut after = None;
    loop {
        let records = metadata
            .records(mount, after.as_ref(), PAGE)
            .await
            .context("cannot read the metadata store")?;
        let Some(last) = records.last() else {
            return Ok(false);
        };
        let is_held =
            |path: &FilePath| path != mount && owner(path).is_some_and(|one| one.path == *mount);
        let mut such = records.iter().filter(|record| such(record));
        if such.any(|record| is_held(&record.path)) {
            return Ok(true);
        }
        after = Some(last.path.clone());
    }
}
