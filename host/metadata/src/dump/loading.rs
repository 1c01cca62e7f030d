//! A dump that is read, checked, and put into a store.

use std::io::BufRead;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Change, Intent, IntentId, LinkStore, Metadata};
use callfs_model::path::FilePath;
use futures_util::future::BoxFuture;

use super::line::{DumpLine, Header};
use super::{Counts, PAGE, VERSION};

/// The lines of a dump, counted, up to its end.
struct Lines<'a> {
    input: &'a mut (dyn BufRead + Send),
    number: u64,
    counts: Counts,
}

/// Reads all of a dump, and answers how much is in it; fails unless it is whole and makes sense.
pub fn verify(input: &mut (dyn BufRead + Send)) -> Result<Counts> {
    let mut lines = Lines::open(input)?;
    while lines.next()?.is_some() {}
    Ok(lines.counts)
}

/// What an import put into a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// How much the store holds now.
    pub counts: Counts,
    /// Where something was to be removed when the dump was written, and is not removed any more.
    pub spared: Vec<FilePath>,
}

/// Puts a dump, which was verified, into a store that is empty, or that is emptied first to be
/// replaced; what it knows of mounts it keeps. Orders to remove what is stored are left out: since
/// the dump was written, other objects may have taken those places. Fails if the store does not
/// hold in the end what the dump does; what was put until then stays.
pub fn import<'a>(
    metadata: &'a dyn Metadata,
    links: &'a dyn LinkStore,
    input: &'a mut (dyn BufRead + Send),
    replace: bool,
    progress: &'a mut (dyn FnMut(Counts) + Send),
) -> BoxFuture<'a, Result<Imported>> {
    Box::pin(async move {
        let mut lines = Lines::open(input)?;
        if replace {
            empty(metadata, links).await?;
        }
        if !is_empty(metadata, links).await? {
            let message = "the metadata store is not empty; give --replace to forget everything \
                       that is in it first";
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        let mut batch = Vec::new();
        let mut spared = Vec::new();
        while let Some(line) = lines.next()? {
            match line {
                DumpLine::Record(record) => batch.push(Change::Put(record.into())),
                DumpLine::Intent(line) => match Intent::from(line.intent) {
                    Intent::Tombstone { path, .. } => spared.push(path),
                    intent => batch.push(Change::Begin(line.id.0, intent)),
                },
                DumpLine::Link(link) => links.create(link.into()).await?,
                DumpLine::End(_) => {}
            }
            if batch.len() >= PAGE as usize {
                metadata.apply(std::mem::take(&mut batch)).await?;
                progress(lines.counts);
            }
        }
        if !batch.is_empty() {
            metadata.apply(batch).await?;
        }
        let dumped = Counts {
            intents: lines.counts.intents - spared.len() as u64,
            ..lines.counts
        };
        let stored = count(metadata, links).await?;
        if dumped != stored {
            let message = format!(
                "the metadata store holds {} records, {} intents and {} links after the import, \
                 and the dump has {}, {} and {} for it; was something else changing it, or a line \
                 there twice? Import it again with --replace",
                stored.records,
                stored.intents,
                stored.links,
                dumped.records,
                dumped.intents,
                dumped.links
            );
            return Err(Error::new(ErrorKind::Internal, message));
        }
        Ok(Imported {
            counts: stored,
            spared,
        })
    })
}

impl<'a> Lines<'a> {
    fn open(input: &'a mut (dyn BufRead + Send)) -> Result<Self> {
        let mut lines = Self {
            input,
            number: 0,
            counts: Counts::default(),
        };
        let text = lines
            .read()?
            .ok_or_else(|| refused("the dump is empty".into()))?;
        let header: Header = serde_json::from_slice(&text).map_err(|_| {
            refused(
                "line 1 is not the first line of a dump, as `callfs metadata export` writes it"
                    .into(),
            )
        })?;
        if header.callfs_metadata != VERSION {
            let version = header.callfs_metadata;
            return Err(refused(format!(
                "the dump has version {version}, and this callfs reads version {VERSION}"
            )));
        }
        Ok(lines)
    }

    /// The next line; none after the last one, if that counts what came before it.
    fn next(&mut self) -> Result<Option<DumpLine>> {
        let Some(text) = self.read()? else {
            let lines = self.number;
            return Err(refused(format!(
                "the dump ends after line {lines} without its last line: it was cut off"
            )));
        };
        let line = serde_json::from_slice(&text).map_err(|cause| {
            refused(format!(
                "line {} of the dump makes no sense: {cause}",
                self.number
            ))
        })?;
        match &line {
            DumpLine::Record(_) => self.counts.records += 1,
            DumpLine::Intent(_) => self.counts.intents += 1,
            DumpLine::Link(_) => self.counts.links += 1,
            DumpLine::End(counts) if *counts != self.counts => {
                let number = self.number;
                let said = counts.all();
                let found = self.counts.all();
                return Err(refused(format!(
                    "line {number} counts {said} lines before it, and there are {found} others"
                )));
            }
            DumpLine::End(_) => {
                return match self.read()? {
                    None => Ok(None),
                    Some(_) => Err(refused(format!(
                        "line {} of the dump comes after its end",
                        self.number
                    ))),
                };
            }
        }
        Ok(Some(line))
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let read = self.input.read_until(b'\n', &mut text);
        read.map_err(|cause| {
            Error::new(
                ErrorKind::Internal,
                format!("the dump cannot be read: {cause}"),
            )
            .because(cause)
        })?;
        self.number += u64::from(!text.is_empty());
        Ok((!text.is_empty()).then_some(text))
    }
}

async fn is_empty(metadata: &dyn Metadata, links: &dyn LinkStore) -> Result<bool> {
    Ok(metadata
        .records(&FilePath::root(), None, 1)
        .await?
        .is_empty()
        && intents(metadata).await?.is_empty()
        && links.list(None, None, 1).await?.is_empty())
}

/// The intents that a dump would hold.
async fn intents(metadata: &dyn Metadata) -> Result<Vec<IntentId>> {
    let mut found = metadata.intents().await?;
    found.retain(|(_, intent)| !matches!(intent, Intent::Mounted { .. }));
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// Forgets everything but what is mounted, a page at a time.
async fn empty(metadata: &dyn Metadata, links: &dyn LinkStore) -> Result<()> {
    loop {
        let records = metadata.records(&FilePath::root(), None, PAGE).await?;
        if records.is_empty() {
            break;
        }
        metadata
            .apply(
                records
                    .into_iter()
                    .map(|record| Change::Remove(record.path))
                    .collect(),
            )
            .await?;
    }
    let intents = intents(metadata).await?;
    if !intents.is_empty() {
        metadata
            .apply(intents.into_iter().map(Change::End).collect())
            .await?;
    }
    loop {
        let page = links.list(None, None, PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        for link in page {
            links.remove(&link.id).await?;
        }
    }
}

async fn count(metadata: &dyn Metadata, links: &dyn LinkStore) -> Result<Counts> {
    let mut counts = Counts {
        intents: intents(metadata).await?.len() as u64,
        ..Counts::default()
    };
    let mut after = None;
    loop {
        let page = metadata
            .records(&FilePath::root(), after.as_ref(), PAGE)
            .await?;
        let Some(last) = page.last() else { break };
        counts.records += page.len() as u64;
        after = Some(last.path.clone());
    }
    let mut after = None;
    loop {
        let page = links.list(None, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(counts);
        };
        counts.links += page.len() as u64;
        after = Some(last.id);
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::BadRequest, message)
}
