//! The place where log lines go, which may be gone: a pipe without a reader, a full disk.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// Lines of this process that could not be written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many log lines of this process could not be written.
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Writes each line as a whole, counts the lines that fail, and never fails itself.
pub(super) struct LogOutput<W>(pub(super) W);

impl<W: Write> Write for LogOutput<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.write_all(line).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What could not be flushed was counted when it was written: stderr has no buffer.
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_no_failure() {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let (reader, unread) = io::pipe().expect("a pipe");
        drop(reader);
        let before = lost_lines();
        writeln!(LogOutput(full), "a line").expect("no failure");
        writeln!(LogOutput(unread), "a line").expect("no failure");
        assert!(lost_lines() >= before + 2, "{} lost", lost_lines());

        let mut kept = Vec::new();
        writeln!(LogOutput(&mut kept), "a line").expect("no failure");
        assert_eq!(kept, b"a line\n");
    }
}
