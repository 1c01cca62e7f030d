//! Where permission bits stay as they are set, so that they say what other programs allow.
//!
//! Some filesystems make them up (FAT, some network filesystems), and files of other users keep
//! theirs from a process that is not root. There the bits say nothing that could be changed through
//! the gateway.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, Statx, StatxFlags, fchmod};

use super::attributes::look;

/// What is tried, one after the other: a filesystem that makes bits up gives neither or one.
const TRIED: [u32; 2] = [0o640, 0o604];

/// The part of a folder in which they do.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptModes {
    /// Of the folder, whose own mode is that of its operator.
    inode: u64,
    device: (u32, u32),
    mount: Option<u64>,
    /// Of what this process makes, as the filesystem sees it.
    owner: u32,
}

impl KeptModes {
    /// Tries it with a new file in the folder opened as `root`.
    pub(super) fn try_with(root: BorrowedFd<'_>, file: &File) -> Option<Self> {
        for bits in TRIED {
            fchmod(file, Mode::from_raw_mode(bits)).ok()?;
            let kept = u32::from(look(file).ok()?.stx_mode) & 0o7777;
            if kept != bits {
                return None;
            }
        }
        let folder = look(root).ok()?;
        Some(Self {
            inode: folder.stx_ino,
            device: device(&folder),
            mount: mount(&folder),
            owner: look(file).ok()?.stx_uid,
        })
    }

    /// Whether this is in that part. Other filesystems may be mounted below the folder; a subvolume
    /// has another device and the same mount.
    pub(super) fn hold_for(&self, stat: &Statx) -> bool {
        let is_same_device = device(stat) == self.device;
        let is_same_mount = self.mount.is_some() && mount(stat) == self.mount;
        let is_folder = is_same_device && stat.stx_ino == self.inode;
        (is_same_device || is_same_mount)
            && !is_folder
            && (self.owner == 0 || stat.stx_uid == self.owner)
    }
}

fn device(stat: &Statx) -> (u32, u32) {
    (stat.stx_dev_major, stat.stx_dev_minor)
}

/// None on Linux before 5.8.
fn mount(stat: &Statx) -> Option<u64> {
    (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id)
}
