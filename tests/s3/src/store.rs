//! Objects in a folder: a metadata store in memory that a journal makes again, and files with their
//! bytes.
//!
//! An object is there with the line in the journal and not before. What no line speaks of is
//! removed at the start.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};
use tokio_util::io::ReaderStream;

const PIECE: usize = 256 << 10;

/// Where a piece of an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub(crate) blob: u64,
    pub(crate) start: u64,
    pub(crate) length: u64,
}

/// What is stored under a key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) extents: Vec<Extent>,
    pub(crate) etag: String,
    /// In seconds since 1970, as exact as S3 is.
    pub(crate) modified: u64,
    #[serde(default)]
    pub(crate) kept: Kept,
}

/// What was said when it was stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) content_encoding: Option<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) encryption: Option<String>,
    #[serde(default)]
    pub(crate) kms_key: Option<String>,
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
}

/// A line of the journal: the key has this object from now on, or none.
#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    object: Option<Object>,
}

/// Objects by their keys.
pub(crate) type Objects = BTreeMap<String, Object>;

pub(crate) struct Store {
    pub(crate) root: PathBuf,
    state: Mutex<State>,
}

struct State {
    objects: Objects,
    journal: File,
    next_blob: u64,
}

impl Object {
    pub(crate) fn size(&self) -> u64 {
        self.extents.iter().map(|extent| extent.length).sum()
    }
}

impl Store {
    pub(crate) fn open(root: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(root.join("blobs"))?;
        fs::create_dir_all(root.join("uploads"))?;
        let path = root.join("journal.jsonl");
        let journal = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut objects = Objects::new();
        // A line that was cut when the process was killed speaks of nothing.
        let text = fs::read_to_string(&path)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        journal.set_len(whole as u64)?;
        for line in text[..whole].lines() {
            match serde_json::from_str(line)? {
                Line {
                    key,
                    object: Some(object),
                } => drop(objects.insert(key, object)),
                Line { key, object: None } => drop(objects.remove(&key)),
            }
        }
        let used: HashSet<u64> = objects
            .values()
            .flat_map(|object| &object.extents)
            .map(|extent| extent.blob)
            .collect();
        let mut next_blob = 1;
        for entry in fs::read_dir(root.join("blobs"))? {
            let entry = entry?;
            match entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            {
                Some(number) if used.contains(&number) => next_blob = next_blob.max(number + 1),
                _ => fs::remove_file(entry.path())?,
            }
        }
        Ok(Self {
            root,
            state: Mutex::new(State {
                objects,
                journal,
                next_blob,
            }),
        })
    }

    /// Looks at the objects as they are now.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Objects) -> T) -> T {
        look(&self.state().objects)
    }

    /// Stores an object, or removes one, if `permit` has nothing against what is there; in one
    /// step.
    pub(crate) fn commit<E>(
        &self,
        key: &str,
        object: Option<Object>,
        permit: impl FnOnce(Option<&Object>) -> Result<(), E>,
    ) -> Result<std::io::Result<()>, E> {
        let mut state = self.state();
        permit(state.objects.get(key))?;
        let line = Line {
            key: key.to_owned(),
            object,
        };
        let written = serde_json::to_string(&line).map_err(Into::into);
        let written =
            written.and_then(|text| state.journal.write_all(format!("{text}\n").as_bytes()));
        if written.is_ok() {
            match line.object {
                Some(object) => drop(state.objects.insert(line.key, object)),
                None => drop(state.objects.remove(&line.key)),
            }
        }
        Ok(written)
    }

    /// Keeps bytes; they belong to nothing yet.
    pub(crate) async fn keep<E: std::error::Error + Send + Sync + 'static>(
        &self,
        mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> std::io::Result<Extent> {
        let blob = {
            let mut state = self.state();
            state.next_blob += 1;
            state.next_blob - 1
        };
        let unfinished = Unfinished(Some(self.blob(blob)));
        let mut file =
            BufWriter::with_capacity(PIECE, tokio::fs::File::create(self.blob(blob)).await?);
        let mut length = 0;
        while let Some(piece) = bytes.next().await {
            let piece = piece.map_err(std::io::Error::other)?;
            file.write_all(&piece).await?;
            length += piece.len() as u64;
        }
        file.flush().await?;
        unfinished.done();
        Ok(Extent {
            blob,
            start: 0,
            length,
        })
    }

    /// Removes bytes that belong to nothing.
    pub(crate) fn discard(&self, extent: Extent) {
        let used = self.look(|objects| {
            objects
                .values()
                .any(|o| o.extents.iter().any(|used| used.blob == extent.blob))
        });
        if !used {
            // What is gone is as gone as it was meant to be.
            let _ = fs::remove_file(self.blob(extent.blob));
        }
    }

    /// A part of an object's bytes.
    pub(crate) fn read(
        &self,
        object: &Object,
        start: u64,
        length: u64,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + Send + Sync + use<> {
        let parts: Vec<_> = slice(&object.extents, start, length)
            .map(|part| (self.blob(part.blob), part))
            .collect();
        let parts = stream::iter(parts).then(|(path, part)| async move {
            let mut file = tokio::fs::File::open(path).await?;
            file.seek(std::io::SeekFrom::Start(part.start)).await?;
            Ok::<_, std::io::Error>(ReaderStream::with_capacity(file.take(part.length), PIECE))
        });
        sync(parts.try_flatten())
    }

    fn blob(&self, number: u64) -> PathBuf {
        self.root.join("blobs").join(number.to_string())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pieces of a part of an object.
pub(crate) fn slice(extents: &[Extent], start: u64, length: u64) -> impl Iterator<Item = Extent> {
    let mut skip = start;
    let mut left = length;
    extents.iter().filter_map(move |extent| {
        let skipped = skip.min(extent.length);
        skip -= skipped;
        let length = (extent.length - skipped).min(left);
        left -= length;
        (length > 0).then_some(Extent {
            start: extent.start + skipped,
            length,
            ..*extent
        })
    })
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// An etag that nothing else has: S3 promises no more of those of encrypted objects.
pub(crate) fn etag(extent: Extent) -> String {
    let nanoseconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64);
    format!("{nanoseconds:016x}{:016x}", extent.blob)
}

/// A stream that only its reader holds.
fn sync<T>(
    stream: impl Stream<Item = std::io::Result<T>> + Send + 'static,
) -> impl Stream<Item = std::io::Result<T>> + Send + Sync {
    let stream = std::sync::Arc::new(Mutex::new(stream.boxed()));
    stream::poll_fn(move |cx| {
        stream
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .poll_next_unpin(cx)
    })
}

/// A file that is gone unless it is finished.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // It may not have been made yet.
            let _ = fs::remove_file(path);
        }
    }
}
