//! The server starts, says where it is, and answers nobody without a signature.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn a_request_without_a_signature_is_refused() {
    let root = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("serves");
    let mut server = Command::new(env!("CARGO_BIN_EXE_callfs-test-s3"))
        .args(["--access-key", "key", "--secret-key", "secret"])
        .arg(&root)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    BufReader::new(server.stderr.take().expect("piped"))
        .read_line(&mut said)
        .expect("readable");
    let (_, address) = said
        .trim()
        .split_once("http://")
        .unwrap_or_else(|| panic!("no address in {said:?}"));
    let mut connection = TcpStream::connect(address).expect("it listens");
    connection
        .write_all(b"GET /bucket/key HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("writable");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("readable");
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("<Code>AccessDenied</Code>"),
        "{answer}"
    );
}
