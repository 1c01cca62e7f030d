//! `callfs metadata`

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Seek, Write, stdin, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use callfs_metadata::{Counts, Imported, export, import, verify};
use clap::Subcommand;

use super::progress::ProgressLine;
use super::{CommandFailure, say};
use crate::app::MetadataHandle;
use crate::config::{Config, Layers, LoadOptions};

#[derive(Debug, clap::Args)]
pub(super) struct MetadataArguments {
    #[command(subcommand)]
    command: MetadataCommand,
}

#[derive(Debug, Subcommand)]
enum MetadataCommand {
    /// Write everything in the metadata store as lines of JSON: owners, modes, types, digests,
    /// links.
    ///
    /// Stop every gateway that uses the metadata store first. Keep the dump private: it holds the
    /// names of all files, and hashes of the tokens of links. A file is made readable for you
    /// alone, and appears when it is whole.
    Export {
        /// Where to; `-` or nothing is standard output.
        file: Option<PathBuf>,
        /// A configuration file: .toml, .yaml, .yml or .json.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Read what export wrote into the metadata store that the configuration names, which has to be
    /// empty.
    ///
    /// All of the dump is checked before anything of it is imported; what comes from standard input
    /// is kept in a temporary file for that. If the import itself is cut off, a part is in the
    /// metadata store: import again with --replace.
    ///
    /// What was to be removed when the dump was written stays, and is named: other files may be in
    /// its place by now.
    Import {
        /// Where from; `-` or nothing is standard input.
        file: Option<PathBuf>,
        /// Forget everything that is in the metadata store first: all owners, modes and links that
        /// it knows.
        #[arg(long)]
        replace: bool,
        /// A configuration file: .toml, .yaml, .yml or .json.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

pub(super) fn run(arguments: MetadataArguments) -> Result<(), CommandFailure> {
    let (verb, counts) = match arguments.command {
        MetadataCommand::Export { file, config } => {
            ("exported", write(named(file), &read(config)?)?)
        }
        MetadataCommand::Import {
            file,
            replace,
            config,
        } => {
            let Imported { counts, spared } = load(named(file), replace, &read(config)?)?;
            for path in spared {
                say(&format!(
                    "what is stored at {path} was to be removed, because it was half of a copy or \
                     the rest of a move; it stays, and is visible: look at it, and remove it if it \
                     is not wanted"
                ));
            }
            ("imported", counts)
        }
    };
    let count =
        |number: u64, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let records = count(counts.records, "record");
    let links = count(counts.links, "link");
    let begun = match counts.intents {
        0 => String::new(),
        some => format!(", and {} begun and not ended", count(some, "change")),
    };
    say(&format!("{verb} {records} and {links}{begun}"));
    Ok(())
}

fn named(file: Option<PathBuf>) -> Option<PathBuf> {
    file.filter(|file| file != Path::new("-"))
}

fn read(config: Option<PathBuf>) -> Result<Config, CommandFailure> {
    let layers = Layers::read(&LoadOptions {
        file: config,
        ..LoadOptions::of_process()
    })?;
    layers.check()?;
    Ok(layers.config()?)
}

fn write(file: Option<PathBuf>, config: &Config) -> Result<Counts, CommandFailure> {
    let Some(file) = file else {
        return dump(&mut BufWriter::new(stdout()), config);
    };
    let cannot = |cause| CommandFailure::failed(format!("cannot write {}", file.display()), cause);
    let name = file
        .file_name()
        .ok_or_else(|| CommandFailure::Usage(format!("{} names no file", file.display())))?;
    let draft = file.with_file_name(format!(
        ".{}.{}",
        name.to_string_lossy(),
        std::process::id()
    ));
    let made = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(cannot)?;
    let mut out = BufWriter::new(made);
    let written = dump(&mut out, config).and_then(|counts| {
        out.get_ref()
            .sync_all()
            .and_then(|()| fs::rename(&draft, &file))
            .map_err(cannot)?;
        Ok(counts)
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

fn dump(out: &mut (dyn Write + Send), config: &Config) -> Result<Counts, CommandFailure> {
    with_store(MetadataHandle::open_to_save(config), async |store| {
        let progress = ProgressLine::start("exporting");
        let now = jiff::Timestamp::now().as_millisecond();
        let mut tell = |counts: Counts| progress.tell(format!("{} exported", counts.all()));
        export(&*store.metadata, &*store.links, out, now, &mut tell).await
    })
}

fn load(file: Option<PathBuf>, replace: bool, config: &Config) -> Result<Imported, CommandFailure> {
    let (name, mut dump) = match &file {
        None => ("standard input".to_owned(), spooled(stdin().lock())?),
        Some(file) => {
            let opened = File::open(file).and_then(|dump| {
                if dump.metadata()?.is_file() {
                    Ok(dump)
                } else {
                    // A pipe is read once, and a dump twice.
                    spool(BufReader::new(dump))
                }
            });
            (
                file.display().to_string(),
                opened.map_err(|cause| {
                    CommandFailure::failed(format!("cannot read {}", file.display()), cause)
                })?,
            )
        }
    };
    let refused = |cause| {
        CommandFailure::failed(
            format!("cannot import {name}, and nothing was changed"),
            cause,
        )
    };
    let verified = verify(&mut BufReader::new(&dump)).map_err(refused)?;
    dump.rewind()
        .map_err(|cause| CommandFailure::failed(format!("cannot read {name} again"), cause))?;
    with_store(MetadataHandle::open_alone(config), async |store| {
        let progress = ProgressLine::start("importing");
        let mut tell = |counts: Counts| {
            progress.tell(format!("{} of {} imported", counts.all(), verified.all()))
        };
        import(
            &*store.metadata,
            &*store.links,
            &mut BufReader::new(&dump),
            replace,
            &mut tell,
        )
        .await
    })
}

fn spooled(input: impl BufRead) -> Result<File, CommandFailure> {
    spool(input).map_err(|cause| {
        CommandFailure::failed("cannot keep standard input in a temporary file", cause)
    })
}

/// A file without a name that holds all of the input.
fn spool(mut input: impl BufRead) -> std::io::Result<File> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|cause| std::io::Error::other(cause.to_string()))?;
    let name = std::env::temp_dir().join(format!("callfs-import-{}", hex::encode(random)));
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&name)?;
    fs::remove_file(&name)?;
    std::io::copy(&mut input, &mut file)?;
    file.rewind()?;
    Ok(file)
}

fn with_store<T>(
    opening: impl Future<Output = anyhow::Result<MetadataHandle>>,
    work: impl AsyncFnOnce(&MetadataHandle) -> callfs_model::error::Result<T>,
) -> Result<T, CommandFailure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|cause| CommandFailure::failed("cannot start the runtime", cause))?;
    runtime.block_on(async {
        let store = opening.await.map_err(CommandFailure::of_serving)?;
        let done = work(&store).await;
        store.close().await;
        done.map_err(|cause| CommandFailure::Failed(cause.into()))
    })
}
