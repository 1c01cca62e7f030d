//! What a client sees of the server itself, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, put};
use bytes::Bytes;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::source::Source;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::content::streams::{Download, collect, discard};
use crate::edge::request_id::RequestId;
use callfs_telemetry::Metrics;

/// How long a server may take to end that has nothing to wait for.
const DEADLINE: Duration = Duration::from_secs(30);

/// Promises eight bytes, gives four, and fails or stalls.
fn broken(stalls: bool) -> Body {
    let failure = Error::new(ErrorKind::BackendUnavailable, "gone");
    let pieces = stream::iter([Ok(Bytes::from_static(b"four"))]);
    let rest = if stalls {
        stream::pending().boxed()
    } else {
        stream::iter([Err(failure)]).boxed()
    };
    let source = Source::from_stream(pieces.chain(rest).boxed(), Some(8));
    Body::new(Download::new(
        source,
        Duration::from_millis(100),
        RequestId::of(&http::HeaderMap::new()),
    ))
}

fn router() -> Router {
    Router::new()
        .route("/hello", get(async || "hello"))
        .route(
            "/host",
            get(async |headers: HeaderMap| {
                let host = headers.get("host").map(|host| host.as_bytes().to_vec());
                host.unwrap_or_default()
            }),
        )
        .route(
            "/echo",
            put(async |body: Body| {
                collect(body, 1 << 20)
                    .await
                    .unwrap_or_else(|e| e.to_string().into())
            }),
        )
        .route("/refuse", put(async || StatusCode::FORBIDDEN))
        .route(
            "/refuse-small",
            put(async |body: Body| {
                discard(body);
                StatusCode::FORBIDDEN
            }),
        )
        .route("/fails", get(async || broken(false)))
        .route("/stalls", get(async || broken(true)))
}

/// `/slow`, which says that it has begun and is done once it is told so.
fn slow() -> (Router, Arc<Semaphore>, Arc<Semaphore>) {
    let begun = Arc::new(Semaphore::new(0));
    let done = Arc::new(Semaphore::new(0));
    let says = begun.clone();
    let told = done.clone();
    let handler = async move || {
        says.add_permits(1);
        told.acquire().await.map_or("never", |_| "done")
    };
    (router().route("/slow", get(handler)), begun, done)
}

/// `/held`, which begins once it has its body, is done once it is told so, and says what became of
/// it.
#[derive(Clone)]
struct HeldRoute {
    begun: Arc<Semaphore>,
    told: Arc<Semaphore>,
    done: Arc<Semaphore>,
    ended: Arc<Semaphore>,
}

/// Ended, be it done or given up.
struct SaysWhenDropped(Arc<Semaphore>);

impl Drop for SaysWhenDropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

impl HeldRoute {
    fn new() -> (Router, Self) {
        let semaphore = || Arc::new(Semaphore::new(0));
        let route = Self {
            begun: semaphore(),
            told: semaphore(),
            done: semaphore(),
            ended: semaphore(),
        };
        let Self {
            begun,
            told,
            done,
            ended,
        } = route.clone();
        let handler = async move |body: Body| {
            let _ended = SaysWhenDropped(ended.clone());
            if collect(body, 1 << 20).await.is_err() {
                return "cut";
            }
            begun.add_permits(1);
            let told = told.acquire().await;
            told.expect("open").forget();
            done.add_permits(1);
            "done"
        };
        let methods = get(handler.clone())
            .put(handler.clone())
            .patch(handler.clone())
            .post(handler.clone())
            .delete(handler);
        (router().route("/held", methods), route)
    }
}

/// Waits for one permit.
async fn once(what: &Semaphore) {
    let permit = tokio::time::timeout(DEADLINE, what.acquire()).await;
    permit.expect("in time").expect("open").forget();
}

/// How a client leaves that has sent all it will.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    ClosesItsSide,
    Closes,
    Resets,
}

impl Leaving {
    const ALL: [Self; 3] = [Self::ClosesItsSide, Self::Closes, Self::Resets];

    /// Leaves; the rest of the connection, if there is one.
    async fn leave(self, mut stream: TcpStream) -> Option<TcpStream> {
        match self {
            Self::ClosesItsSide => {
                stream.shutdown().await.expect("open");
                Some(stream)
            }
            Self::Closes => None,
            Self::Resets => {
                stream.set_zero_linger().expect("open");
                None
            }
        }
    }
}

async fn start(idle: u64, drain: u64) -> (SocketAddr, Shutdown, JoinHandle<()>) {
    start_with(router(), idle, drain).await
}

async fn start_with(
    router: Router,
    idle: u64,
    drain: u64,
) -> (SocketAddr, Shutdown, JoinHandle<()>) {
    let listener = Listener::tcp("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let address = listener.local_addr().expect("TCP");
    let limits = ConnectionLimits {
        connections: 100,
        per_address: 50,
        proxies: TrustedProxies::default(),
        idle_timeout: Duration::from_millis(idle),
        drain_timeout: Duration::from_millis(drain),
    };
    let shutdown = Shutdown::new();
    let edge = Edge::new(router, Metrics::new().expect("no name twice"), false);
    let edge = Reloadable::new(Arc::new(edge));
    let serving = serve(vec![listener], edge, shutdown.clone(), limits);
    (address, shutdown, tokio::spawn(serving))
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connected")
}

/// Sends bytes and gives whatever comes back until the connection ends, and whether it ended in a
/// reset.
async fn exchange(address: SocketAddr, request: &[u8]) -> (String, bool) {
    let mut stream = connect(address).await;
    stream.write_all(request).await.expect("sent");
    rest(&mut stream).await
}

async fn rest(stream: &mut TcpStream) -> (String, bool) {
    let mut answer = Vec::new();
    let reset = stream.read_to_end(&mut answer).await.is_err();
    (String::from_utf8_lossy(&answer).into_owned(), reset)
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        answer.push(stream.read_u8().await.expect("more"));
    }
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let (address, ..) = start(1000, 1000).await;
    let mut stream = connect(address).await;
    for _ in 0..2 {
        stream
            .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("sent");
        assert!(
            until(&mut stream, "hello")
                .await
                .starts_with("HTTP/1.1 200 OK\r\n")
        );
    }
}

#[tokio::test]
async fn says_continue_only_to_a_body_that_is_wanted() {
    let (address, ..) = start(1000, 1000).await;
    let head = "HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";
    let mut stream = connect(address).await;
    stream
        .write_all(format!("PUT /echo {head}").as_bytes())
        .await
        .expect("sent");
    assert_eq!(
        until(&mut stream, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(b"body").await.expect("sent");
    assert!(
        until(&mut stream, "body")
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );

    for path in ["/refuse", "/refuse-small"] {
        let (answer, _) = exchange(address, format!("PUT {path} {head}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_sends_too_much_reads_the_answer() {
    let (address, ..) = start(1000, 1000).await;
    let mut stream = connect(address).await;
    let size = 32 << 20;
    stream
        .write_all(
            format!("PUT /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n").as_bytes(),
        )
        .await
        .expect("sent");
    stream
        .write_all(&vec![0; size])
        .await
        .expect("taken and thrown away");
    let (answer, reset) = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("connection: close"),
        "{answer}"
    );
    assert!(!reset);
}

#[tokio::test]
async fn a_small_body_that_nobody_wants_costs_no_connection() {
    let (address, ..) = start(1000, 1000).await;
    let mut stream = connect(address).await;
    for _ in 0..2 {
        let request = b"PUT /refuse-small HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody";
        stream.write_all(request).await.expect("sent");
        let answer = until(&mut stream, "\r\n\r\n").await;
        assert!(
            answer.starts_with("HTTP/1.1 403") && !answer.contains("connection: close"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_part_never_looks_like_the_whole() {
    let (address, ..) = start(1000, 1000).await;
    for path in ["/fails", "/stalls"] {
        let (answer, _) = exchange(
            address,
            format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes(),
        )
        .await;
        // What had not left when the source failed never does, be it the head; what did, promised
        // more than came.
        assert!(
            answer.is_empty()
                || answer.contains("content-length: 8\r\n") && answer.ends_with("\r\n\r\nfour"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let (address, ..) = start(100, 1000).await;
    let request = b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nfour";
    let (answer, _) = exchange(address, request).await;
    assert!(answer.contains("nothing of the body arrived"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

/// What was lost on the way is no mistake of the client's encoder, and the other way round.
#[tokio::test]
async fn a_body_is_malformed_or_ends_early() {
    let (address, ..) = start(1000, 1000).await;
    let malformed = "the chunked coding of the body is malformed";
    let early = "ended before it was complete";
    for (chunks, message) in [
        ("what\r\n", malformed),
        ("4\r\nfour\r\nwhat\r\n", malformed),
        ("4\r\nfourfour\r\n", malformed),
        ("4\nfour", malformed),
        ("-4\r\nfour\r\n", malformed),
        ("\r\n", malformed),
        ("fffffffffffffffff\r\nfour", malformed),
        ("0\r\na b\r\n\r\n", malformed),
        ("4\r\nfo", early),
        ("4\r\nfour\r\n", early),
        ("4", early),
        ("0\r\n", early),
    ] {
        let mut stream = connect(address).await;
        let head = "PUT /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let sent = format!("{head}{chunks}");
        stream.write_all(sent.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("no more");
        let (answer, _) = rest(&mut stream).await;
        assert!(answer.contains(message), "{chunks:?}: {answer}");
        assert!(answer.contains("connection: close"), "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn a_change_that_arrived_whole_is_carried_out_whatever_becomes_of_its_client() {
    let (router, held) = HeldRoute::new();
    let (address, ..) = start_with(router, 1000, 1000).await;
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        for body in [
            "content-length: 4\r\n\r\nbody",
            "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            "content-length: 4\r\nexpect: 100-continue\r\n\r\nbody",
            "content-length: 0\r\n\r\n",
        ] {
            for leaving in Leaving::ALL {
                let mut stream = connect(address).await;
                let request = format!("{method} /held HTTP/1.1\r\nhost: x\r\n{body}");
                stream.write_all(request.as_bytes()).await.expect("sent");
                let rested = leaving.leave(stream).await;
                once(&held.begun).await;
                held.told.add_permits(1);
                once(&held.done).await;
                once(&held.ended).await;
                if let Some(mut stream) = rested {
                    let (answer, reset) = rest(&mut stream).await;
                    let complete = answer.contains("HTTP/1.1 200 OK") && answer.ends_with("done");
                    assert!(complete && !reset, "{method} {body:?}: {answer}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_complete_is_never_taken_for_one_that_is() {
    let (router, held) = HeldRoute::new();
    let (address, ..) = start_with(router, 1000, 1000).await;
    for body in [
        "content-length: 5\r\n\r\nbody",
        "content-length: 5\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n",
        "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n",
        "transfer-encoding: chunked\r\n\r\n",
    ] {
        for leaving in Leaving::ALL {
            let mut stream = connect(address).await;
            let request = format!("PUT /held HTTP/1.1\r\nhost: x\r\n{body}");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let rested = leaving.leave(stream).await;
            once(&held.ended).await;
            assert_eq!(held.begun.available_permits(), 0, "{leaving:?} {body:?}");
            if let Some(mut stream) = rested {
                let (answer, _) = rest(&mut stream).await;
                assert!(answer.ends_with("cut"), "{body:?}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn what_only_reads_is_given_up_when_its_client_resets_and_not_when_it_closes_its_side() {
    let (router, held) = HeldRoute::new();
    let (address, ..) = start_with(router, 1000, 1000).await;
    let ask = b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = connect(address).await;
    stream.write_all(ask).await.expect("sent");
    once(&held.begun).await;
    Leaving::Resets.leave(stream).await;
    once(&held.ended).await;
    assert_eq!(held.done.available_permits(), 0);

    let mut stream = connect(address).await;
    stream.write_all(ask).await.expect("sent");
    once(&held.begun).await;
    let rested = Leaving::ClosesItsSide.leave(stream).await;
    held.told.add_permits(1);
    let (answer, _) = rest(&mut rested.expect("one side")).await;
    assert!(answer.ends_with("done"), "{answer}");
}

#[tokio::test]
async fn a_client_that_closes_its_side_gets_all_its_answers_and_is_let_go() {
    let (address, ..) = start(60_000, 1000).await;
    let hello = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";
    let echo = "PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody";
    for (requests, answers) in [
        (String::new(), 0),
        (hello.to_owned(), 1),
        (hello.repeat(2), 2),
        (format!("{echo}{hello}{echo}"), 3),
    ] {
        let mut stream = connect(address).await;
        stream.write_all(requests.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("open");
        // Long before a connection is ended that is only idle.
        let read = tokio::time::timeout(DEADLINE / 2, rest(&mut stream)).await;
        let (answer, reset) = read.expect("let go");
        let given = answer.matches("HTTP/1.1 200 OK").count();
        assert_eq!((given, reset), (answers, false), "{requests:?}: {answer}");
    }
}

#[tokio::test]
async fn the_server_ends_once_a_change_is_done_whose_client_is_gone() {
    let (router, held) = HeldRoute::new();
    // The drain timeout comes long after the deadline: it does not end the server here.
    let (address, shutdown, served) = start_with(router, 1000, 600_000).await;
    let mut stream = connect(address).await;
    stream
        .write_all(b"DELETE /held HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    once(&held.begun).await;
    Leaving::Resets.leave(stream).await;
    shutdown.begin();
    assert!(!served.is_finished());
    held.told.add_permits(1);
    tokio::time::timeout(DEADLINE, served)
        .await
        .expect("in time")
        .expect("no panic");
    once(&held.done).await;
}

#[tokio::test]
async fn the_authority_of_the_target_counts_and_not_the_host() {
    let (address, ..) = start(1000, 1000).await;
    for (target, host) in [
        ("/host", "mine"),
        ("http://other/host", "other"),
        ("https://other:8080/host", "other:8080"),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: mine\r\nconnection: close\r\n\r\n");
        let (answer, _) = exchange(address, head.as_bytes()).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{host}")), "{answer}");
    }
}

#[tokio::test]
async fn what_is_under_way_finishes_and_nothing_new_begins() {
    let (router, begun, done) = slow();
    // The drain timeout comes long after the deadline: it does not end the server here.
    let (address, shutdown, served) = start_with(router, 1000, 600_000).await;
    let mut idle = connect(address).await;
    idle.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    until(&mut idle, "hello").await;
    let silent = connect(address).await;
    let mut busy = connect(address).await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\nGET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    drop(begun.acquire().await.expect("open"));
    shutdown.begin();
    // Whoever is idle is let go while others are still busy.
    assert_eq!(rest(&mut idle).await.0, "");
    done.add_permits(1);
    let (answer, _) = rest(&mut busy).await;
    assert!(answer.ends_with("done"), "{answer}");
    tokio::time::timeout(DEADLINE, served)
        .await
        .expect("in time")
        .expect("no panic");
    assert!(TcpStream::connect(address).await.is_err());
    drop(silent);
}

#[tokio::test]
async fn what_does_not_finish_is_cut() {
    let (router, begun, _never) = slow();
    let (address, shutdown, served) = start_with(router, 60_000, 50).await;
    let mut stream = connect(address).await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    drop(begun.acquire().await.expect("open"));
    shutdown.begin();
    tokio::time::timeout(DEADLINE, served)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(rest(&mut stream).await.0, "");
}
