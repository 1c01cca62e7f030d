//! A bare connection, for requests that no library would send and for clients that are slow, rude,
//! or gone.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::DEADLINE;

/// A connection and a key to use on it.
pub(crate) struct Raw {
    stream: TcpStream,
    authority: String,
    key: String,
}

impl Raw {
    /// Connects, with small buffers: what this client does not read stays with the gateway.
    pub(crate) async fn connect(authority: &str, key: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(64 << 10)
            .expect("a small buffer");
        let stream = socket
            .connect(authority.parse().expect("an address"))
            .await
            .expect("the gateway listens");
        Self {
            stream,
            authority: authority.into(),
            key: key.into(),
        }
    }

    /// Sends the head of a request: the target exactly as it is, and header lines.
    pub(crate) async fn head(&mut self, method: &str, target: &str, headers: &[&str]) {
        let authority = &self.authority;
        let key = &self.key;
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {key}\r\n"
        );
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        self.send(head.as_bytes()).await;
    }

    /// Sends a request with its body in one piece.
    pub(crate) async fn send_whole(&mut self, method: &str, target: &str, body: &[u8]) {
        let Self { authority, key, .. } = self;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer \
             {key}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat()).await;
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.attempt(bytes).await.expect("the gateway listens");
    }

    /// Sends bytes to somebody who may not listen any more.
    pub(crate) async fn attempt(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends one chunk of a chunked body.
    pub(crate) async fn chunk(&mut self, bytes: &[u8]) {
        self.send(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
            .await;
    }

    /// Sends nothing more, and still reads.
    pub(crate) async fn close_side(&mut self) {
        self.stream.shutdown().await.expect("a connection");
    }

    /// Ends the connection with a reset, as the kernel does for a client that dies.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("a connection");
    }

    /// Whether the gateway has ended the connection, as far as this side knows.
    pub(crate) fn has_ended(&self) -> bool {
        match self.stream.try_read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// Reads some bytes; none at the end of the connection.
    pub(crate) async fn read(&mut self, max: usize) -> Vec<u8> {
        let mut buffer = vec![0; max];
        let read = timeout(DEADLINE, self.stream.read(&mut buffer))
            .await
            .expect("an answer within the deadline");
        // A connection that was reset has ended, too.
        buffer.truncate(read.unwrap_or(0));
        buffer
    }

    /// Reads the head of an answer and leaves the body.
    pub(crate) async fn answer_head(&mut self) -> RawReply {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = self.read(1).await;
            assert!(
                !byte.is_empty(),
                "the connection ended in the head: {}",
                String::from_utf8_lossy(&head)
            );
            head.extend(byte);
        }
        RawReply::parse(&String::from_utf8_lossy(&head))
    }

    /// Reads an answer with the body that its `Content-Length` announces.
    pub(crate) async fn answer(&mut self) -> RawReply {
        let mut reply = self.answer_head().await;
        let length = reply.header("content-length").parse().unwrap_or(0);
        while reply.body.len() < length {
            let more = self.read(length - reply.body.len()).await;
            assert!(
                !more.is_empty(),
                "the connection ended in the body: {}",
                reply.text()
            );
            reply.body.extend(more);
        }
        reply
    }
}

/// An answer on a bare connection.
#[derive(Debug)]
pub(crate) struct RawReply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl RawReply {
    fn parse(head: &str) -> Self {
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no status in {head}")),
            head: head.into(),
            body: Vec::new(),
        }
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
            .unwrap_or("")
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `detail` of the problem document, which must have this status and code.
    #[track_caller]
    pub(crate) fn detail(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let problem: serde_json::Value =
            serde_json::from_slice(&self.body).expect("a problem document");
        assert_eq!(problem["code"], code, "{problem}");
        problem["detail"].as_str().unwrap_or_default().to_owned()
    }
}
