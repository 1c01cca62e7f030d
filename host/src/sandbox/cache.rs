//! Compiled code on disk, so that a component is compiled once for this version of the gateway and this processor.
//!
//! Loading compiled code trusts it. The folder is readable by its owner only, and nothing but this module writes there.

use std::fs::{self, DirBuilder};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A folder of compiled components.
#[derive(Debug, Clone)]
pub struct CompileCache {
    folder: PathBuf,
}

impl CompileCache {
    /// A cache in a folder, which is made if missing, and refused if anybody else could write to it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let found = fs::metadata(folder)?;
        if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            let message = format!("{} must belong to this user and be writable by nobody else", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(Self { folder: folder.into() })
    }

    /// The compiled component, from the folder or fresh. A file that cannot be used is replaced.
    pub(super) fn compile(&self, engine: &Engine, component: &[u8]) -> wasmtime::Result<Component> {
        let file = self.folder.join(name(engine, component));
        if let Some(compiled) = load(engine, &file) {
            return Ok(compiled);
        }
        let compiled = engine.precompile_component(component)?;
        if let Err(error) = self.store(&file, &compiled) {
            tracing::warn!(%error, file = %file.display(), "cannot keep the compiled component; it is compiled again at the next start");
            return Component::new(engine, component);
        }
        load(engine, &file).map_or_else(|| Component::new(engine, component), Ok)
    }

    fn store(&self, file: &Path, compiled: &[u8]) -> io::Result<()> {
        let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
        let mut options = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create(true).truncate(true), 0o600);
        options.open(&temporary)?.write_all(compiled)?;
        fs::rename(&temporary, file)
    }
}

/// Maps a compiled component, if it is there and made by and for this engine.
#[expect(unsafe_code, reason = "compiled code is trusted because only this module writes to its private folder")]
fn load(engine: &Engine, file: &Path) -> Option<Component> {
    // SAFETY: `open` made sure that nobody but this user can write to the folder, and `store` writes only what the
    // engine itself produced, whole, by rename.
    file.exists().then(|| unsafe { Component::deserialize_file(engine, file) }.ok()).flatten()
}

/// Content and compiler in one name: another of either is another file.
fn name(engine: &Engine, component: &[u8]) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{:016x}.cwasm", hex::encode(Sha256::digest(component)), hasher.finish())
}
