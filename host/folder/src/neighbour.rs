//! Served folders around a folder and in it, found by what gateways keep in them, without changing
//! anything.
//!
//! What is around is always found. What is inside may be anywhere in a large tree, so only its top
//! is looked through; a listing finds the rest.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use super::marker;
use super::path::RESERVED;

/// How deep below a folder others are looked for.
const DEPTH: usize = 2;
/// How many names are looked at for that.
const LOOKS: usize = 1024;

/// A folder that a gateway has served to be changed, and that shares files with another folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServedNeighbour {
    /// It holds the other folder.
    Around(PathBuf),
    /// It is in the other folder.
    Inside(PathBuf),
}

impl ServedNeighbour {
    /// The first one that is found of a folder, whose path is canonical, apart from those that are
    /// `known`. What cannot be looked at is none. It may wait for the disk.
    pub fn of(host: &Path, known: &[PathBuf]) -> Option<Self> {
        let is_served = |path: &Path| {
            !known.iter().any(|known| known == path)
                && matches!(marker::read_from(path), Ok(Some(_)))
        };
        if let Some(around) = host.ancestors().skip(1).find(|path| is_served(path)) {
            return Some(Self::Around(around.into()));
        }
        let mut looks = 0;
        let mut directories = VecDeque::from([(host.to_path_buf(), 1)]);
        while let Some((directory, depth)) = directories.pop_front() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                looks += 1;
                if looks > LOOKS {
                    return None;
                }
                if entry.file_name() == RESERVED || !entry.file_type().is_ok_and(|it| it.is_dir()) {
                    continue;
                }
                let path = entry.path();
                if is_served(&path) {
                    return Some(Self::Inside(path));
                }
                if depth < DEPTH {
                    directories.push_back((path, depth + 1));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Folder, FolderAccess};

    #[test]
    fn finds_what_was_served_around_a_folder_and_in_it() {
        let host = tempfile::tempdir().expect("a folder");
        let host = host.path().canonicalize().expect("there");
        let at = |path: &str| host.join(path);
        fs::create_dir_all(at("outer/a/b/c/d")).expect("made");
        fs::create_dir_all(at("other/a/b/c")).expect("made");
        for (path, served) in [("outer/a", true), ("other/a/b/c", true), ("copy/a", false)] {
            if served {
                drop(Folder::open(&at(path), FolderAccess::ReadWrite).expect("opens"));
            } else {
                // The marker is of another folder.
                fs::create_dir_all(at(path).join(RESERVED)).expect("made");
                let marker = Path::new(RESERVED).join("identity");
                fs::copy(at("outer/a").join(&marker), at(path).join(&marker)).expect("copied");
            }
        }
        let around = |path: &str| Some(ServedNeighbour::Around(at(path)));
        let inside = |path: &str| Some(ServedNeighbour::Inside(at(path)));
        type Case<'a> = (&'a str, &'a [PathBuf], Option<ServedNeighbour>);
        let cases: [Case<'_>; 12] = [
            ("outer/a", &[], None),
            ("outer/a/b", &[], around("outer/a")),
            ("outer/a/b/c/d", &[], around("outer/a")),
            ("outer/a/missing", &[], around("outer/a")),
            ("outer/a/b", &[at("outer/a")], None),
            ("outer", &[], inside("outer/a")),
            ("outer", &[at("outer/a")], None),
            ("other/a", &[], inside("other/a/b/c")),
            // Too deep to be looked for.
            ("other", &[], None),
            ("copy", &[], None),
            ("copy/a/b", &[], None),
            ("missing", &[], None),
        ];
        for (path, known, found) in cases {
            assert_eq!(
                ServedNeighbour::of(&at(path), known),
                found,
                "{path} {known:?}"
            );
        }
    }
}
