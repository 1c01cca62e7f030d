//! A socket that does not wait for ever: it fails when its peer takes nothing for the idle timeout,
//! or sends no request.
//!
//! What a slow peer takes from the kernel's buffer counts, even when nothing new fits in yet. What
//! is read passes a [gate](super::gate); else it knows nothing of HTTP but when a request arrived,
//! whether that changes something, and whether a body was left unread.
//!
//! A peer may close its side, or all of the connection, as soon as it has sent its request. A
//! closed side is no reason to give up: the answer is still sent. A reset is one while the request
//! only reads. Where the request changes something, all of it that arrived before the reset is
//! still read, and the answer is discarded.

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
use tokio::net::{TcpStream, UnixStream};

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
pub(super) trait Socket: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static {
    /// Ready where there is something to read, be it the end or a failure.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The failure of the connection that was not reported yet; takes nothing of what arrived.
    fn failure(&self) -> io::Result<Option<io::Error>>;
}

impl Socket for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    fn failure(&self) -> io::Result<Option<io::Error>> {
        self.take_error()
    }
}

impl Socket for UnixStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    fn failure(&self) -> io::Result<Option<io::Error>> {
        self.take_error()
    }
}

/// What the connection's protocol tells its socket.
#[derive(Default)]
pub(super) struct SocketWatch {
    in_use: AtomicBool,
    changes: AtomicBool,
    unread: AtomicBool,
    ending: AtomicBool,
    refused: Mutex<Option<Box<RefusedHead>>>,
}

impl SocketWatch {
    /// The head of a request was read; `changes` if the request may change something, so that it is
    /// carried out even if its client is gone. From now on the protocol itself knows how long it
    /// waits for the next request.
    pub(super) fn request_arrived(&self, changes: bool) {
        self.changes.store(changes, Relaxed);
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

    /// Fails if the peer has reset the connection while it waits for an answer that is of no use to
    /// another reader. The protocol reads nothing meanwhile.
    fn poll_reset(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let only_reads = self.watch.in_use.load(Relaxed) && !self.watch.changes.load(Relaxed);
        if only_reads && self.stream.poll_readable(cx).is_ready() {
            return self.stream.failure()?.map_or(Ok(()), Err);
        }
        Ok(())
    }

    /// What was written, or would have been if the peer were still there.
    fn discarded_if_gone(
        &self,
        written: Poll<io::Result<usize>>,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if self.watch.changes.load(Relaxed) && is_gone(&error) => {
                tracing::debug!(cause = %error, "the client is gone; its answer is discarded");
                Poll::Ready(Ok(length))
            }
            written => written,
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
        let written = self.discarded_if_gone(written, bytes.len());
        self.poll_written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        let length = parts.iter().map(|part| part.len()).sum();
        let written = self.discarded_if_gone(written, length);
        self.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        Poll::Ready(self.poll_reset(cx))
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

/// Whether a write failed because the peer takes nothing any more.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
    )
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
        watch.request_arrived(false);
        let waited = tokio::time::timeout(Duration::from_millis(50), ours.read_u8()).await;
        assert!(waited.is_err(), "the protocol's own business now");
    }

    /// Ends a connection with a reset.
    fn reset(theirs: TcpStream) {
        theirs.set_zero_linger().expect("an open socket");
        drop(theirs);
    }

    async fn tcp_pair() -> (TimedSocket<TcpStream>, TcpStream, Arc<SocketWatch>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let theirs = TcpStream::connect(listener.local_addr().expect("bound"));
        let theirs = theirs.await.expect("connected");
        let ours = listener.accept().await.expect("connected").0;
        let watch = Arc::new(SocketWatch::default());
        let limit = Duration::from_secs(30);
        let ours = TimedSocket::new(ours, limit, limit, watch.clone());
        (ours, theirs, watch)
    }

    /// Until a flush fails; the test runner ends a test that waits for ever.
    async fn flush_until_it_fails(ours: &mut TimedSocket<TcpStream>) -> io::Error {
        std::future::poll_fn(|cx| match Pin::new(&mut *ours).poll_flush(cx) {
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(error),
        })
        .await
    }

    #[tokio::test]
    async fn a_reset_ends_what_only_reads() {
        let (mut ours, theirs, watch) = tcp_pair().await;
        watch.request_arrived(false);
        let (error, ()) = tokio::join!(flush_until_it_fails(&mut ours), async {
            tokio::task::yield_now().await;
            reset(theirs);
        });
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_closed_side_ends_nothing() {
        let (mut ours, mut theirs, watch) = tcp_pair().await;
        watch.request_arrived(false);
        theirs.shutdown().await.expect("open");
        ours.stream.readable().await.expect("its end");
        ours.flush().await.expect("no failure");
        ours.write_all(b"answer").await.expect("taken");
        let mut answer = [0; 6];
        theirs.read_exact(&mut answer).await.expect("the answer");
        assert_eq!(&answer, b"answer");
    }

    #[tokio::test]
    async fn what_arrived_before_a_reset_is_read_where_it_changes_something() {
        const BODY: &str = "PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody";
        let (mut ours, mut theirs, watch) = tcp_pair().await;
        theirs.write_all(BODY.as_bytes()).await.expect("sent");
        reset(theirs);
        watch.request_arrived(true);
        // Until the kernel knows, a write succeeds; afterwards it is discarded.
        for _ in 0..3 {
            ours.stream.readable().await.expect("bytes");
            ours.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await
                .expect("taken or discarded");
            ours.flush().await.expect("taken or discarded");
        }
        let mut read = vec![0; BODY.len()];
        ours.read_exact(&mut read).await.expect("all that was sent");
        assert_eq!(read, BODY.as_bytes());
        watch.request_arrived(false);
        let error = ours.write_all(b"answer").await.expect_err("nobody reads");
        assert!(is_gone(&error), "{error}");
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
