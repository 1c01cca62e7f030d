//! Keys of any length as files of one folder. A file has a name of at most 255 bytes: what is
//! longer goes on in a directory, whose name is the first part of the key and a mark that no key
//! has.

use callfs_sdk::directories::Directory;
use callfs_sdk::{Attributes, Error, Result};

/// How many keys are fetched at a time.
pub(crate) const PAGE: u32 = 1000;
/// The longest part of a key that is a name, in bytes.
const PART: usize = 240;
/// Ends the name of a directory in which longer keys go on: in a key, `25` or `2F` comes after
/// every `%`.
const MARK: &str = "%~";

pub(crate) struct Keys {
    folder: Directory,
}

impl Keys {
    pub(crate) fn in_folder(folder: Directory) -> Self {
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Directory {
        &self.folder
    }

    /// The file of a key that is about to be written, whose directory exists.
    pub(crate) async fn place_for(&self, key: &str) -> Result<String> {
        let file = file(key);
        for (slash, _) in file.match_indices('/') {
            match self.folder.make(file[..slash].into(), None).await {
                Ok(_) | Err(Error::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(file)
    }

    /// Some of the keys after one, in their order, at least one if there are any; about as many as
    /// are wanted.
    pub(crate) async fn after(
        &self,
        after: Option<String>,
        wanted: u32,
    ) -> Result<Vec<(String, Attributes)>> {
        let mut found = Vec::new();
        self.collect(String::new(), String::new(), after, wanted, &mut found)
            .await?;
        Ok(found)
    }

    /// Those in one directory, where all keys begin alike.
    async fn collect(
        &self,
        directory: String,
        begin: String,
        after: Option<String>,
        wanted: u32,
        found: &mut Vec<(String, Attributes)>,
    ) -> Result<()> {
        let below = |name: &str| {
            if directory.is_empty() {
                name.to_owned()
            } else {
                format!("{directory}/{name}")
            }
        };
        let mut next = after.as_deref().map(|after| part(after).to_owned());
        if let (Some(first), Some(after)) = (&next, &after)
            && first.len() < after.len()
        {
            let name = format!("{first}{MARK}");
            let rest = after[first.len()..].to_owned();
            match Box::pin(self.collect(
                below(&name),
                format!("{begin}{first}"),
                Some(rest),
                wanted,
                found,
            ))
            .await
            {
                Ok(()) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
            next = Some(name);
        }
        while found.len() < wanted as usize {
            let entries = self
                .folder
                .list(directory.clone(), next.take(), wanted.min(PAGE))
                .await?;
            let Some(last) = entries.last() else { break };
            next = Some(last.name.clone());
            for entry in entries {
                if found.len() >= wanted as usize {
                    return Ok(());
                }
                match entry.name.strip_suffix(MARK) {
                    Some(first) => {
                        let inside = Box::pin(self.collect(
                            below(&entry.name),
                            format!("{begin}{first}"),
                            None,
                            wanted,
                            found,
                        ));
                        inside.await?;
                    }
                    None => found.push((format!("{begin}{}", entry.name), entry.attributes)),
                }
            }
        }
        Ok(())
    }
}

/// The file of a key.
pub(crate) fn file(mut key: &str) -> String {
    let mut file = String::new();
    loop {
        let first = part(key);
        file.push_str(first);
        key = &key[first.len()..];
        if key.is_empty() {
            return file;
        }
        file.push_str(MARK);
        file.push('/');
    }
}

/// The part of a key that is the name of one file or directory.
fn part(key: &str) -> &str {
    let mut end = key.floor_char_boundary(PART);
    // A mark must not be torn.
    while key.len() > end && key[..end].bytes().rev().take(2).any(|byte| byte == b'%') {
        end -= 1;
    }
    &key[..end]
}
