//! A file that is being written in the staging directory. Everything here may wait for the disk.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::Attributes;
use rustix::fs::{Mode, copy_file_range, fchmod, futimens, ioctl_ficlone};
use rustix::io::Errno;

use super::Folder;
use super::attributes::look;
use super::clock::stamp;
use super::failure::failure;
use super::path::FolderPath;
use super::staging::{Staging, Temporary};

/// How many bytes are copied before anybody can stop it.
const STRIDE: u64 = 64 << 20;
/// How many bytes are copied at a time where the kernel cannot do it.
const BUFFER: usize = 1 << 20;
/// Those of a file for which none are asked.
const DEFAULT_MODE: u32 = 0o644;

/// A file that is whole, and that nobody sees yet.
pub(super) struct Sealed {
    pub(super) temporary: Temporary,
    pub(super) file: File,
    pub(super) attributes: Attributes,
}

/// A file that nobody sees.
pub(super) struct Draft {
    folder: Arc<Folder>,
    place: FolderPath,
    temporary: Temporary,
    file: File,
}

impl Draft {
    /// An empty one, of what is going to be at `place`.
    pub(super) fn create(
        folder: &Arc<Folder>,
        staging: &Arc<Staging>,
        place: &FolderPath,
    ) -> Result<Self> {
        let (temporary, file) = staging.create()?;
        Ok(Self {
            folder: folder.clone(),
            place: place.clone(),
            temporary,
            file,
        })
    }

    /// Appends pieces.
    pub(super) fn write(&mut self, pieces: &[Bytes]) -> Result<()> {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = &mut slices[..];
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match self.file.write_vectored(left) {
                Ok(0) => return Err(self.failed(io::ErrorKind::WriteZero.into())),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Shares the bytes of a whole file, on filesystems that can; says whether it did.
    pub(super) fn share(&mut self, source: &File) -> bool {
        ioctl_ficlone(&self.file, source).is_ok()
    }

    /// Appends the bytes of another file from `offset` on, at most `left` and not too many at once;
    /// says how many.
    pub(super) fn copy(&mut self, source: &File, offset: u64, left: u64) -> Result<u64> {
        let wanted = left.min(STRIDE);
        let mut done = 0;
        while done < wanted {
            let mut from = offset + done;
            let copied = copy_file_range(
                source,
                Some(&mut from),
                &self.file,
                None,
                (wanted - done) as usize,
            );
            done += match copied {
                // What cannot be copied that way may still be read.
                Ok(0) => self.copy_through_memory(source, offset + done, wanted - done)?,
                Ok(copied) => copied as u64,
                Err(Errno::INTR) => 0,
                Err(
                    Errno::XDEV
                    | Errno::INVAL
                    | Errno::OPNOTSUPP
                    | Errno::NOSYS
                    | Errno::PERM
                    | Errno::BADF,
                ) => self.copy_through_memory(source, offset + done, wanted - done)?,
                Err(errno) => return Err(failure(errno, &self.place)),
            };
        }
        Ok(done)
    }

    fn copy_through_memory(&mut self, source: &File, offset: u64, left: u64) -> Result<u64> {
        let mut buffer = vec![0; BUFFER.min(left as usize)];
        match retry(|| source.read_at(&mut buffer, offset)) {
            Ok(0) => Err(Error::new(
                ErrorKind::Interrupted,
                "the file became shorter while it was copied",
            )),
            Ok(read) => self
                .file
                .write_all(&buffer[..read])
                .map_err(|error| self.failed(error))
                .map(|()| read as u64),
            Err(error) => Err(Error::internal(error)),
        }
    }

    /// Makes it last: mode, a time that no other file has, and all of it on the disk, or there
    /// soon. It is ready to be moved then.
    ///
    /// The final mode is set here although nobody may see the file yet: it lies below a directory
    /// that is closed to everybody else, and set now it outlives a crash together with the
    /// bytes. Bits that would lend the rights of the server to whoever runs the file are never
    /// set.
    pub(super) fn seal(self, mode: Option<u32>) -> Result<Sealed> {
        let failed = |errno| failure(errno, &self.place);
        fchmod(
            &self.file,
            Mode::from_raw_mode(mode.unwrap_or(DEFAULT_MODE) & 0o777),
        )
        .map_err(failed)?;
        futimens(&self.file, &stamp()).map_err(failed)?;
        // Not fdatasync: the etag is made of the time, which has to survive as well.
        self.folder.flush.changed(&self.file).map_err(failed)?;
        let stat = look(&self.file).map_err(failed)?;
        Ok(Sealed {
            attributes: Attributes {
                // Its name is still to come, and changes that.
                changed: None,
                ..self.folder.root.attributes(&stat)
            },
            temporary: self.temporary,
            file: self.file,
        })
    }

    fn failed(&self, error: io::Error) -> Error {
        match Errno::from_io_error(&error) {
            Some(errno) => failure(errno, &self.place),
            None => Error::internal(error),
        }
    }
}

fn retry<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match step() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
