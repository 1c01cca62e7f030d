//! Compiled code on disk, so that a component is compiled once for this version of the gateway and
//! this processor.
//!
//! Loading compiled code trusts it. The folder is readable by its owner only, and nothing but this
//! module writes there. It is bounded: what was not used for the longest time goes first.

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// How many compiled components are kept.
const MAX_FILES: usize = 100;
/// How large all of them together may be, in bytes.
const MAX_SIZE: u64 = 512 << 20;
/// How long somebody may take to write one; what is older was left behind.
const MAX_WRITING: Duration = Duration::from_secs(3600);

/// A folder of compiled components.
#[derive(Debug, Clone)]
pub struct CompileCache {
    folder: PathBuf,
}

impl CompileCache {
    /// A cache in a folder, which is made if missing, and refused if anybody else could write to
    /// it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let found = fs::metadata(folder)?;
        if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            let message = format!(
                "{} must belong to this user and be writable by nobody else",
                folder.display()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(Self {
            folder: folder.into(),
        })
    }

    /// The compiled component, from the folder or fresh. A file that cannot be used is replaced.
    pub(super) fn compile(&self, engine: &Engine, component: &[u8]) -> wasmtime::Result<Component> {
        let file = self.folder.join(name(engine, component));
        if let Some(compiled) = load(engine, &file) {
            // One whose time cannot be set only looks older than it is.
            let _ = File::options()
                .append(true)
                .open(&file)
                .and_then(|file| file.set_modified(SystemTime::now()));
            return Ok(compiled);
        }
        let compiled = engine.precompile_component(component)?;
        if let Err(error) = self.store(&file, &compiled) {
            tracing::warn!(%error, file = %file.display(), "cannot keep the compiled component; \
                it is compiled again at the next start");
            return Component::new(engine, component);
        }
        let compiled = load(engine, &file).map_or_else(|| Component::new(engine, component), Ok);
        if let Err(error) = self.forget(MAX_FILES, MAX_SIZE) {
            tracing::debug!(%error, "old compiled components could not be removed");
        }
        compiled
    }

    /// Removes what was not used for the longest time, until no more is left than this. What is in
    /// use stays usable.
    fn forget(&self, files: usize, size: u64) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another process may remove it just now.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let path = entry.path();
            let used = metadata.modified()?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("cwasm") => found.push((used, metadata.len(), path)),
                Some("tmp") if used.elapsed().is_ok_and(|age| age > MAX_WRITING) => {
                    drop(fs::remove_file(path))
                }
                _ => {}
            }
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        let mut total = 0;
        for (at, (_, length, path)) in found.into_iter().enumerate() {
            total += length;
            if at >= files || total > size {
                // So may this one be.
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn store(&self, file: &Path, compiled: &[u8]) -> io::Result<()> {
        // Others may write the same file at this moment, also from another container where all have
        // one process id.
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let temporary = file.with_extension(format!("{}.tmp", hex::encode(random)));
        let mut options = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
        let mut draft = options.open(&temporary)?;
        draft.write_all(compiled)?;
        // What is loaded is trusted: after a power cut, a name must not lead to bytes that were
        // never written.
        draft.sync_all()?;
        fs::rename(&temporary, file)
    }
}

/// Maps a compiled component, if it is there and made by and for this engine.
#[expect(
    unsafe_code,
    reason = "compiled code is trusted because only this module writes to its private folder"
)]
fn load(engine: &Engine, file: &Path) -> Option<Component> {
    // SAFETY: `open` made sure that nobody but this user can write to the folder, and `store`
    // writes only what the engine itself produced, whole, by rename.
    file.exists()
        .then(|| unsafe { Component::deserialize_file(engine, file) }.ok())
        .flatten()
}

/// Content and compiler in one name: another of either is another file.
fn name(engine: &Engine, component: &[u8]) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!(
        "{}-{:016x}.cwasm",
        hex::encode(Sha256::digest(component)),
        hasher.finish()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_used_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = CompileCache::open(folder.path()).expect("private");
        let write = |name: &str, age: u64| {
            let path = folder.path().join(name);
            fs::write(&path, b"0123456789").expect("written");
            let file = File::options().append(true).open(path).expect("open");
            file.set_modified(SystemTime::now() - Duration::from_secs(age))
                .expect("set");
        };
        let left = || {
            let names = fs::read_dir(folder.path())
                .expect("readable")
                .filter_map(Result::ok);
            let mut names: Vec<_> = names
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            names.sort_unstable();
            names
        };
        write("old.cwasm", 300);
        write("new.cwasm", 1);
        write("middle.cwasm", 60);
        write("being-written.tmp", 60);
        write("abandoned.tmp", 4000);
        write("notes.txt", 9000);
        cache.forget(3, 100).expect("readable");
        assert_eq!(
            left(),
            [
                "being-written.tmp",
                "middle.cwasm",
                "new.cwasm",
                "notes.txt",
                "old.cwasm"
            ]
        );
        cache.forget(2, 100).expect("readable");
        assert_eq!(
            left(),
            [
                "being-written.tmp",
                "middle.cwasm",
                "new.cwasm",
                "notes.txt"
            ]
        );
        cache.forget(2, 15).expect("readable");
        assert_eq!(left(), ["being-written.tmp", "new.cwasm", "notes.txt"]);
    }
}
