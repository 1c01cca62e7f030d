//! The place where log lines go, stderr, which may be gone, full or stuck: a pipe without a reader,
//! a full disk, a pipe whose reader does not read.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use super::panics;
use super::queue::{LineQueue, QueuedLine};

/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How long a panic waits until its message is written: the process may be aborted right after it.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Lines of this process that could not be written, or not in time.
static LOST: AtomicU64 = AtomicU64::new(0);
/// Where lines wait for the thread that writes them; without one they are written at once.
static QUEUE: OnceLock<Arc<LineQueue>> = OnceLock::new();

thread_local! {
    /// The line that the writing thread itself logs, while it does.
    static OWN_LINE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// How many log lines of this process could not be written.
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

fn lose_a_line() {
    LOST.fetch_add(1, Ordering::Relaxed);
}

/// From here on a thread writes to stderr. The code that logs does not wait for it, and a panic not
/// for long. To be called once, in a process that serves; other commands rather wait for a slow
/// reader than lose a line.
pub fn write_behind() -> io::Result<()> {
    let queue = Arc::new(LineQueue::default());
    let lines = queue.clone();
    thread::Builder::new()
        .name("log".into())
        .spawn(move || write_lines(&lines, PatientStderr))?;
    // The queue of a second call stays empty.
    let _ = QUEUE.set(queue);
    std::panic::set_hook(Box::new(|panic| {
        if send(panics::text(panic).as_bytes()) {
            wait_until_written(LAST_WORDS);
        }
    }));
    Ok(())
}

/// Waits for what is not written yet, but not long. To be called before the process ends.
pub fn drain() {
    wait_until_written(LAST_LINES);
}

fn wait_until_written(limit: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.wait_until_written(limit);
    }
}

/// Says what is no event, on stderr and after the lines that were logged before. A process says
/// little, such as why it ends: that is not dropped for want of room.
pub fn say(text: &str) {
    let line = format!("{text}\n");
    match QUEUE.get() {
        Some(queue) => queue.push_beyond_capacity(line.as_bytes()),
        None => {
            // There is no other place to say it.
            let _ = PatientStderr.write_all(line.as_bytes());
        }
    }
}

/// Takes each line as a whole, counts the lines that are lost, and never fails itself.
pub(super) struct LogOutput;

impl Write for LogOutput {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_own = OWN_LINE.with_borrow_mut(|own| match own {
            Some(own) => {
                own.extend_from_slice(line);
                true
            }
            None => false,
        });
        if !is_own {
            send(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the line is written, or will be.
fn send(line: &[u8]) -> bool {
    let sent = match QUEUE.get() {
        Some(queue) => queue.push(line),
        None => PatientStderr.write_all(line).is_ok(),
    };
    if !sent {
        lose_a_line();
    }
    sent
}

/// Writes lines as they come, without end. Each is written in one piece, so that other processes
/// with the same stderr do not come between.
fn write_lines(queue: &LineQueue, mut output: impl Write) {
    let mut untold: u64 = 0;
    loop {
        match queue.take() {
            QueuedLine::Gap(lines) => untold += lines,
            QueuedLine::Line(line) => {
                if output.write_all(&line).is_err() {
                    lose_a_line();
                    untold += 1;
                    continue;
                }
            }
        }
        if untold > 0 && tell(untold, &mut output) {
            untold = 0;
        }
    }
}

/// Logs how many lines are missing, and says whether that could be written.
fn tell(lines: u64, output: &mut impl Write) -> bool {
    OWN_LINE.set(Some(Vec::new()));
    tracing::error!(
        lines,
        "log lines were lost here: stderr was not read fast enough or could not be written"
    );
    let line = OWN_LINE.take().unwrap_or_default();
    output.write_all(&line).is_ok()
}

/// stderr, and one that is in non-blocking mode is waited for: the mode is shared with other
/// processes, and any of them may have set it.
struct PatientStderr;

impl Write for PatientStderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        loop {
            match stderr().write(line) {
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {
                    let stderr = stderr();
                    let mut writable = [PollFd::new(&stderr, PollFlags::OUT)];
                    retry_on_intr(|| poll(&mut writable, None))?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader};
    use std::sync::Mutex;

    use super::*;
    use crate::logs::LogFormat;

    const LONG: Duration = Duration::from_secs(60);

    /// A queue whose lines a thread writes, which logs in this format what is lost.
    fn written_to(output: impl Write + Send + 'static, format: LogFormat) -> Arc<LineQueue> {
        let queue = Arc::new(LineQueue::default());
        let lines = queue.clone();
        thread::spawn(move || {
            let own = tracing_subscriber::fmt().with_writer(|| LogOutput);
            let write = || write_lines(&lines, output);
            match format {
                LogFormat::Text => {
                    tracing::subscriber::with_default(own.with_ansi(false).finish(), write);
                }
                LogFormat::Json => {
                    let own = own.json().flatten_event(true).finish();
                    tracing::subscriber::with_default(own, write);
                }
            }
        });
        queue
    }

    fn told(format: LogFormat, lines: usize) -> String {
        match format {
            LogFormat::Text => format!(" lines={lines}"),
            LogFormat::Json => format!("\"lines\":{lines}"),
        }
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_no_failure() {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let (reader, unread) = io::pipe().expect("a pipe");
        drop(reader);
        let outputs: [Box<dyn Write + Send>; 2] = [Box::new(full), Box::new(unread)];
        for output in outputs {
            let before = lost_lines();
            let queue = written_to(output, LogFormat::Text);
            assert!(queue.push(b"a line\n"));
            queue.wait_until_written(LONG);
            assert!(lost_lines() > before, "{} lost", lost_lines());
        }
    }

    /// Fails so often, and then keeps what is written.
    struct Recovering {
        failures: u32,
        kept: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Recovering {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            if self.failures > 0 {
                self.failures -= 1;
                return Err(io::Error::from(ErrorKind::StorageFull));
            }
            self.kept.lock().expect("not poisoned").extend(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_first_line_after_failures_is_followed_by_their_number() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let kept = Arc::<Mutex<Vec<u8>>>::default();
            let output = Recovering {
                failures: 2,
                kept: kept.clone(),
            };
            let queue = written_to(output, format);
            for line in ["one\n", "two\n", "three\n", "four\n"] {
                assert!(queue.push(line.as_bytes()));
            }
            queue.wait_until_written(LONG);
            let text = String::from_utf8(kept.lock().expect("not poisoned").clone());
            let text = text.expect("text");
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 3, "{text}");
            assert_eq!((lines[0], lines[2]), ("three", "four"), "{text}");
            assert!(lines[1].contains(&told(format, 2)), "{text}");
        }
    }

    #[test]
    fn a_reader_that_stops_misses_lines_and_learns_how_many_when_it_goes_on() {
        const LINES: usize = 20_000;
        for format in [LogFormat::Text, LogFormat::Json] {
            let (reader, writer) = io::pipe().expect("a pipe");
            let queue = written_to(writer, format);
            let line = "x".repeat(200);
            let logged = format!("{line}\n");
            let dropped = (0..LINES)
                .filter(|_| !queue.push(logged.as_bytes()))
                .count();
            assert!((1..LINES).contains(&dropped), "{dropped}");

            let mut lines = BufReader::new(reader).lines();
            let mut next = || lines.next().expect("another line").expect("text");
            let mut kept = 0;
            let gap = loop {
                let read = next();
                if read != line {
                    break read;
                }
                kept += 1;
            };
            assert_eq!(kept + dropped, LINES);
            assert!(gap.contains(&told(format, dropped)), "{dropped}: {gap}");
            assert!(queue.push(b"after\n"));
            assert_eq!(next(), "after");
        }
    }
}
