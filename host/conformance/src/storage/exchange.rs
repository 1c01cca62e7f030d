//! Paths that change places.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callfs_model::error::ErrorKind;
use tokio::task::JoinSet;

use super::super::finding::{CheckOutcome, Finding, refused, works};
use super::room::{Room, joined};

const READERS: usize = 32;
const EXCHANGES: usize = 50;

pub(super) async fn places(room: &Room) -> CheckOutcome {
    for directory in ["one", "one/sub", "two", "two/place", "two/place/deep"] {
        room.make(directory).await?;
    }
    // A component that compares prefixes of paths takes a neighbour along.
    for neighbour in ["one-a", "onea", "two/place0"] {
        room.make(neighbour).await?;
    }
    let ones = [
        ("file", room.put_new("one/file", 100).await?),
        ("sub/old", room.put_new("one/sub/old", 101).await?),
    ];
    let twos = [
        ("file", room.put_new("two/place/file", 200).await?),
        ("deep/new", room.put_new("two/place/deep/new", 201).await?),
    ];
    let beside = [
        ("one-a/file", room.put_new("one-a/file", 300).await?),
        ("onea/file", room.put_new("onea/file", 301).await?),
        (
            "two/place0/file",
            room.put_new("two/place0/file", 302).await?,
        ),
    ];
    for (at_one, at_two) in [(&twos, &ones), (&ones, &twos)] {
        works(
            "exchange of the directories \"one\" and \"two/place\"",
            room.exchange("one", "two/place").await,
        )?;
        for (name, content) in at_one {
            room.is(&format!("one/{name}"), *content).await?;
        }
        for (name, content) in at_two {
            room.is(&format!("two/place/{name}"), *content).await?;
        }
        room.nothing_at(&format!("one/{}", at_two[1].0)).await?;
        room.nothing_at(&format!("two/place/{}", at_one[1].0))
            .await?;
        for (name, content) in &beside {
            room.is(name, *content).await?;
        }
    }
    room.lists("one", 10, &["file", "sub"]).await?;
    room.lists("two/place", 10, &["deep", "file"]).await?;

    // Files, and a file with a directory.
    works(
        "exchange of two files",
        room.exchange("one/file", "onea/file").await,
    )?;
    room.is("one/file", beside[1].1).await?;
    room.is("onea/file", ones[0].1).await?;
    works(
        "exchange of a directory and a file",
        room.exchange("one/sub", "onea/file").await,
    )?;
    room.is("one/sub", ones[0].1).await?;
    room.is("onea/file/old", ones[1].1).await.map(drop)
}

pub(super) async fn one_step(room: &Room) -> CheckOutcome {
    for directory in ["one", "two", "two/place"] {
        room.make(directory).await?;
    }
    let contents = [
        room.put_new("one/file", 1000).await?,
        room.put_new("two/place/file", 2000).await?,
    ];
    let over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for reader in 0..READERS {
        let room = room.clone();
        let over = over.clone();
        let at = ["one/file", "two/place/file"][reader % 2];
        tasks.spawn(async move {
            loop {
                // One more look after the last exchange.
                let last = over.load(Ordering::SeqCst);
                room.is_one_of(at, &contents).await?;
                if last {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let mut exchanged = Ok(());
    for _ in 0..EXCHANGES {
        exchanged = works(
            "exchange(\"one\", \"two/place\") while both are read",
            room.exchange("one", "two/place").await,
        );
        if exchanged.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    over.store(true, Ordering::SeqCst);
    while let Some(task) = tasks.join_next().await {
        joined(task)?;
    }
    exchanged?;
    // An even number of exchanges.
    room.is("one/file", contents[0]).await.map(drop)
}

pub(super) async fn wrong_kind(room: &Room) -> CheckOutcome {
    let content = room.put_new("file", 100).await?;
    for (one, other) in [("missing", "file"), ("file", "missing")] {
        refused(
            format!("exchange({one:?}, {other:?}), of which one is not there"),
            &[ErrorKind::NotFound],
            room.exchange(one, other).await,
        )?;
        room.nothing_at("missing").await?;
        room.is("file", content).await?;
    }
    room.make("d").await?;
    room.make("d/e").await?;
    let inside = room.put_new("d/e/file", 200).await?;
    for (one, other) in [("d", "d/e"), ("d/e", "d"), ("d", "d/e/file")] {
        if room.exchange(one, other).await.is_ok() {
            let operation = format!("exchange({one:?}, {other:?})");
            return Err(Finding::new(operation, "it is refused", "it worked"));
        }
        room.is("d/e/file", inside).await?;
    }
    Ok(())
}
