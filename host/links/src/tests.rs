use std::sync::atomic::{AtomicI64, Ordering};

use callfs_metadata::SqliteStore;
use callfs_model::metadata::Metadata;
use callfs_model::source::Source;
use futures_util::{FutureExt, StreamExt};

use super::*;

/// Links in a metadata store of their own, at a time that only moves when it is told to.
struct World {
    links: Arc<Links>,
    store: Arc<SqliteStore>,
    clock: Arc<Manual>,
    _folder: tempfile::TempDir,
}

struct Manual(AtomicI64);

impl Clock for Manual {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

const GRACE: u64 = 600;
const SIZE: usize = 10;

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("metadata.db").display());
        let store = Arc::new(SqliteStore::open(&url).await.expect("opened"));
        let secret = Secret::of(&"secret".repeat(10)).expect("long enough");
        let seconds = Duration::from_secs;
        let settings = LinkSettings {
            grace: seconds(GRACE),
            expiry: seconds(3600),
            max_expiry: seconds(7200),
        };
        let clock = Arc::new(Manual(AtomicI64::new(1_700_000_000_000)));
        let links = Links::new(store.clone(), &secret, settings, clock.clone());
        Self {
            links,
            store,
            clock,
            _folder: folder,
        }
    }

    async fn issue(&self, max_uses: u32) -> (Link, Token) {
        self.issue_for(max_uses, self.links.settings().expiry).await
    }

    async fn issue_for(&self, max_uses: u32, expiry: Duration) -> (Link, Token) {
        self.offer(max_uses, expiry, LinkOptions::default()).await
    }

    async fn offer(&self, max_uses: u32, expiry: Duration, options: LinkOptions) -> (Link, Token) {
        let path = FilePath::parse("/a").expect("a good path");
        let terms = Terms {
            path,
            maker: Identity {
                subject: "alice".into(),
                groups: vec!["staff".into()],
                admin: false,
                attributes: vec![],
            },
            filename: None,
            expiry,
            max_uses,
            options,
        };
        self.links.issue(terms).await.expect("issued")
    }

    fn passes(&self, seconds: u64) {
        self.clock
            .0
            .fetch_add(seconds as i64 * 1000, Ordering::SeqCst);
    }

    async fn take(
        &self,
        link: &Link,
        tag: &str,
        parts: &[std::ops::Range<u64>],
    ) -> Result<Arc<Redemption>> {
        self.links
            .take(
                link,
                FileVersion {
                    tag: tag.into(),
                    size: SIZE as u64,
                },
                parts,
            )
            .await
    }

    /// How many uses are spent, and what was handed over under those that are left or taken.
    async fn uses(&self, link: &Link) -> (u32, Vec<Vec<std::ops::Range<u64>>>) {
        let found = self.links.get(&link.id, None).await.expect("there");
        (
            found.spent,
            found.uses.into_iter().map(|one| one.handed).collect(),
        )
    }

    /// Lets go of a download and waits until that is recorded.
    async fn end(&self, redemption: Arc<Redemption>) {
        drop(redemption);
        // A tracker that is closed is waited for, and takes more.
        self.links.close().await;
    }

    async fn download(&self, link: &Link) -> Result<()> {
        let redemption = self.take(link, "v1", &[]).await?;
        hand_over(&redemption, 0..SIZE as u64).await?;
        self.end(redemption).await;
        Ok(())
    }
}

/// One part of a file.
fn part(start: u64, end: u64) -> Vec<std::ops::Range<u64>> {
    std::iter::once(start..end).collect()
}

/// Reads a part to its end, in pieces of one byte.
async fn hand_over(redemption: &Arc<Redemption>, part: std::ops::Range<u64>) -> Result<()> {
    let bytes = part
        .clone()
        .map(|n| Ok(vec![n as u8].into()))
        .collect::<Vec<_>>();
    let source = Source::from_stream(
        futures_util::stream::iter(bytes).boxed(),
        Some(part.end - part.start),
    );
    let mut carried = redemption.carry(source, part.start);
    assert_eq!(carried.size(), Some(part.end - part.start));
    while carried.next().await?.is_some() {}
    Ok(())
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("it should fail").kind()
}

#[tokio::test]
async fn a_token_leads_to_its_link_until_it_is_over() {
    let world = World::new().await;
    let (link, token) = world.issue(1).await;
    assert_eq!(
        world.links.redeemable(token.reveal()).await.expect("valid"),
        link
    );
    assert_eq!(
        kind(world.links.redeemable(&"A".repeat(64)).await),
        ErrorKind::NotFound
    );
    assert_eq!(kind(world.links.redeemable("").await), ErrorKind::NotFound);
    world.passes(3600);
    assert_eq!(
        kind(world.links.redeemable(token.reveal()).await),
        ErrorKind::Gone
    );
    assert_eq!(kind(world.take(&link, "v1", &[]).await), ErrorKind::Gone);

    let (link, token) = world.issue(1).await;
    world.links.revoke(&link.id).await.expect("revoked");
    assert_eq!(
        kind(world.links.redeemable(token.reveal()).await),
        ErrorKind::Gone
    );
    assert_eq!(kind(world.take(&link, "v1", &[]).await), ErrorKind::Gone);
}

#[tokio::test]
async fn what_is_recorded_is_no_token() {
    let world = World::new().await;
    let (link, token) = world.issue(1).await;
    assert_eq!(link.token_sha256, digest(token.reveal()));
    assert!(!format!("{link:?}{token:?}").contains(token.reveal()));
    assert_eq!(
        kind(world.links.get(&link.id, Some("bob")).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        world
            .links
            .get(&link.id, Some("alice"))
            .await
            .expect("hers"),
        link
    );
}

#[tokio::test]
async fn a_use_is_spent_with_the_last_byte_and_not_before() {
    let world = World::new().await;
    let (link, token) = world.issue(1).await;
    let redemption = world.take(&link, "v1", &[]).await.expect("free");
    hand_over(&redemption, 0..9).await.expect("handed over");
    assert_eq!(world.uses(&link).await.0, 0);
    world
        .links
        .redeemable(token.reveal())
        .await
        .expect("not spent yet");
    hand_over(&redemption, 9..10).await.expect("handed over");
    assert_eq!(world.uses(&link).await, (1, vec![]));
    world.end(redemption).await;
    assert_eq!(world.uses(&link).await, (1, vec![]));
    assert_eq!(
        kind(world.links.redeemable(token.reveal()).await),
        ErrorKind::Gone
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_downloads_hold_one_use() {
    const USES: u32 = 3;
    let world = World::new().await;
    let (link, _) = world.issue(USES).await;
    let version = || FileVersion {
        tag: "v1".into(),
        size: SIZE as u64,
    };
    let takes = (0..20).map(|_| {
        let links = world.links.clone();
        let link = link.clone();
        let version = version();
        tokio::spawn(async move { links.take(&link, version, &[]).await })
    });
    let mut taken = Vec::new();
    for take in takes.collect::<Vec<_>>() {
        match take.await.expect("no panic") {
            Ok(redemption) => taken.push(redemption),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Locked);
                let wait = error.wait().expect("when to try again");
                assert!(wait > Duration::ZERO && wait <= LEASE, "{wait:?}");
            }
        }
    }
    assert_eq!(taken.len(), USES as usize);
}

#[tokio::test]
async fn what_broke_off_is_resumed() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let redemption = world.take(&link, "v1", &[]).await.expect("free");
    hand_over(&redemption, 0..4).await.expect("handed over");
    assert_eq!(
        kind(world.take(&link, "v1", &part(4, 10)).await),
        ErrorKind::Locked
    );
    world.end(redemption).await;
    assert_eq!(world.uses(&link).await, (0, vec![part(0, 4)]));
    world.passes(GRACE - 1);
    let redemption = world.take(&link, "v1", &part(4, 10)).await.expect("left");
    hand_over(&redemption, 4..10).await.expect("handed over");
    world.end(redemption).await;
    assert_eq!(world.uses(&link).await, (1, vec![]));
}

#[tokio::test]
async fn one_use_hands_over_every_byte_once_and_few_again() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let most = part(0, 9);
    let mut handed = 0;
    for _ in 0..20 {
        if let Ok(redemption) = world.take(&link, "v1", &most).await {
            hand_over(&redemption, 0..9).await.expect("handed over");
            handed += 9;
            world.end(redemption).await;
        }
    }
    assert_eq!(handed, 18, "once, and once again");
    for parts in [part(0, 10), part(7, 10), vec![]] {
        let refused = world.take(&link, "v1", &parts).await;
        assert_eq!(kind(refused), ErrorKind::Locked, "{parts:?}");
    }
    // The byte that is missing is still to be had, and then it is over.
    let rest = world.take(&link, "v1", &part(9, 10)).await.expect("left");
    hand_over(&rest, 9..10).await.expect("handed over");
    world.end(rest).await;
    assert_eq!(kind(world.take(&link, "v1", &most).await), ErrorKind::Gone);
    // With a free use, asking for too much again begins that one.
    let (link, _) = world.issue(2).await;
    let mut uses = 0;
    while let Ok(redemption) = world.take(&link, "v1", &most).await {
        hand_over(&redemption, 0..9).await.expect("handed over");
        world.end(redemption).await;
        uses += 1;
    }
    assert_eq!(uses, 4, "twice under each of two uses");
}

#[tokio::test]
async fn after_the_grace_time_a_use_is_free_and_nothing_was_handed_over() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let redemption = world.take(&link, "v1", &[]).await.expect("free");
    hand_over(&redemption, 0..4).await.expect("handed over");
    world.end(redemption).await;
    world.passes(GRACE);
    let redemption = world
        .take(&link, "v1", &part(4, 10))
        .await
        .expect("free again");
    hand_over(&redemption, 4..10).await.expect("handed over");
    world.end(redemption).await;
    // What was handed over before is not forgotten.
    let handed = vec![part(0, 4), part(4, 10)];
    assert_eq!(world.uses(&link).await, (0, handed));
    world.download(&link).await.expect("the whole");
    assert_eq!(world.uses(&link).await, (1, vec![part(0, 4)]));
}

#[tokio::test]
async fn who_waits_gets_no_file_again_and_again() {
    // Of ten bytes: how many are handed over each time, and how often that can be had.
    for (bytes, times) in [(9, 2), (5, 2), (4, 3), (2, 5), (1, 8)] {
        let world = World::new().await;
        let longest = world.links.settings().max_expiry;
        let (link, _) = world.issue_for(1, longest).await;
        let mut had = 0;
        let refused = loop {
            match world.take(&link, "v1", &part(0, bytes)).await {
                Ok(redemption) => {
                    hand_over(&redemption, 0..bytes).await.expect("handed over");
                    world.end(redemption).await;
                    had += 1;
                }
                Err(error) => break error,
            }
            world.passes(GRACE);
        };
        assert_eq!((refused.kind(), had), (ErrorKind::Gone, times), "{bytes}");
    }
}

#[tokio::test]
async fn another_version_starts_anew() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let redemption = world.take(&link, "v1", &[]).await.expect("free");
    hand_over(&redemption, 0..4).await.expect("handed over");
    world.end(redemption).await;
    let redemption = world.take(&link, "v2", &part(4, 10)).await.expect("left");
    hand_over(&redemption, 4..10).await.expect("handed over");
    world.end(redemption).await;
    let handed = vec![part(0, 4), part(4, 10)];
    assert_eq!(world.uses(&link).await, (0, handed));
}

#[tokio::test]
async fn who_changes_the_file_gets_no_file_again_and_again() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let mut had = 0;
    for version in 0..20 {
        let version = format!("v{version}");
        match world.take(&link, &version, &part(0, 9)).await {
            Ok(redemption) => {
                hand_over(&redemption, 0..9).await.expect("handed over");
                world.end(redemption).await;
                had += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Gone),
        }
    }
    assert_eq!(had, 3, "of one file of ten bytes");
}

#[tokio::test]
async fn nothing_handed_over_is_nothing_left() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let redemption = world.take(&link, "v1", &[]).await.expect("free");
    world.end(redemption).await;
    assert_eq!(world.uses(&link).await, (0, vec![]));
}

#[tokio::test]
async fn a_part_goes_on_with_what_was_left_and_a_whole_begins() {
    let world = World::new().await;
    let (link, _) = world.issue(2).await;
    let first = world.take(&link, "v1", &[]).await.expect("free");
    hand_over(&first, 0..4).await.expect("handed over");
    world.end(first).await;
    world.download(&link).await.expect("the other use");
    assert_eq!(world.uses(&link).await, (1, vec![part(0, 4)]));
    let rest = world.take(&link, "v1", &part(4, 10)).await.expect("left");
    hand_over(&rest, 4..10).await.expect("handed over");
    world.end(rest).await;
    assert_eq!(world.uses(&link).await, (2, vec![]));
    assert_eq!(kind(world.download(&link).await), ErrorKind::Gone);
}

#[tokio::test]
async fn whoever_lost_the_use_never_gets_the_last_byte() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let slow = world.take(&link, "v1", &[]).await.expect("free");
    hand_over(&slow, 0..9).await.expect("handed over");
    // As if this process had stood still.
    world.passes(LEASE.as_secs());
    world.download(&link).await.expect("free again");
    assert_eq!(kind(hand_over(&slow, 9..10).await), ErrorKind::Interrupted);
    world.end(slow).await;
    assert_eq!(world.uses(&link).await, (1, vec![]));

    let (link, _) = world.issue(1).await;
    let cut = world.take(&link, "v1", &[]).await.expect("free");
    world.links.revoke(&link.id).await.expect("revoked");
    assert_eq!(kind(hand_over(&cut, 0..10).await), ErrorKind::Gone);
}

#[tokio::test]
async fn a_download_that_runs_keeps_its_use() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let running = world.take(&link, "v1", &[]).await.expect("free");
    for _ in 0..5 {
        world.passes(LEASE.as_secs() - 1);
        running.renew().await.expect("put off");
    }
    assert_eq!(kind(world.download(&link).await), ErrorKind::Locked);
    hand_over(&running, 0..10).await.expect("handed over");
    world.end(running).await;
    assert_eq!(world.uses(&link).await, (1, vec![]));
}

#[tokio::test]
async fn the_use_of_a_process_that_died_is_free_after_its_time() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    std::mem::forget(world.take(&link, "v1", &[]).await.expect("free"));
    world.passes(LEASE.as_secs() - 1);
    assert_eq!(kind(world.download(&link).await), ErrorKind::Locked);
    world.passes(1);
    world.download(&link).await.expect("free again");
}

#[tokio::test]
async fn what_was_spent_and_did_not_leave_is_given_back() {
    let world = World::new().await;
    let (link, token) = world.issue(1).await;
    let redemption = world.take(&link, "v1", &[]).await.expect("free");
    hand_over(&redemption, 0..9).await.expect("handed over");
    let mut last = redemption.carry(Source::from_bytes("x"), 9);
    assert!(
        last.next().now_or_never().is_none(),
        "the metadata store is asked first"
    );
    drop(last);
    world.end(redemption).await;
    assert_eq!(world.uses(&link).await, (0, vec![part(0, 9)]));
    world
        .links
        .redeemable(token.reveal())
        .await
        .expect("not spent");
    let rest = world.take(&link, "v1", &part(9, 10)).await.expect("left");
    hand_over(&rest, 9..10).await.expect("handed over");
    assert_eq!(world.uses(&link).await, (1, vec![]));
}

#[tokio::test]
async fn a_file_without_bytes_is_downloaded_once_too() {
    let world = World::new().await;
    let (link, _) = world.issue(1).await;
    let empty = || FileVersion {
        tag: "v1".into(),
        size: 0,
    };
    let redemption = world.links.take(&link, empty(), &[]).await.expect("free");
    hand_over(&redemption, 0..0)
        .await
        .expect("nothing to hand over");
    world.end(redemption).await;
    assert_eq!(world.uses(&link).await, (1, vec![]));
    assert_eq!(
        kind(world.links.take(&link, empty(), &[]).await),
        ErrorKind::Gone
    );
}

#[tokio::test]
async fn links_that_are_over_are_swept_unless_a_download_runs() {
    let world = World::new().await;
    let (over, token) = world.issue(1).await;
    let (busy, _) = world.issue(1).await;
    world.passes(3590);
    let running = world.take(&busy, "v1", &[]).await.expect("free");
    world.passes(11);
    world.links.sweep().await.expect("swept");
    assert_eq!(
        kind(world.links.get(&over.id, None).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(world.links.redeemable(token.reveal()).await),
        ErrorKind::Gone
    );
    hand_over(&running, 0..10).await.expect("it began in time");
    world.end(running).await;
    world.links.sweep().await.expect("swept");
    assert_eq!(
        kind(world.links.get(&busy.id, None).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn the_sweep_ends_with_the_service() {
    let world = World::new().await;
    let shutdown = Shutdown::new();
    let sweeping = tokio::spawn(world.links.clone().sweep_until(shutdown.clone()));
    shutdown.begin();
    sweeping.await.expect("no panic");
    world.links.close().await;
    world.store.close().await;
}

/// Used until it expires.
const UNLIMITED: LinkOptions = LinkOptions {
    inline: false,
    unlimited: true,
    directory: false,
};

#[tokio::test]
async fn a_link_without_limit_is_followed_until_it_expires_and_never_changed() {
    let world = World::new().await;
    let (link, token) = world.offer(1, Duration::from_secs(3600), UNLIMITED).await;
    for _ in 0..3 {
        let found = world.links.redeemable(token.reveal()).await.expect("good");
        assert_eq!(found.options, UNLIMITED);
        let followed = world.links.follow(&found);
        let mut source = followed.carry(Source::from_bytes("hello"), 0);
        let piece = source.next().await.expect("bytes");
        assert_eq!(piece.as_deref(), Some(&b"hello"[..]));
        drop(source);
        world.end(followed).await;
    }
    let found = world.links.get(&link.id, None).await.expect("there");
    assert_eq!((found.revision, found.spent, found.uses), (0, 0, vec![]));
    // What has begun goes on when the link has expired and was swept.
    let followed = world.links.follow(&link);
    world.passes(3600);
    let over = world.links.redeemable(token.reveal()).await;
    assert_eq!(over.expect_err("expired").kind(), ErrorKind::Gone);
    world.passes(1);
    world.links.sweep().await.expect("swept");
    followed.renew().await.expect("not revoked");
}

#[tokio::test]
async fn a_download_of_a_link_without_limit_ends_when_it_is_revoked() {
    let world = World::new().await;
    let (link, _) = world.offer(1, Duration::from_secs(3600), UNLIMITED).await;
    let followed = world.links.follow(&link);
    followed.renew().await.expect("good");
    world.links.revoke(&link.id).await.expect("revoked");
    let lost = followed.renew().await.expect_err("revoked");
    assert_eq!(lost.kind(), ErrorKind::Gone);
}

#[tokio::test]
async fn below_a_link_of_a_file_there_is_nothing() {
    let world = World::new().await;
    let hour = Duration::from_secs(3600);
    let directory = LinkOptions {
        directory: true,
        ..UNLIMITED
    };
    for (options, found) in [
        (LinkOptions::default(), false),
        (UNLIMITED, false),
        (directory, true),
    ] {
        let (_, token) = world.offer(1, hour, options).await;
        world.links.redeemable(token.reveal()).await.expect("good");
        let below = world.links.redeemable_directory(token.reveal()).await;
        match below {
            Ok(_) => assert!(found, "{options:?}"),
            Err(error) => assert!(!found && error.kind() == ErrorKind::NotFound, "{error}"),
        }
    }
}
