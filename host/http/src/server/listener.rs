//! Where connections come from.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

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
    pub async fn tcp(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self::Tcp)
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
