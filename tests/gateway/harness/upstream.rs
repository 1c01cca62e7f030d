//! A server that components talk to: it answers by path, well or badly, and remembers who asked for
//! what.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::eventually;

/// A server on a port of its own, gone when dropped.
pub(crate) struct Upstream {
    address: String,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<Asked>>,
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map_or("", |(_, value)| value)
    }
}

impl Upstream {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let seen = Arc::<Seen>::default();
        let accepting = seen.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::Relaxed);
                // A client that went away has what it wanted.
                tokio::spawn(serve(stream, accepting.clone()));
            }
        });
        Self {
            address,
            seen,
            serving,
        }
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// What was asked so far; an upload counts once its head is there.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.seen.requests.lock().expect("not poisoned").clone()
    }

    /// The only request of a target, once it and its body are there.
    pub(crate) async fn asked_for(&self, target: &str) -> Asked {
        eventually(&format!("a request for {target}"), async || {
            self.asked()
                .into_iter()
                .find(|asked| asked.target == target)
        })
        .await
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The path below `/caller` for which the component `caller` sends a request: the method, the
/// credential slot, headers, an empty line, the URI.
pub(crate) fn spelled(request: &str) -> String {
    let digits = request
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let mut names: Vec<&str> = digits
        .as_bytes()
        .chunks(250)
        .filter_map(|name| std::str::from_utf8(name).ok())
        .collect();
    let last = names.pop().unwrap_or_default();
    names
        .iter()
        .map(|name| format!("/{name}"))
        .fold("/caller".to_owned(), |path, name| path + &name)
        + "/="
        + last
}

/// Answers one request after the other, until a path says how the connection ends.
async fn serve(stream: TcpStream, seen: Arc<Seen>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut asked = head(&mut stream).await?;
        let at = {
            let mut requests = seen.requests.lock().expect("not poisoned");
            requests.push(asked.clone());
            requests.len() - 1
        };
        asked.body = body(&mut stream, &asked).await?;
        seen.requests.lock().expect("not poisoned")[at]
            .body
            .clone_from(&asked.body);
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let ok = |body: &[u8]| {
            [
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(),
                body,
            ]
            .concat()
        };
        let answer = match path {
            "/stall" => return stall(&mut stream).await,
            "/reset" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await?;
                return reset(stream);
            }
            "/reset-in-body" => {
                stream
                    .write_all(
                        &[
                            b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
                            &[b'x'; 70_000][..],
                        ]
                        .concat(),
                    )
                    .await?;
                return reset(stream);
            }
            "/short" => {
                return stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
                    .await;
            }
            "/cut" => {
                return stream
                    .write_all(
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n",
                    )
                    .await;
            }
            "/garbage" => {
                return stream
                    .write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
                    .await;
            }
            "/bomb" => return bomb(&mut stream).await,
            "/close" => return Ok(()),
            "/redirect" => {
                format!("HTTP/1.1 302 Found\r\nLocation: {query}\r\nContent-Length: 0\r\n\r\n")
                    .into_bytes()
            }
            "/missing" => b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone".to_vec(),
            "/chunked" => {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                    .to_vec()
            }
            "/echo" => ok(&asked.body),
            _ => ok(b"ok\n"),
        };
        stream.write_all(&answer).await?;
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<Asked> {
    let mut lines = String::new();
    while !lines.ends_with("\r\n\r\n") {
        lines.push(char::from(stream.read_u8().await?));
    }
    let mut lines = lines.trim_end().lines();
    let mut first = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned);
    let method = first.next().unwrap_or_default();
    let target = first.next().unwrap_or_default();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Ok(Asked {
        method,
        target,
        headers: headers.collect(),
        body: Vec::new(),
    })
}

async fn body(stream: &mut BufReader<TcpStream>, asked: &Asked) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if asked.header("transfer-encoding") != "chunked" {
        body.resize(asked.header("content-length").parse().unwrap_or(0), 0);
        stream.read_exact(&mut body).await?;
        return Ok(body);
    }
    loop {
        let mut line = String::new();
        while !line.ends_with("\r\n") {
            line.push(char::from(stream.read_u8().await?));
        }
        let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).await?;
        if size == 0 {
            return Ok(body);
        }
        body.extend(&chunk[..size]);
    }
}

/// Says nothing until the other side has had enough.
async fn stall(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    while stream.read_u8().await.is_ok() {}
    Ok(())
}

/// A head without end.
async fn bomb(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
    loop {
        stream
            .write_all(&[b"x-filler: ", &[b'x'; 8000][..], b"\r\n"].concat())
            .await?;
    }
}

fn reset(stream: BufReader<TcpStream>) -> io::Result<()> {
    stream.into_inner().set_zero_linger()
}
