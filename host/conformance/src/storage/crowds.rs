//! Many at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use callfs_model::storage::Condition;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, same, works};
use super::room::{Room, joined, may_be_lost};

const WRITERS: u64 = 16;
const READERS: usize = 32;
/// How often a file is replaced while it is read.
const VERSIONS: u64 = 20;

pub(super) async fn writers(room: &Room) -> CheckOutcome {
    for round in 0..3 {
        let name = format!("object-{round}");
        let mut tasks = JoinSet::new();
        // All of them of another size, so that a mixture of two is neither.
        let contents: Vec<SampleContent> = (0..WRITERS)
            .map(|writer| SampleContent::new(300_000 + 10_000 * writer))
            .collect();
        for content in contents.clone() {
            let room = room.clone();
            let name = name.clone();
            tasks.spawn(async move {
                let written = room.write(&name, content.source(), Condition::Always).await;
                may_be_lost("one write of many", written, &[]).map(|written| written.is_some())
            });
        }
        let mut stored = 0;
        while let Some(task) = tasks.join_next().await {
            stored += usize::from(joined(task)?);
        }
        if stored == 0 {
            return Err(Finding::new(
                format!("{WRITERS} writes of one path at once"),
                "one of them works",
                "none did",
            ));
        }
        let winner = room.is_one_of(&name, &contents).await?;
        room.is(&name, winner).await?;
    }
    Ok(())
}

/// What was learnt about etags: of which version each is.
type SeenEtags = Arc<Mutex<HashMap<String, u64>>>;

pub(super) async fn readers(room: &Room) -> CheckOutcome {
    let contents: Arc<Vec<SampleContent>> = Arc::new(
        (0..VERSIONS)
            .map(|v| SampleContent::new(400_000 + 1000 * v))
            .collect(),
    );
    let etags = SeenEtags::default();
    let over = Arc::new(AtomicBool::new(false));
    room.put("object", contents[0]).await?;
    let (read, reads) = watch::channel(());
    let mut tasks = JoinSet::new();
    for _ in 0..READERS {
        let room = room.clone();
        let contents = contents.clone();
        let etags = etags.clone();
        let over = over.clone();
        let read = read.clone();
        tasks.spawn(async move {
            loop {
                // One more look after the last replacement.
                let last = over.load(Ordering::SeqCst);
                read_whole(&room, &contents, &etags).await?;
                read.send_replace(());
                if last {
                    return Ok(());
                }
            }
        });
    }
    drop(read);
    let mut replaced = Ok(());
    for content in &contents[1..] {
        // The body goes on as the readers do, so that they look at every stage of every write.
        let written = room
            .write("object", content.paced(reads.clone()), Condition::Always)
            .await;
        replaced = works("write(\"object\") while it is read", written).map(drop);
        if replaced.is_err() {
            break;
        }
    }
    over.store(true, Ordering::SeqCst);
    while let Some(task) = tasks.join_next().await {
        joined(task)?;
    }
    replaced?;
    room.is("object", contents[contents.len() - 1])
        .await
        .map(drop)
}

/// One whole version, whose size and etag belong to it.
async fn read_whole(room: &Room, contents: &[SampleContent], etags: &SeenEtags) -> CheckOutcome {
    let operation = "read(\"object\") while it is replaced";
    let (opened, source) = works(operation, room.read("object", None).await)?;
    let Some(content) = contents.iter().find(|content| content.size == opened.size) else {
        return Err(Finding::new(
            operation,
            "the size of one version",
            opened.size,
        ));
    };
    let verified = content.verify(source, 0..content.size).await;
    verified.map_err(|differs| {
        Finding::new(
            operation,
            format!("all bytes of the version of {} bytes", content.size),
            differs,
        )
    })?;
    if let Some(etag) = opened.etag {
        let mut etags = etags.lock().unwrap_or_else(PoisonError::into_inner);
        let known = *etags.entry(etag).or_insert(content.size);
        same(
            operation,
            "the size of the version that had this etag before",
            known,
            content.size,
        )?;
    }
    Ok(())
}

pub(super) async fn paths(room: &Room) -> CheckOutcome {
    let mut tasks = JoinSet::new();
    for task in 0..READERS as u64 {
        let room = room.clone();
        tasks.spawn(async move {
            let name = format!("own-{task}");
            for turn in 0..5 {
                let content = room.put_new(&name, 1000 * turn + task).await?;
                room.is(&name, content).await?;
                if turn % 2 == 1 {
                    works(
                        format!("remove({name:?})"),
                        room.remove(&name, Condition::Always).await,
                    )?;
                    room.nothing_at(&name).await?;
                }
            }
            Ok(name)
        });
    }
    let mut names = Vec::new();
    while let Some(task) = tasks.join_next().await {
        names.push(joined(task)?);
    }
    room.lists("", 10, &names).await.map(drop)
}
