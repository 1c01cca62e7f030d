//! What every lock manager has to do, whatever it is made of. A manager implements [`Place`] in its
//! tests and names it to `locks_suite!`, which makes a test of each behaviour.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use callfs_model::error::{ErrorKind, Result};
use callfs_model::locks::{Guard, Locks};
use callfs_model::path::FilePath;
use futures_util::FutureExt;

/// Somewhere with no locks in it.
pub(crate) trait Place {
    type Locks: Locks + 'static;

    /// None if this machine has not what the manager needs.
    async fn new() -> Option<Self>
    where
        Self: Sized;

    fn locks(&self) -> Arc<Self::Locks>;

    /// Returns when every request that was polled has its place in the queue, everything that was
    /// dropped is out of it, and whoever got a lock by that was told.
    async fn settle(&self);

    /// Checks, as far as it can be seen, that nothing is left when nothing is held.
    async fn check_empty(&self);
}

macro_rules! locks_suite {
    ($place:ty) => {
        $crate::suite::locks_suite!($place:
            excludes_what_is_above_and_below_and_nothing_else
            lets_one_in_at_a_time
            is_fair_to_a_tree
            is_fair_to_those_in_a_tree
            goes_by_who_came_first
            gives_up_in_time
            leaves_no_trace_of_who_stopped_waiting
            takes_several_paths_at_once
            takes_paths_that_overlap
            does_not_deadlock
            takes_the_same_turns_as_a_plain_queue
        );
    };
    ($place:ty: $($behaviour:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                if let Some(place) = <$place as $crate::suite::Place>::new().await {
                    $crate::suite::$behaviour(&place).await;
                    $crate::suite::Place::settle(&place).await;
                    $crate::suite::Place::check_empty(&place).await;
                }
            }
        )*
    };
}
pub(crate) use locks_suite;

/// Long enough never to be over.
const LONG: Duration = Duration::from_secs(60);
/// Short enough to wait for, and long enough for a server to answer.
const SHORT: Duration = Duration::from_millis(50);

fn paths(texts: &[&str]) -> Vec<FilePath> {
    texts
        .iter()
        .map(|text| FilePath::parse(text).expect("a good path"))
        .collect()
}

/// A request that has its place in the queue, granted or not.
struct Waiter(
    Pin<Box<dyn Future<Output = Result<Guard>> + Send>>,
    Option<Guard>,
);

impl Waiter {
    async fn new<P: Place>(place: &P, texts: &[&str]) -> Self {
        let locks = place.locks();
        let paths = paths(texts);
        // Unconstrained: polled by hand, and more often than tokio lets a task go on without a
        // pause.
        let request = tokio::task::unconstrained(async move { locks.acquire(&paths, LONG).await });
        let mut waiter = Self(Box::pin(request), None);
        waiter.poll();
        place.settle().await;
        waiter
    }

    /// Whether it holds its lock by now.
    fn poll(&mut self) -> bool {
        if self.1.is_none() {
            self.1 = (&mut self.0)
                .now_or_never()
                .map(|granted| granted.expect("granted"));
        }
        self.1.is_some()
    }

    async fn granted(mut self) -> Guard {
        match self.1.take() {
            Some(guard) => guard,
            None => self.0.await.expect("granted"),
        }
    }
}

async fn acquire(place: &impl Place, texts: &[&str], wait: Duration) -> Result<Guard> {
    place.locks().acquire(&paths(texts), wait).await
}

async fn hold(place: &impl Place, texts: &[&str]) -> Guard {
    acquire(place, texts, LONG).await.expect("free")
}

async fn is_locked(place: &impl Place, text: &str) -> bool {
    match acquire(place, &[text], SHORT).await {
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::Locked,
    }
}

pub(crate) async fn excludes_what_is_above_and_below_and_nothing_else(place: &impl Place) {
    place.locks().ready().await.expect("ready");
    let guard = hold(place, &["/a/b"]).await;
    for text in ["/", "/a", "/a/b", "/a/b/c", "/a/b/c/d"] {
        assert!(is_locked(place, text).await, "{text}");
    }
    for text in ["/ab", "/a/bc", "/a/b!", "/a/c", "/A", "/A/b", "/a/B", "/b"] {
        assert!(!is_locked(place, text).await, "{text}");
    }
    drop(guard);
    place.settle().await;
    let guard = hold(place, &["/"]).await;
    assert!(is_locked(place, "/").await && is_locked(place, "/any/where").await);
    drop(guard);
    place.settle().await;
    assert!(!is_locked(place, "/").await);
}

pub(crate) async fn lets_one_in_at_a_time(place: &impl Place) {
    const TURNS: usize = 20;
    let texts = ["/d", "/d/x", "/d/x/y", "/d/z", "/d/x"];
    // Who is in each of these now; a lock on one stands for all that is within it.
    let inside: Arc<Vec<AtomicUsize>> =
        Arc::new(texts.iter().map(|_| AtomicUsize::new(0)).collect());
    let tasks = (0..40).map(|task| {
        let locks = place.locks();
        let inside = inside.clone();
        let all = paths(&texts);
        tokio::spawn(async move {
            for turn in 0..TURNS {
                let mine = (task + turn) % all.len();
                let _guard = locks
                    .acquire(&all[mine..=mine], LONG)
                    .await
                    .expect("granted");
                let related = |other: &usize| {
                    all[*other].is_within(&all[mine]) || all[mine].is_within(&all[*other])
                };
                inside[mine].fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                let met: usize = (0..all.len())
                    .filter(related)
                    .map(|n| inside[n].load(Ordering::SeqCst))
                    .sum();
                assert_eq!(met, 1, "somebody else was in {}", all[mine]);
                inside[mine].fetch_sub(1, Ordering::SeqCst);
            }
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task.expect("no panic");
    }
}

pub(crate) async fn is_fair_to_a_tree(place: &impl Place) {
    let first = hold(place, &["/a/1"]).await;
    let mut tree = Waiter::new(place, &["/a"]).await;
    let mut later = Waiter::new(place, &["/a/2"]).await;
    let mut elsewhere = Waiter::new(place, &["/b"]).await;
    assert!(elsewhere.poll(), "has nothing to do with them");
    assert!(!later.poll(), "came after the tree");
    drop(first);
    place.settle().await;
    let tree = tree.poll().then_some(tree).expect("its turn");
    assert!(!later.poll());
    drop(tree);
    later.granted().await;
}

pub(crate) async fn is_fair_to_those_in_a_tree(place: &impl Place) {
    let tree = hold(place, &["/a"]).await;
    let mut inner = Waiter::new(place, &["/a/1"]).await;
    let mut other = Waiter::new(place, &["/a/2/x"]).await;
    let mut again = Waiter::new(place, &["/a"]).await;
    let mut late = Waiter::new(place, &["/a/3"]).await;
    drop(tree);
    place.settle().await;
    assert!(
        inner.poll() && other.poll(),
        "they do not exclude each other"
    );
    drop(inner);
    place.settle().await;
    assert!(!again.poll() && !late.poll());
    drop(other);
    place.settle().await;
    assert!(again.poll() && !late.poll());
    drop(again);
    place.settle().await;
    assert!(late.poll());
}

pub(crate) async fn goes_by_who_came_first(place: &impl Place) {
    let mut turns = Vec::new();
    let first = hold(place, &["/a"]).await;
    for _ in 0..1000 {
        turns.push(Waiter::new(place, &["/a"]).await);
    }
    drop(first);
    for turn in 0..turns.len() {
        place.settle().await;
        assert!(turns[turn].poll(), "turn {turn}");
        assert!(
            turns.get_mut(turn + 1).is_none_or(|next| !next.poll()),
            "before turn {turn} is over"
        );
        turns[turn].1 = None;
        // Finished: nothing may poll it again.
        turns[turn].0 = Box::pin(std::future::pending());
    }
}

pub(crate) async fn gives_up_in_time(place: &impl Place) {
    let guard = hold(place, &["/a/é"]).await;
    let start = Instant::now();
    let error = acquire(place, &["/a/é/x"], SHORT)
        .await
        .err()
        .expect("locked");
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains("/a/é/x"), "{error}");
    assert!(error.kind().is_retryable() && error.wait().is_some());
    assert!(start.elapsed() >= SHORT);
    assert!(acquire(place, &["/a"], Duration::ZERO).await.is_err());
    drop(guard);
    place.settle().await;
    acquire(place, &["/a"], Duration::MAX)
        .await
        .expect("those who gave up are not in the way");
    acquire(place, &["/b"], Duration::ZERO)
        .await
        .expect("free, so nobody has to wait");
}

pub(crate) async fn leaves_no_trace_of_who_stopped_waiting(place: &impl Place) {
    let held = hold(place, &["/a/1"]).await;
    let tree = Waiter::new(place, &["/a"]).await;
    let mut behind = Waiter::new(place, &["/a/2"]).await;
    assert!(!behind.poll());
    drop(tree);
    place.settle().await;
    behind.granted().await;
    // Granted, but dropped before it heard of it.
    let unaware = Waiter::new(place, &["/a"]).await;
    let next = Waiter::new(place, &["/a"]).await;
    drop(held);
    drop(unaware);
    next.granted().await;
}

pub(crate) async fn takes_several_paths_at_once(place: &impl Place) {
    let held = hold(place, &["/x/1"]).await;
    let mut both = Waiter::new(place, &["/y", "/x"]).await;
    let mut single = Waiter::new(place, &["/y/2"]).await;
    assert!(
        !both.poll() && !single.poll(),
        "who came first is first everywhere"
    );
    drop(held);
    let guard = both.granted().await;
    assert!(is_locked(place, "/x/3").await && is_locked(place, "/y/3").await && !single.poll());
    drop(guard);
    single.granted().await;
    drop(hold(place, &[]).await);
}

pub(crate) async fn takes_paths_that_overlap(place: &impl Place) {
    for texts in [
        ["/a", "/a", "/a/b"],
        ["/a/b/c", "/a!", "/a"],
        ["/", "/a", "/"],
        ["/a/b", "/a/b", "/a/c"],
    ] {
        let guard = hold(place, &texts).await;
        for text in texts {
            assert!(is_locked(place, text).await, "{text} of {texts:?}");
        }
        drop(guard);
        place.settle().await;
        assert!(!is_locked(place, "/").await);
    }
}

pub(crate) async fn does_not_deadlock(place: &impl Place) {
    let requests: [&[&str]; 6] = [
        &["/a", "/b"],
        &["/b", "/a"],
        &["/a/x", "/b/x"],
        &["/b/x", "/a/y"],
        &["/c", "/a/x"],
        &["/b", "/c/z"],
    ];
    let tasks = (0..36).map(|task: usize| {
        let locks = place.locks();
        let mine = paths(requests[task % requests.len()]);
        tokio::spawn(async move {
            for _ in 0..20 {
                let _guard = locks.acquire(&mine, LONG).await.expect("granted");
                tokio::task::yield_now().await;
            }
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task.expect("no panic");
    }
}

/// The definition, which is slow and plain: a request is granted when it excludes nobody who came
/// before and is there.
struct Model(Vec<(usize, Vec<FilePath>)>);

impl Model {
    fn is_granted(&self, id: usize) -> bool {
        let related = |a: &FilePath, b: &FilePath| a.is_within(b) || b.is_within(a);
        let Some(at) = self.0.iter().position(|(known, _)| *known == id) else {
            return false;
        };
        let mine = &self.0[at].1;
        self.0[..at]
            .iter()
            .all(|(_, theirs)| !mine.iter().any(|a| theirs.iter().any(|b| related(a, b))))
    }
}

pub(crate) async fn takes_the_same_turns_as_a_plain_queue(place: &impl Place) {
    let texts = [
        "/", "/a", "/a/b", "/a/b/c", "/a/b/d", "/a/e", "/ab", "/ab/c", "/f", "/f/g", "/f/g/h",
        "/f/i",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    // xorshift: the same turns in every run.
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut model = Model(Vec::new());
    let mut waiters = Vec::<(usize, Waiter)>::new();
    for id in 0..2000 {
        if waiters.len() > 12 || random(2) == 0 && !waiters.is_empty() {
            let (gone, waiter) = waiters.swap_remove(random(waiters.len()));
            model.0.retain(|(known, _)| *known != gone);
            drop(waiter);
        } else {
            let mine: Vec<&str> = (0..=random(3))
                .map(|_| texts[1 + random(texts.len() - 1)])
                .collect();
            model.0.push((id, paths(&mine)));
            waiters.push((id, Waiter::new(place, &mine).await));
        }
        place.settle().await;
        for (id, waiter) in &mut waiters {
            assert_eq!(
                waiter.poll(),
                model.is_granted(*id),
                "request {id} of {:?}",
                model.0
            );
        }
    }
}
