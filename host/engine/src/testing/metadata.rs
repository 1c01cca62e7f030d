//! A metadata store in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{
    Change, Intent, IntentId, LeaseId, Metadata, Record, fenced, unexpected,
};
use callfs_model::path::FilePath;

use super::path;
use super::steps::{Steps, Verdict};

pub(crate) struct FakeMetadata {
    state: Mutex<State>,
    steps: Steps,
    /// Every change fails.
    pub(crate) broken: AtomicBool,
}

#[derive(Default, Clone)]
struct State {
    records: BTreeMap<FilePath, Record>,
    intents: Vec<(IntentId, Intent)>,
    revision: u64,
    fenced: Vec<LeaseId>,
    /// How many commits said under which lease they were made, and how many did not.
    under: (usize, usize),
}

impl FakeMetadata {
    pub(crate) fn new(steps: &Steps) -> Self {
        Self {
            state: Mutex::default(),
            steps: steps.clone(),
            broken: AtomicBool::new(false),
        }
    }

    pub(crate) fn record(&self, at: &str) -> Option<Record> {
        self.state().records.get(&path(at)).cloned()
    }

    /// `path owner` of every record.
    pub(crate) fn owners(&self) -> Vec<String> {
        self.state()
            .records
            .values()
            .map(|record| format!("{} {}", record.path, record.owner))
            .collect()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.state().records.values().cloned().collect()
    }

    /// Records at once, as another process may between any two steps.
    pub(crate) fn put_now(&self, changes: Vec<Change>) {
        let mut state = self.state();
        for change in changes {
            if let Change::Put(record) = change {
                state.records.insert(record.path.clone(), record);
            }
        }
    }

    /// Nothing is committed under this lease any more.
    pub(crate) fn fence(&self, lease: LeaseId) {
        self.state().fenced.push(lease);
    }

    /// How many commits said under which lease they were made, and how many did not.
    pub(crate) fn under(&self) -> (usize, usize) {
        self.state().under
    }

    pub(crate) fn intents_left(&self) -> usize {
        self.state().intents.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Metadata for FakeMetadata {
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        self.steps.take().await?;
        Ok(self.state().records.get(path).cloned().map(Arc::new))
    }

    async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.steps.take().await?;
        let state = self.state();
        let of_directory = state
            .records
            .values()
            .filter(|record| record.path.parent().as_ref() == Some(directory));
        let mut records: Vec<Record> = of_directory
            .filter(|record| after.is_none_or(|after| record.path.name() > after))
            .cloned()
            .collect();
        records.truncate(limit as usize);
        Ok(records)
    }

    async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.steps.take().await?;
        let state = self.state();
        let records = state
            .records
            .values()
            .filter(|record| record.path.is_within(within));
        let records = records.filter(|record| after.is_none_or(|after| record.path > *after));
        Ok(records.take(limit as usize).cloned().collect())
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::BackendUnavailable,
                "the metadata store is broken",
            ));
        }
        let verdict = self.steps.take().await?;
        let mut current = self.state();
        if changes
            .iter()
            .any(|change| matches!(change, Change::Under(_)))
        {
            current.under.0 += 1
        } else {
            current.under.1 += 1
        }
        // All of it or nothing.
        let mut state = current.clone();
        for change in changes {
            state.revision += 1;
            let revision = state.revision;
            match change {
                Change::Put(record) => {
                    state
                        .records
                        .insert(record.path.clone(), Record { revision, ..record });
                }
                Change::Remove(path) => drop(state.records.remove(&path)),
                Change::RemoveTree(path) => state.records.retain(|one, _| !one.is_within(&path)),
                Change::Rename { from, to } => {
                    let too_long =
                        |at: &FilePath| at.moved(&from, &to).is_some_and(|at| at.is_err());
                    if state.records.keys().any(too_long) {
                        return Err(Error::new(ErrorKind::BadRequest, "a path is too long"));
                    }
                    state.records.retain(|one, _| !one.is_within(&to));
                    let records = std::mem::take(&mut state.records);
                    state.records = records
                        .into_values()
                        .map(|record| match record.path.moved(&from, &to) {
                            Some(path) => Record {
                                path: path.expect("short enough"),
                                revision,
                                ..record
                            },
                            None => record,
                        })
                        .map(|record| (record.path.clone(), record))
                        .collect();
                }
                Change::Exchange { one, other } => {
                    let moved =
                        |at: &FilePath| at.moved(&one, &other).or_else(|| at.moved(&other, &one));
                    let too_long = |at: &FilePath| moved(at).is_some_and(|at| at.is_err());
                    if state.records.keys().any(too_long) {
                        return Err(Error::new(ErrorKind::BadRequest, "a path is too long"));
                    }
                    let records = std::mem::take(&mut state.records);
                    state.records = records
                        .into_values()
                        .map(|record| match moved(&record.path) {
                            Some(path) => Record {
                                path: path.expect("short enough"),
                                revision,
                                ..record
                            },
                            None => record,
                        })
                        .map(|record| (record.path.clone(), record))
                        .collect();
                }
                Change::Begin(id, intent) => state.intents.push((id, intent)),
                Change::End(id) => state.intents.retain(|(one, _)| *one != id),
                Change::Expect { path, revision } => {
                    if state.records.get(&path).map(|record| record.revision) != revision {
                        return Err(unexpected(&path));
                    }
                }
                Change::Under(lease) if state.fenced.contains(&lease) => return Err(fenced()),
                Change::Under(_) => {}
                Change::Fence(lease) => state.fenced.push(lease),
            }
        }
        *current = state;
        match verdict {
            Verdict::Go => Ok(()),
            Verdict::Unanswered => {
                Err(Error::new(ErrorKind::BackendTimeout, "the answer was lost"))
            }
        }
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        self.steps.take().await?;
        Ok(self.state().intents.clone())
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) {}
}
