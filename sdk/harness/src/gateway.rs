//! A running gateway.

use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::binary;
use crate::client::Client;
use crate::setup::Prepared;

/// How long a start may take: a component is compiled on the way, and test machines are busy.
const DEADLINE: Duration = Duration::from_secs(120);
/// What it says first, and then where.
const ANNOUNCEMENT: &str = "callfs listens on ";

/// A gateway that runs until this is dropped; by itself it is the [`Client`] of its administrator.
pub struct Gateway {
    child: Child,
    log: Arc<Log>,
    admin: Client,
    prepared: Prepared,
}

impl Gateway {
    #[track_caller]
    pub(crate) fn start(prepared: Prepared) -> Self {
        let mut command = binary::command(prepared.folder.path());
        command.args(["serve", "--config", "callfs.json"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let log = Log::of(child.stderr.take().expect("piped"));
        let url = log
            .wait_for(ANNOUNCEMENT)
            .map(|rest| rest.trim().trim_end_matches('/').to_owned());
        let Some(url) = url else {
            // One that hangs is as useless as one that ended.
            let _ = child.kill();
            let _ = child.wait();
            panic!("the gateway does not start:\n{}", log.text());
        };
        let admin = Client::new(&url, Some(&prepared.keys[0].1));
        Self {
            child,
            log,
            admin,
            prepared,
        }
    }

    /// The client of a user whom [`Setup::user`](crate::Setup::user) added.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    #[track_caller]
    pub fn user(&self, name: &str) -> Client {
        let key = self
            .prepared
            .keys
            .iter()
            .find(|(user, _)| user == name)
            .map(|(_, key)| key.as_str());
        self.client(Some(key.unwrap_or_else(|| {
            panic!("there is no user '{name}'; add one with Setup::user")
        })))
    }

    /// The client of somebody with any key, or without one.
    pub fn client(&self, key: Option<&str>) -> Client {
        Client::new(self.admin.url(), key)
    }

    /// Where the folder is that was granted under a name.
    ///
    /// # Panics
    ///
    /// If none was.
    #[track_caller]
    pub fn folder(&self, guest: &str) -> &Path {
        let found: Option<&(String, PathBuf)> =
            self.prepared.folders.iter().find(|(name, _)| name == guest);
        &found
            .unwrap_or_else(|| {
                panic!("no folder was granted as '{guest}'; grant one with Setup::folder")
            })
            .1
    }

    /// Everything it has said so far.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

impl Deref for Gateway {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.admin
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // One that ended already is as dead as it was meant to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- what the gateway said ---\n{}\n---", self.log());
        }
    }
}

/// What a process says, line by line, as it comes.
#[derive(Default)]
struct Log {
    said: Mutex<Said>,
    news: Condvar,
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Reads on until the other end is closed, so that the process never blocks on its output.
    fn of(pipe: impl Read + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let kept = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                kept.tell(|said| said.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            kept.tell(|said| said.ended = true);
        });
        log
    }

    fn tell(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_all();
    }

    /// The rest of the first line that starts like this; none if it does not come.
    fn wait_for(&self, start: &str) -> Option<String> {
        let find = |said: &Said| {
            said.lines
                .iter()
                .find_map(|line| line.strip_prefix(start).map(str::to_owned))
        };
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .news
            .wait_timeout_while(said, DEADLINE, |said| !said.ended && find(said).is_none());
        find(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn text(&self) -> String {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lines
            .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_waited_for_and_its_absence_is_no_hang() {
        let log = Log::of("first\ncallfs listens on http://127.0.0.1:1\nmore\n".as_bytes());
        assert_eq!(
            log.wait_for(ANNOUNCEMENT).as_deref(),
            Some("http://127.0.0.1:1")
        );
        let log = Log::of("error: no\n".as_bytes());
        assert_eq!(log.wait_for(ANNOUNCEMENT), None);
        assert_eq!(log.text(), "error: no");
    }
}
