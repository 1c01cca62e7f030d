//! Folders that share files: one that is granted twice, or lies in another one, by one
//! configuration or by gateways with different ones.
//!
//! Owners and modes are recorded for a path. A file that has two of them has two owners, and what
//! is closed at one path is open at the other. So such folders are refused, unless the operator
//! allows it for one of them, or grants one to be read alone.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use callfs_folder::ServedNeighbour;

use super::folders::FolderUse;
use super::generation::{ComponentSlot, Recipe};
use crate::config::{ConfigError, DirectoryAccess, DirectoryGrant};

/// A folder that is granted somewhere.
struct GrantedFolder<'a> {
    slot: &'a ComponentSlot,
    grant: &'a DirectoryGrant,
    /// Canonical, as far as it exists.
    path: PathBuf,
    /// Device and inode, if it exists.
    inode: Option<(u64, u64)>,
}

/// Fails if folders that are wanted share files with each other, or with one that a gateway has
/// served. If nothing is to be changed, the latter is only warned of. It may wait for the disk.
pub(super) fn refuse_overlaps(
    wanted: &[(ComponentSlot, Recipe)],
    purpose: &FolderUse,
) -> anyhow::Result<()> {
    let grants = wanted.iter().flat_map(|(slot, recipe)| {
        let grants = recipe.directories.iter();
        grants.map(move |grant| GrantedFolder::of(slot, grant))
    });
    let granted: Vec<GrantedFolder<'_>> = grants.collect();
    for (at, one) in granted.iter().enumerate() {
        for other in &granted[..at] {
            if let Some(how) = one.shares_with(other)
                && one.is_exclusive()
                && other.is_exclusive()
            {
                return Err(refused(one, other, how).into());
            }
        }
    }
    let known: Vec<PathBuf> = granted.iter().map(|one| one.path.clone()).collect();
    for one in granted.iter().filter(|one| one.is_exclusive()) {
        let host = one.grant.host.display();
        let Some(neighbour) = ServedNeighbour::of(&one.path, &known) else {
            continue;
        };
        let (how, served) = match neighbour {
            ServedNeighbour::Around(served) => ("is in", served),
            ServedNeighbour::Inside(served) => ("holds", served),
        };
        let served = served.display();
        let message = format!(
            "the folder {host} ({}) {how} the folder {served}, which a gateway serves or has \
             served: what one of them closes could be read by the other. Serve one of both; if \
             {served} is not served any more, remove {served}/.callfs-staging; or set `overlap = \
             true` in the grant of {host}, if that is meant",
            one.slot
        );
        if matches!(purpose, FolderUse::Compare) {
            tracing::warn!(
                reason = message,
                "a folder shares files with another served folder"
            );
        } else {
            bail!("{message}");
        }
    }
    Ok(())
}

fn refused(one: &GrantedFolder<'_>, other: &GrantedFolder<'_>, how: &str) -> ConfigError {
    let message = format!(
        "the folder {} ({}) {how} the folder {} ({}): what one of them closes could be read by the \
         other. Grant it once, set access = \"read-only\" in one of the grants, or `overlap = \
         true`, if that is meant",
        one.grant.host.display(),
        one.slot,
        other.grant.host.display(),
        other.slot
    );
    ConfigError {
        origin: None,
        key: Some("grants.directories".into()),
        message,
    }
}

impl<'a> GrantedFolder<'a> {
    fn of(slot: &'a ComponentSlot, grant: &'a DirectoryGrant) -> Self {
        let path = canonical(&grant.host);
        let inode = fs::metadata(&path).ok();
        Self {
            slot,
            grant,
            inode: inode.map(|found| (found.dev(), found.ino())),
            path,
        }
    }

    /// Whether it is not to share files with others.
    fn is_exclusive(&self) -> bool {
        self.grant.access == DirectoryAccess::ReadWrite && !self.grant.overlap
    }

    fn shares_with(&self, other: &Self) -> Option<&'static str> {
        if self.path == other.path || (self.inode.is_some() && self.inode == other.inode) {
            Some("is also")
        } else if self.path.starts_with(&other.path) {
            Some("is in")
        } else if other.path.starts_with(&self.path) {
            Some("holds")
        } else {
            None
        }
    }
}

/// A path without links as far as it exists; the rest is still to be made.
fn canonical(host: &Path) -> PathBuf {
    let Ok(whole) = std::path::absolute(host) else {
        return host.into();
    };
    let exists = |path: &&Path| path.exists();
    let Some(existing) = whole.ancestors().find(exists) else {
        return whole;
    };
    let rest = whole.strip_prefix(existing).unwrap_or(Path::new(""));
    match existing.canonicalize() {
        // Joined with nothing, it would end in a slash.
        Ok(canonical) if rest == Path::new("") => canonical,
        Ok(canonical) => canonical.join(rest),
        Err(_) => whole,
    }
}
