//! Transfers that do not come to their end: uploads that fail or are given up, downloads that
//! nobody reads on.

use std::pin::pin;

use callfs_model::error::ErrorKind;
use callfs_model::storage::Condition;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, works};
use super::room::Room;

/// Larger than what is gathered before the first byte is written anywhere.
const SIZE: u64 = 3 << 20;

/// What was there before is there, and what was not is not; nor is anything else.
async fn untouched(room: &Room, old: SampleContent) -> CheckOutcome {
    room.is("old", old).await?;
    room.nothing_at("new").await?;
    room.lists("", 10, &["old"]).await.map(drop)
}

pub(super) async fn upload(room: &Room) -> CheckOutcome {
    let old = room.put_new("old", 100_000).await?;
    for after in [0, 1, 64 << 10, SIZE / 2, SIZE - 1, SIZE] {
        for announced in [true, false] {
            for name in ["old", "new"] {
                let body = SampleContent::new(SIZE).cut(after, announced);
                let length = if announced { "announced" } else { "unknown" };
                let operation = format!(
                    "write({name:?}, {SIZE} bytes, length {length}, failing after {after})"
                );
                if room.write(name, body, Condition::Always).await.is_ok() {
                    return Err(Finding::new(operation, "it fails", "it worked"));
                }
            }
            untouched(room, old).await?;
        }
    }
    for bytes in [0, SIZE - 1] {
        for name in ["old", "new"] {
            let operation = format!("write({name:?}, {bytes} bytes of {SIZE} that were announced)");
            if room
                .write(
                    name,
                    SampleContent::new(SIZE).short(bytes),
                    Condition::Always,
                )
                .await
                .is_ok()
            {
                return Err(Finding::new(operation, "it fails", "it worked"));
            }
        }
        untouched(room, old).await?;
    }
    Ok(())
}

pub(super) async fn abandoned(room: &Room) -> CheckOutcome {
    let old = room.put_new("old", 100_000).await?;
    for after in [0, 1, SIZE / 2, SIZE - 1] {
        for name in ["old", "new"] {
            let (body, waited_for) = SampleContent::new(SIZE).stalled(after);
            give_up(room, name, body, waited_for).await?;
        }
        untouched(room, old).await?;
    }
    let after = room.put_new("old", 1000).await?;
    untouched(room, after).await
}

/// Drops a write whose body stopped, as soon as somebody waits for more of it.
async fn give_up(
    room: &Room,
    name: &str,
    body: callfs_model::source::Source,
    waited_for: oneshot::Receiver<()>,
) -> CheckOutcome {
    tokio::select! {
        written = room.write(name, body, Condition::Always) => {
            let worked = |_| "it worked".to_owned();
            let seen = written.map_or_else(|error| super::super::finding::told(&error), worked);
            let call = format!("write({name:?}) of a body that stops in the middle");
            Err(Finding::new(call, "it waits for the rest", seen))
        }
        _ = waited_for => Ok(()),
    }
}

/// How many times a write is polled before it is given up.
const POLLS: usize = 24;

pub(super) async fn abandoned_anywhere(room: &Room) -> CheckOutcome {
    for polls in 0..POLLS {
        let name = format!("after-{polls}");
        let old = room.put_new(&name, 70_000).await?;
        let new = SampleContent::new(200_000);
        let finished = {
            let mut write = pin!(room.write(&name, new.source(), Condition::Always));
            let mut finished = None;
            for _ in 0..polls {
                finished = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(write.as_mut().poll_unpin(cx))
                })
                .await
                .into();
                if matches!(finished, Some(std::task::Poll::Ready(_))) {
                    break;
                }
                // Lets whatever it waits for go on a little, so that it is given up at another
                // place each time.
                tokio::task::yield_now().await;
            }
            matches!(finished, Some(std::task::Poll::Ready(Ok(_))))
        };
        if finished {
            room.is(&name, new).await.map(drop)?
        } else {
            room.is_one_of(&name, &[old, new]).await.map(drop)?
        }
    }
    // Whatever was given up last is over: the next write of the same path is the one that counts.
    let last = room.put_new("last", 1000).await?;
    room.is("last", last).await.map(drop)
}

pub(super) async fn download(room: &Room) -> CheckOutcome {
    let content = room.put_new("large", 8 << 20).await?;
    for _ in 0..100 {
        let (_, mut source) = works("read(\"large\")", room.read("large", None).await)?;
        let piece = works("the first piece of \"large\"", source.next().await)?;
        if piece.is_none_or(|piece| piece.is_empty()) {
            return Err(Finding::new(
                "the first piece of \"large\"",
                "some bytes",
                "none",
            ));
        }
    }
    room.put_new("other", 1000).await?;
    works(
        "remove(\"other\")",
        room.remove("other", Condition::Always).await,
    )?;
    let gone = room.stat("other").await.err().map(|error| error.kind());
    super::super::finding::same(
        "stat(\"other\")",
        "what it says",
        Some(ErrorKind::NotFound),
        gone,
    )?;
    room.is("large", content).await.map(drop)
}
