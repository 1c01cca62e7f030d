//! Uploads in parts. That one was begun is written down; its parts are lost with the process.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::dto::CompletedPart;
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use crate::store::{Extent, Kept};

/// All parts but the last have at least this many bytes.
const MIN_PART: u64 = 5 << 20;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) key: String,
    /// In seconds since 1970.
    pub(crate) initiated: u64,
    #[serde(default)]
    pub(crate) kept: Kept,
    #[serde(skip)]
    pub(crate) parts: BTreeMap<i32, Part>,
}

#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) extents: Vec<Extent>,
    pub(crate) etag: String,
}

pub(crate) struct Uploads {
    folder: PathBuf,
    open: Mutex<BTreeMap<String, Upload>>,
}

impl Upload {
    /// The pieces of the object that these parts make.
    pub(crate) fn assemble(&self, wanted: &[CompletedPart]) -> S3Result<Vec<Extent>> {
        let mut extents = Vec::new();
        let mut before = 0;
        for (at, part) in wanted.iter().enumerate() {
            let number = part.part_number.ok_or_else(|| s3_error!(InvalidPart))?;
            if number <= before {
                return Err(s3_error!(InvalidPartOrder));
            }
            before = number;
            let stored = self
                .parts
                .get(&number)
                .ok_or_else(|| s3_error!(InvalidPart))?;
            if part
                .e_tag
                .as_ref()
                .is_none_or(|etag| etag.value() != stored.etag)
            {
                return Err(s3_error!(InvalidPart));
            }
            if at + 1 < wanted.len()
                && stored
                    .extents
                    .iter()
                    .map(|extent| extent.length)
                    .sum::<u64>()
                    < MIN_PART
            {
                return Err(s3_error!(EntityTooSmall));
            }
            extents.extend(&stored.extents);
        }
        if wanted.is_empty() {
            Err(s3_error!(InvalidPart))
        } else {
            Ok(extents)
        }
    }
}

impl Uploads {
    pub(crate) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        let mut open = BTreeMap::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let id = entry.file_name().to_string_lossy().into_owned();
            open.insert(id, serde_json::from_slice(&fs::read(entry.path())?)?);
        }
        Ok(Self {
            folder,
            open: Mutex::new(open),
        })
    }

    pub(crate) fn begin(&self, upload: Upload) -> std::io::Result<String> {
        let nanoseconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let mut open = self.all();
        let id = format!("upload-{nanoseconds}-{}", open.len());
        fs::write(self.folder.join(&id), serde_json::to_vec(&upload)?)?;
        open.insert(id.clone(), upload);
        Ok(id)
    }

    /// Those that are open, by their ids.
    pub(crate) fn all(&self) -> MutexGuard<'_, BTreeMap<String, Upload>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, id: &str, key: &str) -> S3Result<Upload> {
        self.all()
            .get(id)
            .filter(|upload| upload.key == key)
            .cloned()
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }

    pub(crate) fn add(&self, id: &str, number: i32, part: Part) -> S3Result<()> {
        let mut open = self.all();
        let upload = open.get_mut(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.parts.insert(number, part);
        Ok(())
    }

    pub(crate) fn end(&self, id: &str) -> Option<Upload> {
        // Whatever the folder says, it is over.
        let _ = fs::remove_file(self.folder.join(id));
        self.all().remove(id)
    }
}
