use futures_util::FutureExt;

use super::*;
use crate::suite::{Place, locks_suite};

struct Fixture(Arc<LocalLocks>);

impl Place for Fixture {
    type Locks = LocalLocks;

    async fn new() -> Option<Self> {
        Some(Self(Arc::new(LocalLocks::new())))
    }

    fn locks(&self) -> Arc<LocalLocks> {
        self.0.clone()
    }

    /// A request has its place as soon as it was polled.
    async fn settle(&self) {}

    async fn check_empty(&self) {
        assert!(lock(&self.0.queues).is_empty());
    }
}

locks_suite!(Fixture);

#[tokio::test]
async fn forgets_what_is_not_held_and_nothing_else() {
    let locks = LocalLocks::new();
    let path = |text: &str| FilePath::parse(text).expect("a good path");
    let deep = path(&"/x".repeat(2048));
    let held = locks
        .acquire(&[path("/x/y"), deep.clone()], Duration::ZERO)
        .await
        .expect("free");
    let mut waiting = locks.acquire(std::slice::from_ref(&deep), Duration::MAX);
    assert!((&mut waiting).now_or_never().is_none());
    drop(held);
    assert!(!lock(&locks.queues).is_empty());
    drop(waiting);
    assert!(lock(&locks.queues).is_empty());
}

#[test]
fn keeps_the_outermost() {
    let paths: Vec<_> = ["/a/b", "/a!", "/a", "/a/b/c", "/a0", "/b/c", "/b/c"]
        .iter()
        .map(|text| FilePath::parse(text).expect("a good path"))
        .collect();
    let kept: Vec<_> = outermost(&paths)
        .into_iter()
        .map(FilePath::as_str)
        .collect();
    assert_eq!(kept, ["/a", "/a!", "/a0", "/b/c"]);
    assert_eq!(
        outermost(&[paths[0].clone(), FilePath::root()]),
        [&FilePath::root()]
    );
}
