//! Where a path leads over symbolic links.
//!
//! The kernel follows links beneath the folder and does not say which way it went. Here the links
//! are followed one by one, so that what is behind them is known by the path without links, by
//! which it is judged.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use callfs_model::error::Result;
use callfs_model::storage::LinkedWay;
use rustix::fs::{FileType, OFlags, ResolveFlags, readlinkat};
use rustix::io::Errno;

use super::attributes::{file_type, look};
use super::failure::failure;
use super::path::FolderPath;
use super::root::{FolderRoot, Follow, resolve, step};
use super::{Folder, blocking};

/// As many as the kernel follows.
const MAX_LINKS: usize = 40;

impl Folder {
    /// Where a path leads that has a symbolic link on the way or at its end; none if it has none,
    /// or leads nowhere by it.
    pub async fn over_links(self: &Arc<Self>, path: &str) -> Result<Option<LinkedWay>> {
        let folder = self.clone();
        let place = FolderPath::parse(path)?;
        blocking(move || {
            let found = folder.root.over_links(place.as_str());
            found.map_err(|errno| failure(errno, &place))
        })
        .await
    }
}

impl FolderRoot {
    /// Where a path leads that has a link on the way or at its end; none if it has none, or if one
    /// leaves the folder or leads in a circle, so that the kernel follows it nowhere. It may wait
    /// for the disk.
    fn over_links(&self, path: &str) -> Result<Option<LinkedWay>, Errno> {
        // What is still to be gone, the next name last.
        let mut names: Vec<String> = path.rsplit('/').map(String::from).collect();
        let mut real: Vec<String> = Vec::new();
        let mut place = None;
        let mut links = 0;
        // None is the folder itself.
        let mut directory: Option<OwnedFd> = None;
        while let Some(name) = names.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    if real.pop().is_none() {
                        return Ok(None);
                    }
                    directory = self.without_links(&real)?;
                    continue;
                }
                _ => {}
            }
            if names.is_empty() && place.is_none() {
                place = Some(joined(&real, &name));
            }
            let within = directory.as_ref().map_or(self.fd(), OwnedFd::as_fd);
            let found = match step(within, &name, OFlags::PATH, Follow::Disk) {
                Ok(found) => found,
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    // Nothing is there, and so nothing below it.
                    real.push(name);
                    let below = names.into_iter().rev();
                    let is_name = |name: &String| !matches!(name.as_str(), "" | "." | "..");
                    real.extend(below.take_while(is_name));
                    break;
                }
                Err(errno) => return Err(errno),
            };
            if file_type(&look(&found)?) != FileType::Symlink {
                real.push(name);
                directory = Some(found);
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Ok(None);
            }
            let target = readlinkat(&found, "", Vec::new())?;
            if target.to_bytes().starts_with(b"/") {
                return Ok(None);
            }
            let Ok(target) = target.into_string() else {
                // No path can say what is there.
                let place = place.and_then(spoken);
                return Ok(Some(LinkedWay { place, end: None }));
            };
            names.extend(target.rsplit('/').map(String::from));
        }
        if links == 0 {
            return Ok(None);
        }
        let end = spoken(real.join("/"));
        let place = match place {
            Some(place) => spoken(place),
            None => end.clone(),
        };
        Ok(Some(LinkedWay { place, end }))
    }

    /// A directory that was found by these names, and none of them a link; none for the folder.
    fn without_links(&self, names: &[String]) -> Result<Option<OwnedFd>, Errno> {
        if names.is_empty() {
            return Ok(None);
        }
        let path = names.join("/");
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match resolve(self.fd(), &path, OFlags::PATH, how, Follow::Disk) {
            // Another program took it away meanwhile.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Err(Errno::AGAIN),
            found => found.map(Some),
        }
    }
}

fn joined(directory: &[String], name: &str) -> String {
    let names = directory.iter().map(String::as_str).chain([name]);
    names.collect::<Vec<_>>().join("/")
}

/// A path, if it can be asked for.
fn spoken(path: String) -> Option<String> {
    FolderPath::parse(&path).is_ok().then_some(path)
}
