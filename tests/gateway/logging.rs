//! The log: it neither fails nor delays a request, and a client writes no lines of its own into it.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::{ADMIN_KEY, DEADLINE, Setup, command, eventually, eventually_now};

/// How an output takes no lines.
#[derive(Debug, Clone, Copy)]
enum BrokenOutput {
    /// A pipe without a reader.
    Closed,
    /// A full disk.
    Full,
    /// A pipe whose reader does not read.
    Unread,
    /// The same, in the mode in which writing fails instead of waiting.
    UnreadNonBlocking,
    /// The same, and other programs filled it before.
    UnreadFromTheStart,
}

impl BrokenOutput {
    /// The output, and its reader, if there is one.
    fn open(self) -> (OwnedFd, Option<PipeReader>) {
        let (reader, mut writer) = pipe().expect("a pipe");
        match self {
            Self::Closed => return (writer.into(), None),
            Self::Full => {
                let device = File::options().write(true).open("/dev/full");
                return (device.expect("Linux has it").into(), None);
            }
            Self::Unread => {}
            Self::UnreadNonBlocking => ioctl_fionbio(&writer, true).expect("a mode"),
            Self::UnreadFromTheStart => fill(&mut writer),
        }
        (writer.into(), Some(reader))
    }
}

/// Fills a pipe to the last byte.
fn fill(writer: &mut PipeWriter) {
    ioctl_fionbio(&*writer, true).expect("a mode");
    while writer.write_all(&[b'\n'; 4096]).is_ok() {}
    ioctl_fionbio(&*writer, false).expect("a mode");
}

/// A gateway that logs all that it can to an output of the test, and listens on a socket. Killed
/// when dropped.
struct LoggingGateway {
    process: Child,
    socket: PathBuf,
    _dir: TempDir,
}

impl LoggingGateway {
    /// Starts it, and waits until it is ready.
    fn start(format: &str, output: &OwnedFd) -> Self {
        let log = format!("[log]\nrequests = true\nlevel = \"debug\"\nformat = \"{format}\"\n");
        let dir = Setup::default().more(&log).prepare();
        let socket = dir.path().join("s");
        let process = command(dir.path())
            .args(["serve", "--config", "callfs.toml", "--listen"])
            .arg(format!("unix:{}", socket.display()))
            .stdin(Stdio::null())
            .stdout(shared(output))
            .stderr(shared(output))
            .spawn()
            .expect("the binary starts");
        let mut gateway = Self {
            process,
            socket,
            _dir: dir,
        };
        eventually_now("the gateway to be ready", || {
            let ended = gateway.process.try_wait().expect("waitable");
            assert_eq!(ended, None);
            UnixStream::connect(&gateway.socket).ok()?;
            let ready = gateway.ask("GET", "/health/ready", "");
            ready.starts_with("HTTP/1.1 200 ").then_some(())
        });
        gateway
    }

    /// Sends a request.
    fn send(&self, method: &str, target: &str, more: &str) -> UnixStream {
        let mut connection = UnixStream::connect(&self.socket).expect("it listens");
        connection
            .set_read_timeout(Some(DEADLINE))
            .expect("a timeout");
        write!(
            connection,
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \
             {ADMIN_KEY}\r\nConnection: close\r\n{more}"
        )
        .expect("sent");
        connection
    }

    /// A request, and all of the answer.
    fn ask(&self, method: &str, target: &str, body: &str) -> String {
        let rest = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut answer = String::new();
        self.send(method, target, &rest)
            .read_to_string(&mut answer)
            .expect("answered");
        answer
    }

    /// Requests that take much room in the log.
    fn ask_at_length(&self, times: usize) {
        let segment = "n".repeat(250);
        let target = format!("/v1/files/{segment}/{segment}/{segment}/{segment}");
        for _ in 0..times {
            let refused = self.ask("GET", &target, "");
            assert!(refused.starts_with("HTTP/1.1 404 "), "{refused:?}");
        }
    }

    /// How many lines it counts as lost.
    fn lost(&self) -> u64 {
        let metrics = self.ask("GET", "/metrics", "");
        metrics
            .lines()
            .find_map(|line| line.strip_prefix("callfs_log_lines_lost_total "))
            .and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("lost lines are counted: {metrics}"))
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).expect("it runs");
    }

    /// How it ends, once it does.
    fn end(&mut self) -> Option<i32> {
        end(&mut self.process)
    }
}

impl Drop for LoggingGateway {
    fn drop(&mut self) {
        // It may have ended as it should.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn shared(output: &OwnedFd) -> Stdio {
    output.try_clone().expect("another descriptor").into()
}

fn end(process: &mut Child) -> Option<i32> {
    let status = eventually_now("the end", || process.try_wait().expect("waitable"));
    status.code()
}

#[test]
fn a_log_that_cannot_be_written_fails_neither_a_request_nor_the_end() {
    // What waits to be written, in the gateway and in a pipe, is far less than what is logged.
    for (broken, requests) in [
        (BrokenOutput::Closed, 20),
        (BrokenOutput::Full, 20),
        (BrokenOutput::Unread, 2_000),
        (BrokenOutput::UnreadNonBlocking, 2_000),
        (BrokenOutput::UnreadFromTheStart, 2_000),
    ] {
        for format in ["text", "json"] {
            let (output, _unread) = broken.open();
            let mut gateway = LoggingGateway::start(format, &output);
            let stored = gateway.ask("PUT", "/v1/files/a.txt", "hello");
            assert!(stored.starts_with("HTTP/1.1 201 "), "{broken:?}: {stored}");
            gateway.ask_at_length(requests);
            let alive = gateway.ask("GET", "/health/live", "");
            assert!(alive.starts_with("HTTP/1.1 200 "), "{broken:?}: {alive}");
            eventually_now("lines to be counted", || {
                (gateway.lost() >= requests as u64).then_some(())
            });
            gateway.terminate();
            assert_eq!(gateway.end(), Some(0), "{broken:?}, {format}");
        }
    }
}

#[test]
fn a_reader_that_goes_on_learns_how_many_lines_it_missed() {
    for (broken, format, lines_before) in [
        (BrokenOutput::Unread, "text", "lines="),
        (BrokenOutput::Unread, "json", "\"lines\":"),
        (BrokenOutput::UnreadNonBlocking, "text", "lines="),
        (BrokenOutput::UnreadFromTheStart, "json", "\"lines\":"),
    ] {
        let (output, unread) = broken.open();
        let unread = unread.expect("a reader");
        let mut gateway = LoggingGateway::start(format, &output);
        drop(output);
        gateway.ask_at_length(1_000);
        let lost = gateway.lost();
        assert!(lost > 0, "{broken:?}");

        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(unread).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let next = |has: &str| {
            loop {
                let line = lines.recv_timeout(DEADLINE).expect("another line");
                if line.contains(has) {
                    break line;
                }
            }
        };
        let gap = next("log lines were lost here");
        let told: u64 = gap
            .split_once(lines_before)
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("it says how many: {gap}"));
        assert!(told >= lost, "{told}, and at least {lost} were lost");
        gateway.ask("GET", "/v1/files/after-the-gap", "");
        next("/v1/files/after-the-gap");

        gateway.terminate();
        next("finishing what is under way");
        assert_eq!(gateway.end(), Some(0), "{broken:?}");
    }
}

#[test]
fn a_second_signal_ends_a_gateway_whose_log_is_stuck() {
    for broken in [BrokenOutput::Unread, BrokenOutput::UnreadFromTheStart] {
        let (output, _unread) = broken.open();
        let mut gateway = LoggingGateway::start("text", &output);
        gateway.ask_at_length(100);
        let head = "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n";
        let mut upload = gateway.send("PUT", "/v1/files/a.txt", head);
        let mut begun = [0; 25];
        upload.read_exact(&mut begun).expect("it is under way");
        assert_eq!(&begun, b"HTTP/1.1 100 Continue\r\n\r\n");
        gateway.terminate();
        eventually_now("the end to begin", || {
            UnixStream::connect(&gateway.socket).is_err().then_some(())
        });
        assert_eq!(gateway.process.try_wait().expect("waitable"), None);
        gateway.terminate();
        assert_eq!(gateway.end(), Some(143), "{broken:?}");
    }
}

#[test]
fn a_gateway_that_cannot_start_ends_although_it_cannot_say_why() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = listener.local_addr().expect("an address").to_string();
    let cases: [(&[&str], i32); 2] = [
        (&["--config", "none.toml"], 78),
        (&["--config", "callfs.toml", "--listen", &taken], 1),
    ];
    for (arguments, code) in cases {
        for broken in [
            BrokenOutput::Closed,
            BrokenOutput::Full,
            BrokenOutput::Unread,
            BrokenOutput::UnreadFromTheStart,
        ] {
            let (output, _unread) = broken.open();
            let dir = Setup::default().prepare();
            let mut process = command(dir.path())
                .arg("serve")
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(shared(&output))
                .stderr(shared(&output))
                .spawn()
                .expect("the binary starts");
            assert_eq!(end(&mut process), Some(code), "{broken:?}: {arguments:?}");
        }
    }
}

#[tokio::test]
async fn a_client_writes_no_lines_of_its_own() {
    let log = "[log]\nrequests = true\nlevel = \"debug\"\n";
    let gateway = Setup::default().more(log).start().await;
    let alice = gateway.alice();
    let forged = "%0A2026-01-01T00:00:00Z%20%20INFO%20forged%0D%1B%5B2J";
    for target in [
        format!("/v1/files/x?{forged}"),
        format!("/v1/files/x?recursive={forged}"),
        format!("/v1/files/x{forged}"),
        format!("/v1/directories/x?match={forged}&sort={forged}"),
        format!("/{forged}"),
        format!("/v1/links/{forged}"),
        format!("/download/{forged}"),
    ] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "POST"] {
            alice.call(method, &target).await;
        }
    }
    let patch = serde_json::json!({ "forged\n2026-01-01T00:00:00Z  INFO forged": "\u{1b}[2J" });
    alice
        .call("PATCH", "/v1/files/x")
        .header("content-type", "application/merge-patch+json")
        .body(patch.to_string())
        .await;
    alice.call("GET", "/v1/files/the-last").await;
    let log = eventually("the last request to be logged", async || {
        Some(gateway.log()).filter(|log| log.contains("/v1/files/the-last"))
    })
    .await;
    assert!(log.contains("forged"), "{log}");
    for line in log.lines() {
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(!line.starts_with("2026-01-01"), "{line:?}");
    }
}
