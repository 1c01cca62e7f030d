//! A socket that does not wait for ever: it fails when its peer takes nothing for the idle timeout,
//! or sends no request.
//!
//! What a slow peer takes from the kernel's buffer counts, even when nothing new fits in yet. What
//! is read passes a [gate](super::gate); else it knows nothing of HTTP but when the first request
//! arrived and whether a body was left unread.

use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::ioctl::{Getter, ioctl};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gate::{GateStep, RequestGate};
use super::head::RefusedHead;
use crate::edge::idle::Idle;

/// How long a client whose body was not wanted may go on sending it before the connection is reset.
const LINGER: Duration = Duration::from_secs(5);
/// How much of it is thrown away at most, in bytes.
const LINGER_MAX: usize = 64 << 20;
/// How much is read at once of what is not a body.
const HEAD_PIECE: usize = 8 << 10;

/// A connected socket.
pub(super) trait Socket: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static> Socket for S {}

/// What the connection's protocol tells its socket.
#[derive(Default)]
pub(super) struct SocketWatch {
    in_use: AtomicBool,
    unread: AtomicBool,
    ending: AtomicBool,
    refused: Mutex<Option<Box<RefusedHead>>>,
}

impl SocketWatch {
    /// From now on the protocol itself knows how long it waits for the next request.
    pub(super) fn request_arrived(&self) {
        self.in_use.store(true, Relaxed);
    }

    /// The peer may be sending still when the connection is closed.
    pub(super) fn body_left_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    /// The head in whose place the request came that the protocol just read, if it was refused.
    pub(super) fn take_refused(&self) -> Option<Box<RefusedHead>> {
        self.refused().take()
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, Option<Box<RefusedHead>>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever has not sent a request yet need not be waited for.
    pub(super) fn shutting_down(&self) {
        self.ending.store(true, Relaxed);
    }
}

/// See the module.
pub(super) struct TimedSocket<S> {
    stream: S,
    gate: RequestGate,
    writing: Idle,
    /// What the kernel had not delivered when the wait to write began.
    undelivered: Option<c_int>,
    first_request: Idle,
    closing: Option<Closing>,
    watch: Arc<SocketWatch>,
}

struct Closing {
    idle: Idle,
    discarded: usize,
}

impl<S: Socket> TimedSocket<S> {
    pub(super) fn new(
        stream: S,
        idle_timeout: Duration,
        first_request: Duration,
        watch: Arc<SocketWatch>,
    ) -> Self {
        let writing = Idle::new(idle_timeout);
        let first_request = Idle::new(first_request);
        Self {
            stream,
            gate: RequestGate::new(),
            writing,
            undelivered: None,
            first_request,
            closing: None,
            watch,
        }
    }

    /// Reads what the gate lets through.
    fn poll_requests(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let step = self.gate.next()?;
            if let Some(refused) = self.gate.refused() {
                *self.watch.refused() = Some(refused);
            }
            match step {
                GateStep::Take => {
                    self.gate.take(buffer);
                    return Poll::Ready(Ok(()));
                }
                GateStep::ReadBody => {
                    let before = buffer.filled().len();
                    ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
                    let read = &buffer.filled()[before..];
                    if read.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    let passed = self.gate.pass(read);
                    buffer.set_filled(before + passed);
                    if passed > 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                GateStep::ReadMore => {
                    let mut space = [MaybeUninit::uninit(); HEAD_PIECE];
                    let mut piece = ReadBuf::uninit(&mut space);
                    ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
                    self.gate.add(piece.filled());
                }
                // The answer to what was refused wakes this task.
                GateStep::Nothing => return Poll::Pending,
                GateStep::End => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing.progress();
            self.undelivered = None;
            return written;
        }
        // The kernel says that there is room only once there is a lot of it; a slow peer needs long
        // to make that. So when the time is over, what counts is whether the peer took
        // anything at all.
        let before = *self
            .undelivered
            .get_or_insert_with(|| undelivered(&self.stream));
        while self.writing.poll_elapsed(cx).is_ready() {
            let now = undelivered(&self.stream);
            if now >= before {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the peer takes nothing",
                )));
            }
            self.undelivered = Some(now);
            self.writing.progress();
        }
        Poll::Pending
    }

    /// Reads and forgets what the peer sends after it was told that nothing more will be read: were
    /// the socket closed with bytes unread, the peer would see a reset, and might never see the
    /// answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let closing = self.closing.get_or_insert_with(|| Closing {
            idle: Idle::new(LINGER),
            discarded: 0,
        });
        let mut space = [MaybeUninit::uninit(); 16 << 10];
        loop {
            let mut buffer = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(()))
                    if !buffer.filled().is_empty() && closing.discarded < LINGER_MAX =>
                {
                    closing.discarded += buffer.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(()),
                // One clock for the whole of it: this is a courtesy.
                Poll::Pending => return closing.idle.poll_elapsed(cx),
            }
        }
    }
}

impl<S: Socket> AsyncRead for TimedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.poll_requests(cx, buffer);
        if read.is_pending() && !self.watch.in_use.load(Relaxed) {
            if self.watch.ending.load(Relaxed) {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::Interrupted,
                    "the service is shutting down",
                )));
            }
            ready!(self.first_request.poll_elapsed(cx));
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer sent no request",
            )));
        }
        read
    }
}

impl<S: Socket> AsyncWrite for TimedSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.watch.unread.load(Relaxed) {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

/// How many bytes the kernel holds that the peer has not taken; zero where it cannot tell.
#[expect(
    unsafe_code,
    reason = "the request writes one int, and the getter holds one"
)]
fn undelivered(stream: &impl AsFd) -> c_int {
    /// `TIOCOUTQ`, which sockets know as `SIOCOUTQ` (tcp(7), unix(7)).
    const OPCODE: rustix::ioctl::Opcode = 0x5411;
    // SAFETY: this request writes one int to the address it is given, which is what the getter
    // gives it.
    unsafe { ioctl(stream, Getter::<OPCODE, c_int>::new()) }.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream, UnixStream};

    use super::*;

    fn pair(idle: Duration) -> (TimedSocket<UnixStream>, UnixStream, Arc<SocketWatch>) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let watch = Arc::new(SocketWatch::default());
        (
            TimedSocket::new(ours, idle, idle, watch.clone()),
            theirs,
            watch,
        )
    }

    #[tokio::test]
    async fn gives_up_on_a_peer_that_takes_nothing() {
        let (mut ours, _theirs, _) = pair(Duration::from_millis(20));
        let error = ours
            .write_all(&vec![0; 8 << 20])
            .await
            .expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    /// Over TCP, whose buffers are so large that the kernel reports room far less often than this
    /// peer takes something.
    #[tokio::test]
    async fn bears_with_a_peer_that_is_slow() {
        const TOTAL: usize = 6 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let mut theirs = TcpStream::connect(listener.local_addr().expect("bound"))
            .await
            .expect("connected");
        let ours = listener.accept().await.expect("connected").0;
        let limit = Duration::from_millis(150);
        let mut ours = TimedSocket::new(ours, limit, limit, Arc::default());
        let reading = tokio::spawn(async move {
            let mut total = 0;
            let mut buffer = vec![0; 64 << 10];
            let mut tick = tokio::time::interval(Duration::from_millis(15));
            while total < TOTAL {
                tick.tick().await;
                total += theirs.read(&mut buffer).await.expect("bytes");
            }
        });
        ours.write_all(&vec![0; TOTAL])
            .await
            .expect("slow, yet steady");
        reading.await.expect("read all");
    }

    #[tokio::test]
    async fn gives_up_on_a_peer_that_asks_nothing() {
        let (mut ours, _theirs, watch) = pair(Duration::from_millis(20));
        assert_eq!(
            ours.read_u8().await.expect_err("nothing sent").kind(),
            io::ErrorKind::TimedOut
        );
        watch.request_arrived();
        let waited = tokio::time::timeout(Duration::from_millis(50), ours.read_u8()).await;
        assert!(waited.is_err(), "the protocol's own business now");
    }

    #[tokio::test]
    async fn takes_what_is_left_of_an_unread_body() {
        let (mut ours, mut theirs, watch) = pair(Duration::from_secs(5));
        watch.body_left_unread();
        let peer = tokio::spawn(async move {
            theirs.write_all(&vec![1; 1 << 20]).await.expect("taken");
            theirs.shutdown().await.expect("done");
            theirs
        });
        ours.shutdown().await.expect("closed");
        peer.await.expect("the peer could send all of it");
    }
}
