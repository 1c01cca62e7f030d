//! What is at a place where a folder is to be served, looked at without changing anything.

use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::Path;

use callfs_model::error::Result;
use callfs_model::storage::StorageIdentity;
use rustix::io::Errno;

use super::failure::failure;
use super::marker;
use super::path::RESERVED;

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderSight {
    /// Nothing.
    Missing,
    /// A folder.
    There {
        /// A gateway has served it to be changed.
        served: bool,
        /// Something is in it, apart from what a gateway keeps there for itself.
        filled: bool,
        /// Which folder it is, if that is known without serving it.
        identity: Option<StorageIdentity>,
    },
}

impl FolderSight {
    /// Looks. It may wait for the disk.
    pub fn of(host: &Path) -> Result<Self> {
        let failed = |cause: std::io::Error| {
            let errno = Errno::from_io_error(&cause).unwrap_or(Errno::IO);
            failure(errno, format_args!("the folder '{}'", host.display()))
        };
        let entries = match fs::read_dir(host) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == IoErrorKind::NotFound => return Ok(Self::Missing),
            Err(cause) => return Err(failed(cause)),
        };
        let mut filled = false;
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            // The second is in every new filesystem of the ext family.
            if name != RESERVED && name != "lost+found" {
                filled = true;
                break;
            }
        }
        let identity = marker::read_from(host).map_err(|errno| failed(errno.into()))?;
        Ok(Self::There {
            served: host.join(RESERVED).is_dir(),
            filled,
            identity,
        })
    }
}
