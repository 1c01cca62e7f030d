//! Where connections come from.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

/// How many connections may wait to be accepted; the system bounds it further (`somaxconn`,
/// listen(2)). Where too many wait, their clients try again after 1, 2, 4, ... seconds.
const BACKLOG: u32 = 4096;

/// A bound address.
#[derive(Debug)]
pub enum Listener {
    /// Address and port.
    Tcp(TcpListener),
    /// A Unix socket; its file is removed when this is dropped.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

/// A connection, without delay where there could be one.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Binds an address; port 0 lets the system choose.
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A gateway that is started again does not wait for connections of the one before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG).map(Self::Tcp)
    }

    /// Binds a Unix socket, in place of one that nobody listens on any more.
    pub async fn unix(path: &Path) -> io::Result<Self> {
        let is_socket =
            std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
        if is_socket {
            match UnixStream::connect(path).await {
                Ok(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::AddrInUse,
                        "another process listens on this socket",
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Self::Unix(
            UnixListener::bind(path)?,
            SocketFile(path.to_owned()),
        ))
    }

    /// The address in fact, where there is one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    pub(super) async fn accept(&mut self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // A response is written whole, so waiting to fill a packet only costs time.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(cause = %error, "TCP_NODELAY could not be set");
                }
                Ok(Accepted::Tcp(stream, peer))
            }
            Self::Unix(listener, _) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(cause = %error, "the file of a socket could not be removed");
        }
    }
}

/// Gives the system time to find descriptors again. A single connection that failed needs none.
pub(super) async fn recover(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handshake that was dropped takes a second and more.
    const HANDSHAKE: Duration = Duration::from_millis(900);

    /// The kernel drops the handshakes of those that find no room, without a word.
    #[tokio::test]
    async fn a_crowd_that_comes_at_once_is_let_in() {
        const CROWD: usize = 300;
        let mut listener =
            Listener::tcp("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let address = listener.local_addr().expect("bound");
        let mut crowd = Vec::new();
        for number in 0..CROWD {
            let connected = tokio::time::timeout(HANDSHAKE, TcpStream::connect(address)).await;
            let connected = connected.unwrap_or_else(|_| panic!("no room for number {number}"));
            crowd.push(connected.expect("connected"));
        }
        for _ in 0..CROWD {
            let accepted = tokio::time::timeout(HANDSHAKE, listener.accept()).await;
            accepted.expect("one that waits").expect("accepted");
        }
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("callfs.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a stale socket"));
        let live = Listener::unix(&path).await.expect("replaced");
        assert_eq!(
            Listener::unix(&path).await.expect_err("in use").kind(),
            io::ErrorKind::AddrInUse
        );
        drop(live);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn never_replaces_what_is_no_socket() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("precious.txt");
        std::fs::write(&path, "data").expect("a file");
        assert!(Listener::unix(&path).await.is_err());
        assert_eq!(std::fs::read(&path).expect("still there"), b"data");
    }
}
