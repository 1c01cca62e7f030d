//! The folders of this machine that components are granted: looked at before any of them is opened,
//! so that a disk that is not mounted is not taken for a folder that was emptied.
//!
//! A folder that a gateway has served has a staging directory with its identity. One that is
//! missing, or is empty and was never served, although the metadata store has records of what
//! should be in it, is refused. It does not know what the components do with them.

use std::sync::Arc;

use anyhow::{Context, bail};
use callfs_folder::{Folder, FolderAccess, FolderOptions, FolderSight};
use callfs_model::metadata::Metadata;
use callfs_model::path::FilePath;

use crate::config::{Config, DirectoryAccess, DirectoryGrant, MountPoint};

/// How many records are looked at at a time.
const PAGE: u32 = 256;

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
            },
        )?;
        if is_new {
            tracing::info!(folder = %host.display(), "made a folder to serve that was missing");
        }
        Ok(folder)
    }
}

/// Fails if a folder is missing, or is new and empty, although something is recorded of what is in
/// it, unless that is `accepted`. Says so where a folder is to be served (`serves`) of which
/// nothing is recorded.
pub(super) async fn admit(
    config: &Config,
    metadata: &dyn Metadata,
    accepted: bool,
    serves: bool,
) -> anyhow::Result<()> {
    for mount in &config.mounts {
        let changeable = |grant: &&DirectoryGrant| grant.access == DirectoryAccess::ReadWrite;
        for grant in mount.directories.iter().filter(changeable) {
            let host = grant.host.display();
            let sight = FolderSight::of(&grant.host)
                .with_context(|| format!("cannot look at the granted folder {host}"))?;
            let what = match sight {
                FolderSight::Missing => "does not exist",
                FolderSight::There {
                    served: false,
                    filled: false,
                } => "is empty and was never served",
                FolderSight::There { filled: false, .. } => continue,
                FolderSight::There { filled: true, .. } => {
                    if serves && !has_records(config, mount, metadata).await? {
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
            if !accepted && has_records(config, mount, metadata).await? {
                bail!(
                    "the folder {host} {what}, and the metadata store has records of files in it \
                     (mount {}); is its disk mounted? If the files are really gone, give \
                     --accept-empty",
                    mount.path
                );
            }
        }
    }
    Ok(())
}

/// Whether anything is recorded of what a mount holds, its own root and other mounts in it aside.
async fn has_records(
    config: &Config,
    mount: &MountPoint,
    metadata: &dyn Metadata,
) -> anyhow::Result<bool> {
    let owner = |path: &FilePath| {
        let within = config.mounts.iter().filter(|one| path.is_within(&one.path));
        within.max_by_key(|one| one.path.as_str().len())
    };
    let mut after = None;
    loop {
        let records = metadata
            .records(&mount.path, after.as_ref(), PAGE)
            .await
            .context("cannot read the metadata store")?;
        let Some(last) = records.last() else {
            return Ok(false);
        };
        let is_held = |path: &FilePath| {
            *path != mount.path && owner(path).is_some_and(|one| one.path == mount.path)
        };
        if records.iter().any(|record| is_held(&record.path)) {
            return Ok(true);
        }
        after = Some(last.path.clone());
    }
}
