//! One run of the binary: its output as it comes, its end, and what the kernel says of its memory.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::eventually_now;

/// The gateway.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_callfs");

/// A running (or ended) process whose output is collected. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
    /// They end with the output.
    collectors: [JoinHandle<()>; 2],
}

type Lines = Arc<Mutex<Vec<String>>>;

impl Process {
    /// Starts a command.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = Lines::default();
        let stderr = Lines::default();
        let collectors = [
            collect(child.stdout.take().expect("piped"), stdout.clone()),
            collect(child.stderr.take().expect("piped"), stderr.clone()),
        ];
        Self {
            child,
            stdout,
            stderr,
            collectors,
        }
    }

    /// Where it listens, as it says once it does.
    #[track_caller]
    pub(crate) fn listens(&mut self) -> String {
        self.said("where it listens", |line| {
            let ours = line.starts_with("callfs listens on ") || line.starts_with("callfs serves ");
            ours.then(|| line.rsplit_once(" on "))
                .flatten()
                .map(|(_, address)| address.trim().to_owned())
        })
    }

    /// Where its metrics are, as it says once they are.
    #[track_caller]
    pub(crate) fn metrics(&mut self) -> String {
        self.said("where its metrics are", |line| {
            line.split_once("metrics on ")
                .map(|(_, address)| address.trim().to_owned())
        })
    }

    /// What is found in the first line on stderr that has it; fails with everything that was said
    /// if the process ends before it says that.
    #[track_caller]
    pub(crate) fn said(&mut self, what: &str, find: impl Fn(&str) -> Option<String>) -> String {
        eventually_now(what, || {
            let ended = self.has_ended();
            let said = self.stderr();
            let found = said.lines().find_map(&find);
            assert!(
                found.is_some() || !ended,
                "ended and never said {what}\nstdout:\n{}\nstderr:\n{said}",
                self.stdout()
            );
            found
        })
    }

    /// Everything on stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().expect("not poisoned").join("\n")
    }

    /// Everything on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("not poisoned").join("\n")
    }

    /// Process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("waitable").is_none()
    }

    /// kill -9, and waits for the end.
    pub(crate) fn kill(&mut self) {
        // A process that is gone already is as dead as it was meant to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .expect("the process can be signalled");
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP)
            .expect("the process can be signalled");
    }

    /// Waits for the end, and for everything that was said before it.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = eventually_now("the process to end", || {
            self.child.try_wait().expect("waitable")
        });
        eventually_now("the end of its output", || self.has_ended().then_some(()));
        status
    }

    /// Whether everything that it will ever say was collected.
    fn has_ended(&self) -> bool {
        self.collectors.iter().all(JoinHandle::is_finished)
    }

    /// The largest resident set so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:") << 10
    }

    /// The resident set, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:") << 10
    }

    /// The processor time that it has used, in user space and in the kernel.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("the process runs");
        // The name of the command may hold anything, and ends with the last bracket.
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("a number of ticks"))
            .sum();
        // USER_HZ, which is 100 on every Linux that this runs on (man 5 proc_pid_stat).
        Duration::from_millis(ticks * 10)
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> u64 {
        self.status("Threads:")
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> u64 {
        std::fs::read_dir(format!("/proc/{}/fd", self.id()))
            .expect("the process runs")
            .count() as u64
    }

    /// How many files and other things it has mapped.
    pub(crate) fn mappings(&self) -> u64 {
        std::fs::read_to_string(format!("/proc/{}/maps", self.id()))
            .expect("the process runs")
            .lines()
            .count() as u64
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))
            .expect("the process runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("Linux says it");
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!(
                "--- stderr of process {} ---\n{}\n---",
                self.id(),
                self.stderr()
            );
        }
    }
}

/// Reads on until the other end is closed, so that the process never blocks on its output.
fn collect(pipe: impl Read + Send + 'static, lines: Lines) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            lines
                .lock()
                .expect("not poisoned")
                .push(String::from_utf8_lossy(&line).into_owned());
        }
    })
}
