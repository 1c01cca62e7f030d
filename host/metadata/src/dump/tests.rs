use callfs_model::metadata::{
    Change, Content, Intent, Link, LinkOptions, MakerRights, NextObject, Record, Use,
};

use super::*;
use crate::SqliteStore;
use crate::suite::{Folder, mounted, object, path, record};

fn link(number: u8) -> Link {
    let taken = Use {
        holder: u128::MAX - 1,
        taken: true,
        until: 9,
        version: "v\"1".into(),
        handed: vec![0..5, 7..u64::MAX],
    };
    Link {
        id: [number; 16],
        token_sha256: [number; 32],
        path: path("/ä/日 \"1\".txt"),
        maker: "alice".into(),
        rights: MakerRights {
            groups: vec!["staff".into()],
            admin: number == 1,
            attributes: vec![("a".into(), "b".into())],
        },
        options: LinkOptions {
            directory: number == 1,
            unlimited: number == 1,
            inline: false,
        },
        filename: (number == 1).then(|| "größe.txt".into()),
        created: 1_000,
        expires: i64::MAX,
        max_uses: 3,
        spent: 1,
        uses: vec![taken],
        revision: 0,
    }
}

async fn filled(folder: &Folder) -> SqliteStore {
    let store = folder.sqlite().await;
    let content = Content {
        etag: Some("\\\"e".into()),
        content_type: Some("text/plain; charset=\"utf-8\"".into()),
        sha256: Some([0xab; 32]),
        modified: Some(-1),
        changed: Some(1),
    };
    let mut changes: Vec<Change> = (0..300)
        .map(|n| Change::Put(record(&format!("/many/{n:03}"), "bob")))
        .collect();
    for name in [
        "/",
        "/a",
        "/a!",
        "/a/b",
        "/ä/日 \"1\".txt",
        "/back\\slash",
        "/emoji 🎉",
        "/%2F",
    ] {
        changes.push(Change::Put(Record {
            content: Some(content.clone()),
            object: Some(object("12:34")),
            next: Some(Box::new(NextObject {
                object: object("12:35"),
                content: content.clone(),
            })),
            ..record(name, "größe \"q\"")
        }));
    }
    changes.push(Change::Put(Record {
        content: Some(Content::default()),
        mode: 0o7777,
        ..record("/unknown", "x")
    }));
    let rename = Intent::Rename {
        from: path("/a"),
        to: path("/z"),
    };
    changes.push(Change::Begin([9; 16], rename));
    changes.push(Change::Begin(
        [1; 16],
        Intent::Tombstone {
            path: path("/d"),
            inside: true,
            storage: Some([4; 16]),
            newest: Some(1),
        },
    ));
    changes.push(Change::Begin([6; 16], mounted(4)));
    let exchange = Intent::Exchange {
        one: path("/x"),
        other: path("/y"),
        objects: [object("1:2"), object("3:4")],
    };
    changes.push(Change::Begin([7; 16], exchange));
    changes.push(Change::Begin(
        [5; 16],
        Intent::Reconcile { path: path("/r") },
    ));
    store.apply(changes).await.expect("recorded");
    for number in [2, 1] {
        store.create(link(number)).await.expect("created");
    }
    store
}

async fn dumped(store: &SqliteStore) -> Vec<u8> {
    let mut dump = Vec::new();
    export(store, store, &mut dump, 1, &mut |_| {})
        .await
        .expect("exported");
    dump
}

async fn put_in(store: &SqliteStore, dump: &[u8], replace: bool) -> Result<Imported> {
    import(store, store, &mut &*dump, replace, &mut |_| {}).await
}

/// The line of a dump that orders something to be removed.
fn tombstone_line(dump: &[u8]) -> &[u8] {
    let mut lines = dump.split_inclusive(|byte| *byte == b'\n');
    lines
        .find(|line| line.windows(9).any(|part| part == b"\"discard\""))
        .expect("there is one")
}

fn refusal(dump: &[u8]) -> String {
    verify(&mut &*dump)
        .expect_err("refused")
        .message()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_store_holds_the_same_afterwards() {
    let here = Folder::new();
    let there = Folder::new();
    let store = filled(&here).await;
    let dump = dumped(&store).await;
    assert_eq!(
        verify(&mut &*dump).expect("whole"),
        Counts {
            records: 309,
            intents: 4,
            links: 2
        }
    );
    let text = String::from_utf8(dump.clone()).expect("text");
    assert!(
        text.starts_with("{\"callfs_metadata\":1,\"exported\":1}\n"),
        "{text}"
    );
    assert!(
        text.contains(&"ab".repeat(32))
            && text.ends_with("{\"end\":{\"records\":309,\"intents\":4,\"links\":2}}\n")
    );

    let other = there.sqlite().await;
    let only_mounts = vec![Change::Begin([15; 16], mounted(5))];
    other.apply(only_mounts).await.expect("begun");
    let imported = put_in(&other, &dump, false).await.expect("imported");
    let counts = Counts {
        records: 309,
        intents: 3,
        links: 2,
    };
    let spared = vec![path("/d")];
    assert_eq!(imported, Imported { counts, spared });
    let all = async |store: &SqliteStore| {
        let mut records = store.records(&path("/"), None, 1000).await.expect("read");
        for record in &mut records {
            record.revision = 0;
            record.object = None;
            record.next = None;
            if let Some(content) = &mut record.content {
                content.changed = None;
            }
        }
        let mut intents = store.intents().await.expect("read");
        intents.retain(|(_, intent)| {
            !matches!(intent, Intent::Tombstone { .. } | Intent::Mounted { .. })
        });
        (
            records,
            intents,
            store.list(None, None, 1000).await.expect("read"),
        )
    };
    assert_eq!(all(&other).await, all(&store).await);
    let found = other.get(&path("/a")).await.expect("read").expect("there");
    let content = found.content.as_ref().expect("of a file");
    assert_eq!(
        (&found.object, &found.next, content.changed),
        (&None, &None, None),
        "it is of whatever is at its path"
    );
    assert_eq!(other.by_token(&[1; 32]).await.expect("read"), Some(link(1)));
    let mut other = other.intents().await.expect("read");
    other.retain(|(_, intent)| matches!(intent, Intent::Tombstone { .. } | Intent::Mounted { .. }));
    assert_eq!(
        other,
        [([15; 16], mounted(5))],
        "neither an order to remove nor a mount of elsewhere"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_empty_store_is_filled_unless_it_is_to_be_replaced() {
    let here = Folder::new();
    let there = Folder::new();
    let dump = dumped(&filled(&here).await).await;
    let other = there.sqlite().await;
    other
        .apply(vec![Change::Begin([15; 16], mounted(5))])
        .await
        .expect("begun");
    for change in [
        Change::Put(record("/only", "eve")),
        Change::Begin([7; 16], Intent::Reconcile { path: path("/") }),
    ] {
        other.apply(vec![change]).await.expect("recorded");
        let error = put_in(&other, &dump, false).await.expect_err("not empty");
        assert!(error.message().contains("--replace"), "{error}");
        other
            .apply(vec![Change::Remove(path("/only"))])
            .await
            .expect("forgotten");
    }
    other
        .create(Link {
            id: [8; 16],
            token_sha256: [8; 32],
            ..link(8)
        })
        .await
        .expect("created");
    let replaced = put_in(&other, &dump, true).await.expect("replaced");
    let again = dumped(&other).await;
    assert_eq!(verify(&mut &*again).expect("whole"), replaced.counts);
    assert_eq!(again.len(), dump.len() - tombstone_line(&dump).len());
    let mut intents = other.intents().await.expect("read");
    intents.retain(|(_, intent)| matches!(intent, Intent::Mounted { .. }));
    assert_eq!(intents, [([15; 16], mounted(5))], "its own, and no other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_was_cut_off_or_damaged_is_refused() {
    let here = Folder::new();
    let dump = dumped(&filled(&here).await).await;
    let lines: Vec<&[u8]> = dump.split_inclusive(|byte| *byte == b'\n').collect();
    let without = |left_out: usize| {
        let kept = lines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != left_out)
            .map(|(_, line)| *line);
        kept.collect::<Vec<_>>().concat()
    };
    assert_eq!(refusal(b""), "the dump is empty");
    assert!(refusal(&without(0)).starts_with("line 1 is not the first line"));
    assert!(refusal(&without(lines.len() - 1)).contains("cut off"));
    assert!(refusal(&without(5)).contains("counts 315 lines before it, and there are 314"));
    assert!(refusal(&dump[..dump.len() / 2]).contains("of the dump makes no sense"));
    assert!(refusal(&[&dump[..], b"{}\n"].concat()).contains("comes after its end"));
    let newer = String::from_utf8(dump.clone())
        .expect("text")
        .replacen(":1,", ":2,", 1);
    assert!(refusal(newer.as_bytes()).contains("version 2, and this callfs reads version 1"));
    for (is, becomes) in [
        ("abab", "xyxy"),
        ("\"path\":\"/a\"", "\"path\":\"a\""),
        ("\"mode\":", "\"mode\":9"),
        ("\"mode\":", "\"more\":1,\"mode\":"),
    ] {
        let broken = String::from_utf8(dump.clone())
            .expect("text")
            .replacen(is, becomes, 1);
        assert!(refusal(broken.as_bytes()).starts_with("line "), "{becomes}");
    }
    let broken =
        String::from_utf8(dump.clone())
            .expect("text")
            .replacen("{\"record\"", "{\"rec\"", 1);
    assert!(
        refusal(broken.as_bytes()).starts_with("line 2 of the dump makes no sense"),
        "the line is named"
    );
}
