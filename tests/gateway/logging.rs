//! The log: it never fails a request, and a client writes no lines of its own into it.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{ADMIN_KEY, Setup, command, eventually, eventually_now};

/// A request, and all of the answer.
fn ask(socket: &Path, method: &str, target: &str, body: &str) -> String {
    let mut connection = UnixStream::connect(socket).expect("it listens");
    write!(
        connection,
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \
         {ADMIN_KEY}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("answered");
    answer
}

/// SIGTERM, and how it ends.
fn stop(gateway: &mut Child) -> Option<i32> {
    kill_process(Pid::from_child(gateway), Signal::TERM).expect("it runs");
    let status = eventually_now("the end", || gateway.try_wait().expect("waitable"));
    status.code()
}

#[test]
fn a_log_that_cannot_be_written_fails_neither_a_request_nor_the_end() {
    let unread = || {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    let full = || {
        let device = File::options().write(true).open("/dev/full");
        Stdio::from(device.expect("Linux has it"))
    };
    let outputs: [(&str, &dyn Fn() -> Stdio); 2] = [("unread", &unread), ("full", &full)];
    for (what, output) in outputs {
        for format in ["text", "json"] {
            let log = format!("[log]\nrequests = true\nlevel = \"debug\"\nformat = \"{format}\"\n");
            let dir = Setup::default().more(&log).prepare();
            let socket = dir.path().join("s");
            let mut gateway = command(dir.path())
                .args(["serve", "--config", "callfs.toml", "--listen"])
                .arg(format!("unix:{}", socket.display()))
                .stdin(Stdio::null())
                .stdout(output())
                .stderr(output())
                .spawn()
                .expect("the binary starts");
            eventually_now("the gateway to be ready", || {
                assert_eq!(gateway.try_wait().expect("waitable"), None, "{what}");
                UnixStream::connect(&socket).ok()?;
                let ready = ask(&socket, "GET", "/health/ready", "");
                ready.starts_with("HTTP/1.1 200 ").then_some(())
            });
            for number in 0..3 {
                let stored = ask(&socket, "PUT", &format!("/v1/files/{number}.txt"), "hello");
                assert!(stored.starts_with("HTTP/1.1 201 "), "{what}: {stored:?}");
                let refused = ask(&socket, "GET", "/v1/files/none", "");
                assert!(refused.starts_with("HTTP/1.1 404 "), "{what}: {refused:?}");
            }
            let metrics = ask(&socket, "GET", "/metrics", "");
            let lost = metrics
                .lines()
                .find_map(|line| line.strip_prefix("callfs_log_lines_lost_total "))
                .and_then(|count| count.parse::<u64>().ok());
            assert!(lost.is_some_and(|count| count >= 6), "{what}: {metrics}");
            assert_eq!(stop(&mut gateway), Some(0), "{what}");
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
