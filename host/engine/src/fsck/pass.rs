//! The two passes: over the directories, and over the records that no directory leads to.

use std::collections::BTreeSet;

use callfs_model::error::Result;
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;

use super::FsckOptions;
use super::finding::{FsckFinding, FsckProblem, Summary, Witness};
use super::level::{FsckLevel, LevelStep, Name, PAGE};
use super::mending::judge;
use crate::Engine;

/// How many directories that could not be listed are remembered.
const REMEMBERED: usize = 1024;

/// A comparison under way.
pub(super) struct FsckPass<'a> {
    engine: &'a Engine,
    options: &'a FsckOptions,
    witness: &'a mut dyn Witness,
    pub(super) summary: Summary,
    /// Directories that could not be listed: nothing is said of what is in them.
    unasked: Vec<FilePath>,
    /// Directories that are empty and have records below them, of which nothing more is said.
    emptied: BTreeSet<FilePath>,
}

/// Whether the first pass came into a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FsckReach {
    Entered,
    /// It is none, or is not there, or is a link.
    Passed,
    Unknown,
}

impl<'a> FsckPass<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        options: &'a FsckOptions,
        witness: &'a mut dyn Witness,
    ) -> Self {
        Self {
            engine,
            options,
            witness,
            summary: Summary::default(),
            unasked: Vec::new(),
            emptied: BTreeSet::new(),
        }
    }

    /// Whether a path is among what is compared, or holds it.
    pub(super) fn covers(&self, path: &FilePath) -> bool {
        path.is_within(&self.options.within) || self.options.within.is_within(path)
    }

    pub(super) fn tell(&mut self, finding: FsckFinding) {
        self.summary.add(&finding);
        self.witness.found(&finding);
    }

    pub(super) async fn run(&mut self) -> Result<()> {
        let top = self.options.within.clone();
        if self.engine.tombstones.view().hides(&top) {
            return Ok(());
        }
        let seen = self.engine.compare(&top).await?;
        self.summary.records += u64::from(seen.record.is_some());
        self.summary.objects += u64::from(matches!(seen.stored, Ok(Some(_))));
        let is_directory = matches!(
            &seen.stored,
            Ok(Some(attributes)) if attributes.kind == EntryKind::Directory
        );
        let mut level = FsckLevel::new(self.engine, top.clone());
        if is_directory && !seen.mounted && self.is_emptied(&mut level).await? {
            return Ok(());
        }
        if seen.problem().is_some() {
            self.suspect(&top).await?;
        }
        let reach = match seen.stored {
            _ if seen.mounted => FsckReach::Entered,
            Err(_) => return Ok(()),
            Ok(Some(attributes)) if attributes.kind == EntryKind::Directory => FsckReach::Entered,
            Ok(None)
                if seen.implicit && seen.record.is_some_and(|record| record.content.is_none()) =>
            {
                FsckReach::Entered
            }
            Ok(_) => FsckReach::Passed,
        };
        if reach == FsckReach::Entered {
            self.walk(level).await?;
        }
        self.scan(reach).await
    }

    /// All directories, each with its names, as deep as they go.
    async fn walk(&mut self, top: FsckLevel) -> Result<()> {
        let mut levels = vec![top];
        while let Some(level) = levels.last_mut() {
            match level.next(self.engine).await? {
                LevelStep::Name(name) => {
                    let directory = level.directory.clone();
                    let implicit = level.is_implicit();
                    if let Some(inner) = self.name(&directory, *name, implicit).await? {
                        levels.push(inner);
                    }
                }
                LevelStep::Unasked(error) => {
                    let path = level.directory.clone();
                    level.keep_mounts();
                    self.cannot_ask(path, error.message().to_owned());
                }
                LevelStep::End => drop(levels.pop()),
            }
        }
        Ok(())
    }

    /// One name; answers the directory that it is, if it is to be entered.
    async fn name(
        &mut self,
        directory: &FilePath,
        name: Name,
        implicit: bool,
    ) -> Result<Option<FsckLevel>> {
        let Name {
            name,
            entry,
            record,
            mounted,
        } = name;
        self.summary.objects += u64::from(entry.is_some());
        self.summary.records += u64::from(record.is_some());
        self.witness.progress(&self.summary);
        let Ok(path) = directory.join(&name) else {
            let detail = Some(format!("the name {name:?} cannot be part of a path"));
            self.tell(FsckFinding {
                path: directory.clone(),
                problem: FsckProblem::Unnameable,
                detail,
                repaired: false,
            });
            return Ok(None);
        };
        let attributes = entry.as_ref().map(|entry| &entry.attributes);
        let is_link = entry.as_ref().is_some_and(|entry| entry.link);
        let is_directory = match attributes {
            Some(attributes) => attributes.kind == EntryKind::Directory && !is_link,
            None => {
                implicit
                    && record
                        .as_ref()
                        .is_some_and(|record| record.content.is_none())
            }
        };
        let mut level =
            (mounted || is_directory).then(|| FsckLevel::new(self.engine, path.clone()));
        // The root of a mount was admitted by its identity, or as a whole.
        if !mounted
            && let Some(level) = &mut level
            && self.is_emptied(level).await?
        {
            return Ok(None);
        }
        let storage = self.engine.storage_at(&path);
        match judge(record.as_ref(), attributes, storage, mounted, implicit) {
            None => {}
            Some(problem) if self.mends(problem) || problem.is_damage() => {
                self.suspect(&path).await?
            }
            Some(problem) => self.tell(FsckFinding {
                path: path.clone(),
                problem,
                detail: None,
                repaired: false,
            }),
        }
        Ok(level)
    }

    /// Whether a directory is empty and has records below it. Its disk may not be mounted, or
    /// another directory is in its place, so neither it nor what is recorded below it is looked at
    /// further.
    async fn is_emptied(&mut self, level: &mut FsckLevel) -> Result<bool> {
        // Where directories are prefixes, an empty one exists by its record alone.
        if self.options.accept_empty || level.is_implicit() || !level.is_empty(self.engine).await {
            return Ok(false);
        }
        let directory = level.directory.clone();
        let below = self.records_below(&directory).await?;
        if below == 0 {
            return Ok(false);
        }
        self.summary.records += below;
        let records = if below == 1 { "record" } else { "records" };
        let detail = format!(
            "the directory is empty, and the metadata store has {below} {records} below it; is its \
             disk mounted? If what was in it is really gone, give --accept-empty"
        );
        self.tell(FsckFinding {
            path: directory.clone(),
            problem: FsckProblem::Emptied,
            detail: Some(detail),
            repaired: false,
        });
        self.emptied.insert(directory);
        Ok(true)
    }

    async fn records_below(&mut self, directory: &FilePath) -> Result<u64> {
        let mut count = 0;
        let mut after = directory.clone();
        loop {
            let metadata = &self.engine.metadata;
            let records = metadata.records(directory, Some(&after), PAGE).await?;
            let Some(last) = records.last() else {
                return Ok(count);
            };
            after = last.path.clone();
            let view = self.engine.tombstones.view();
            let visible = records.iter().filter(|record| !view.hides(&record.path));
            count += visible.count() as u64;
        }
    }

    /// All records, of which those are looked at whose directory was not entered.
    async fn scan(&mut self, top: FsckReach) -> Result<()> {
        let within = self.options.within.clone();
        let mut after = None::<FilePath>;
        let mut way = vec![(within.clone(), top)];
        loop {
            let records = self
                .engine
                .metadata
                .records(&within, after.as_ref(), PAGE)
                .await?;
            let Some(last) = records.last() else {
                return Ok(());
            };
            after = Some(last.path.clone());
            let view = self.engine.tombstones.view();
            for path in records.into_iter().map(|record| record.path) {
                if path == within || view.hides(&path) {
                    continue;
                }
                let Some(parent) = path.parent() else {
                    continue;
                };
                if self.reach(&mut way, &parent).await == FsckReach::Passed {
                    self.summary.records += 1;
                    self.suspect(&path).await?;
                }
            }
            self.witness.progress(&self.summary);
        }
    }

    /// Whether a directory was entered. `way` is what is known of the directories on the way to the
    /// one before: what is in a directory comes together in the order of the paths, so that
    /// each is asked about once.
    async fn reach(
        &mut self,
        way: &mut Vec<(FilePath, FsckReach)>,
        directory: &FilePath,
    ) -> FsckReach {
        while way.len() > 1
            && way
                .last()
                .is_some_and(|(known, _)| !directory.is_within(known))
        {
            way.pop();
        }
        loop {
            let Some((known, reach)) = way.last().cloned() else {
                return FsckReach::Unknown;
            };
            let below = directory
                .below(&known)
                .and_then(|rest| rest.split('/').next());
            let next = below
                .filter(|name| !name.is_empty())
                .and_then(|name| known.join(name).ok());
            let Some(next) = next else { return reach };
            let reach = match reach {
                FsckReach::Entered if self.engine.mounts.any_within(&next) => FsckReach::Entered,
                FsckReach::Entered
                    if self.unasked.contains(&known) || self.emptied.contains(&known) =>
                {
                    FsckReach::Unknown
                }
                FsckReach::Entered => match self.engine.child(&known, next.name()).await {
                    Ok(Some(child)) if child.is_enterable() => FsckReach::Entered,
                    Ok(_) => FsckReach::Passed,
                    Err(error) => {
                        self.cannot_ask(known, error.message().to_owned());
                        FsckReach::Unknown
                    }
                },
                known => known,
            };
            way.push((next, reach));
        }
    }

    fn mends(&self, problem: FsckProblem) -> bool {
        match problem {
            FsckProblem::Dangling | FsckProblem::WrongKind => self.options.repair,
            FsckProblem::Unrecorded | FsckProblem::Replaced => {
                self.options.repair && self.options.adopt
            }
            _ => false,
        }
    }

    /// Looks at a path once more, and repairs or tells what is still wrong there.
    async fn suspect(&mut self, path: &FilePath) -> Result<()> {
        let seen = self.engine.compare(path).await?;
        let Some(problem) = seen.problem() else {
            return Ok(());
        };
        let mut detail = seen.detail();
        let mut repaired = false;
        if problem == FsckProblem::Unasked {
            self.cannot_ask(path.clone(), detail.unwrap_or_default());
            return Ok(());
        }
        if self.mends(problem) {
            match self.engine.mend(path, self.options.adopt).await {
                Ok(mended) => repaired = mended,
                Err(error) => {
                    detail = Some(format!("it could not be repaired: {}", error.message()))
                }
            }
        }
        self.tell(FsckFinding {
            path: path.clone(),
            problem,
            detail,
            repaired,
        });
        Ok(())
    }

    fn cannot_ask(&mut self, path: FilePath, detail: String) {
        if self.unasked.contains(&path) {
            return;
        }
        if self.unasked.len() < REMEMBERED {
            self.unasked.push(path.clone());
        }
        self.tell(FsckFinding {
            path,
            problem: FsckProblem::Unasked,
            detail: Some(detail),
            repaired: false,
        });
    }
}
