//! `callfs fsck`

use std::path::PathBuf;
use std::sync::Arc;

use callfs_engine::{FsckFinding, FsckOptions, FsckProblem, Summary, Witness};
use callfs_model::path::FilePath;
use callfs_telemetry::logs;
use serde_json::json;

use super::progress::ProgressLine;
use super::{CommandFailure, print};
use crate::app::{AcceptedFolders, MetadataHandle, OfflineFilesystem, OfflineWork};
use crate::config::{Layers, LoadOptions, LogConfig};

#[derive(Debug, clap::Args)]
pub(super) struct FsckArguments {
    /// Only this path and what is below it.
    #[arg(default_value = "/", value_parser = FilePath::parse)]
    path: FilePath,
    /// Forget records of what is not stored or is of another kind, and finish or undo what was
    /// begun and never ended.
    #[arg(long)]
    repair: bool,
    /// Record what is stored and not recorded, with the default owner and the mode that it has.
    #[arg(long, requires = "repair")]
    adopt: bool,
    /// Repair although a folder is missing, or empty and new, or a directory is empty, that has
    /// records of files in it: they are gone for good, and it is not that a disk is not mounted.
    #[arg(long, requires = "repair")]
    accept_empty: bool,
    /// Repair although a folder is not the one whose files the metadata store has records of: it
    /// was restored from a backup or moved to another disk, and it is not that folders were
    /// swapped.
    #[arg(long, requires = "repair")]
    accept_folders: bool,
    /// Print one JSON object a line: every finding, then the summary.
    #[arg(long)]
    json: bool,
    /// A configuration file: .toml, .yaml, .yml or .json.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What came of a comparison.
struct FsckOutcome {
    summary: Summary,
    /// Mounts that were served with another metadata store, and of which this one has no record.
    unknown: Vec<FilePath>,
}

struct FsckReport {
    json: bool,
    progress: ProgressLine,
    /// Stdout cannot be written to any more.
    failed: Option<CommandFailure>,
}

impl FsckReport {
    fn print(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.progress.aside(|| print(text)).err();
        }
    }
}

impl Witness for FsckReport {
    fn found(&mut self, finding: &FsckFinding) {
        if self.json {
            self.print(&format!("{}\n", json!({ "finding": finding })));
        } else if finding.problem.is_damage() || finding.problem == FsckProblem::Unnameable {
            let what = finding
                .detail
                .as_deref()
                .unwrap_or("is not as it should be");
            let repaired = if finding.repaired { " (repaired)" } else { "" };
            self.print(&format!("{}: {what}{repaired}\n", finding.path));
        }
    }

    fn progress(&mut self, summary: &Summary) {
        let found: u64 = summary
            .problems
            .iter()
            .filter(|(one, _)| one.is_damage())
            .map(|(_, tally)| tally.found)
            .sum();
        self.progress.tell(format!(
            "{} stored, {} recorded, {found} wrong",
            summary.objects, summary.records
        ));
    }
}

pub(super) fn run(arguments: FsckArguments) -> Result<(), CommandFailure> {
    let FsckArguments {
        path: within,
        repair,
        adopt,
        accept_empty,
        accept_folders,
        json,
        config,
    } = arguments;
    let layers = Layers::read(&LoadOptions {
        file: config,
        ..LoadOptions::of_process()
    })?;
    layers.check()?;
    let config = layers.config()?;
    let log = LogConfig {
        level: "warn".into(),
        ..config.log.clone()
    };
    logs::start(&log.level, log.format)
        .map_err(|message| CommandFailure::Failed(anyhow::anyhow!(message)))?;
    let options = FsckOptions {
        within,
        repair,
        adopt,
        accept_empty,
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|cause| CommandFailure::failed("cannot start the runtime", cause))?;
    let compared = runtime.block_on(async {
        let opened = if repair {
            MetadataHandle::open_alone(&config).await
        } else {
            MetadataHandle::open(&config).await
        };
        let store = Arc::new(opened.map_err(CommandFailure::of_serving)?);
        let compared = async {
            let work = if repair {
                OfflineWork::Repair {
                    accepted: AcceptedFolders {
                        empty: accept_empty,
                        other: accept_folders,
                    },
                }
            } else {
                OfflineWork::Compare
            };
            let filesystem = OfflineFilesystem::open(&config, &store, work)
                .await
                .map_err(CommandFailure::of_serving)?;
            let mut report = FsckReport {
                json,
                progress: ProgressLine::start("comparing"),
                failed: None,
            };
            let compared = filesystem.engine.fsck(&options, &mut report).await;
            filesystem.close().await;
            let summary = compared.map_err(|cause| {
                CommandFailure::failed("the metadata store cannot be compared", cause)
            })?;
            let unknown = if options.adopt {
                Vec::new()
            } else {
                filesystem.unknown
            };
            let compared = FsckOutcome { summary, unknown };
            report.failed.map_or(Ok(compared), Err)
        };
        let compared = compared.await;
        store.close().await;
        compared
    })?;
    let FsckOutcome { summary, unknown } = compared;
    print(&if json {
        format!("{}\n", json!({ "summary": summary }))
    } else {
        sentences(&summary, unknown.is_empty())
    })?;
    match (summary.left(), repair) {
        (0, _) if unknown.is_empty() => Ok(()),
        (0, _) => Err(CommandFailure::Failed(anyhow::anyhow!(
            "the metadata store has no record of anything in the folder of the mount {}: if \
             another one belongs to it, name that in the configuration, or restore a backup or a \
             dump (`callfs metadata import`); if the files are new, `callfs fsck --repair --adopt` \
             records them for the default owner",
            unknown
                .iter()
                .map(FilePath::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
        (left, true) => Err(CommandFailure::Failed(anyhow::anyhow!(
            "{left} of what is wrong could not be repaired"
        ))),
        (left, false) => {
            let message = format!(
                "{left} found that should not be so; `callfs fsck --repair` repairs what can be"
            );
            Err(CommandFailure::Failed(anyhow::anyhow!(message)))
        }
    }
}

/// What was found, one sentence for each kind. `known` if the metadata store is the one of all
/// mounts.
fn sentences(summary: &Summary, known: bool) -> String {
    let mut text = format!(
        "Compared {} stored with {} recorded.\n",
        summary.objects, summary.records
    );
    for (problem, tally) in &summary.problems {
        let (one, many) = match problem {
            FsckProblem::Unfinished => (
                "change was begun and never ended",
                "changes were begun and never ended",
            ),
            FsckProblem::Dangling => ("record has nothing stored", "records have nothing stored"),
            FsckProblem::Emptied => (
                "directory is empty and has records below it, which are kept: its disk may not be \
                 mounted",
                "directories are empty and have records below them, which are kept: their disks \
                 may not be mounted",
            ),
            FsckProblem::WrongKind => (
                "record is of a file where a directory is stored, or the reverse",
                "records are of a file where a directory is stored, or the reverse",
            ),
            FsckProblem::Unasked => (
                "path could not be compared, because its storage does not answer",
                "paths could not be compared, because their storage does not answer",
            ),
            FsckProblem::Unrecorded => (
                "stored file or directory is not recorded, which is no damage: it belongs to the \
                 default owner",
                "stored files and directories are not recorded, which is no damage: they belong \
                 to the default owner",
            ),
            FsckProblem::Changed => (
                "file was changed by another program since it was recorded, which is no damage",
                "files were changed by other programs since they were recorded, which is no damage",
            ),
            FsckProblem::Replaced => (
                "recorded file or directory was replaced by another program, which is no damage: \
                 what is there belongs to the default owner",
                "recorded files and directories were replaced by other programs, which is no \
                 damage: what is there belongs to the default owner",
            ),
            FsckProblem::Unnameable => (
                "stored name cannot be part of a path, so nobody reaches it",
                "stored names cannot be part of a path, so nobody reaches them",
            ),
        };
        let what = if tally.found == 1 { one } else { many };
        let repaired = match tally.repaired {
            0 => String::new(),
            all if all == tally.found => "; repaired".to_owned(),
            some => format!("; {some} repaired"),
        };
        text.push_str(&format!("{} {what}{repaired}.\n", tally.found));
    }
    if summary.left() == 0 && known {
        text.push_str("Nothing is wrong.\n");
    }
    text
}
