use bytes::Bytes;
use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn a_write_is_seen_when_it_is_published_and_not_before() {
    let served = Fixture::new();
    served.put("f", "old");
    let before = served.etag("f").await;
    let transfer = served
        .folder
        .write("f", "new".into(), Condition::Always, Some(0o640))
        .expect("begins");
    let staged = transfer.stage().await.expect("stages");
    assert_eq!((served.on_disk("f"), served.staged()), ("old".into(), 1));
    let written = staged.publish(Condition::Always).await.expect("publishes");
    assert_eq!(
        (served.on_disk("f"), served.mode("f"), served.staged()),
        ("new".into(), 0o640, 0)
    );
    assert_eq!(served.folder.stat("f").await.expect("stats"), written);
    assert_ne!(written.etag, Some(before));

    served
        .write("g", "", Condition::Always)
        .await
        .expect("writes");
    assert_eq!(
        (served.on_disk("g"), served.mode("g")),
        (String::new(), 0o644)
    );
}

#[tokio::test]
async fn a_mode_never_lends_the_rights_of_the_server() {
    let served = Fixture::new();
    let transfer = served
        .folder
        .write("f", "x".into(), Condition::Always, Some(0o6755))
        .expect("begins");
    transfer
        .stage()
        .await
        .expect("stages")
        .publish(Condition::Always)
        .await
        .expect("publishes");
    assert_eq!(served.mode("f"), 0o755);
}

#[tokio::test]
async fn bodies_of_every_shape_arrive_whole() {
    let served = Fixture::new();
    let piece = |size: usize| {
        Ok(Bytes::from(
            (0..size).map(|byte| byte as u8).collect::<Vec<_>>(),
        ))
    };
    for sizes in [
        vec![],
        vec![0],
        vec![1],
        vec![8192; 700],
        vec![256 << 10; 9],
        vec![3 << 20, 0, 1],
        vec![1 << 20],
    ] {
        let expected: Vec<u8> = sizes
            .iter()
            .flat_map(|&size| piece(size).expect("is good"))
            .collect();
        served
            .write(
                "f",
                pieces(sizes.iter().map(|&size| piece(size)).collect()),
                Condition::Always,
            )
            .await
            .expect("ok");
        assert!(
            served.read("f").await.expect("reads").1 == expected,
            "{sizes:?} in pieces"
        );
        let held = Source::from_bytes(expected.clone());
        served
            .write("g", held, Condition::Always)
            .await
            .expect("writes");
        assert!(
            served.read("g").await.expect("reads").1 == expected,
            "{sizes:?} held"
        );
        let (_, file) = served.folder.read("g", None).await.expect("opens");
        served
            .write("h", file, Condition::Always)
            .await
            .expect("writes");
        assert!(
            served.read("h").await.expect("reads").1 == expected,
            "{sizes:?} in a file"
        );
    }
    let part = Some(ByteRange {
        start: 10,
        end: Some(20),
    });
    let (_, part) = served.folder.read("h", part).await.expect("opens");
    served
        .write("part", part, Condition::Always)
        .await
        .expect("writes");
    assert_eq!(
        served.read("part").await.expect("reads").1,
        (10..20).collect::<Vec<u8>>()
    );
}

#[tokio::test]
async fn a_slow_body_is_written_as_it_comes() {
    let served = Fixture::new();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes>>(1);
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        Some((receiver.recv().await?, receiver))
    });
    let body = Source::from_stream(stream.boxed(), None);
    let transfer = served
        .folder
        .write("f", body, Condition::Always, None)
        .expect("begins");
    let staging = tokio::spawn(transfer.stage());
    for _ in 0..100 {
        sender
            .send(Ok(Bytes::from_static(&[7; 10_000])))
            .await
            .expect("is taken");
        tokio::task::yield_now().await;
    }
    drop(sender);
    staging
        .await
        .expect("no panic")
        .expect("stages")
        .publish(Condition::Always)
        .await
        .expect("publishes");
    assert!(served.read("f").await.expect("reads").1 == [7; 1_000_000]);
}

#[tokio::test]
async fn a_body_that_breaks_leaves_no_trace() {
    let served = Fixture::new();
    served.put("f", "old");
    for size in [10, 2 << 20] {
        let cut = Error::new(ErrorKind::Interrupted, "the client went away");
        let body = pieces(vec![
            Ok(vec![0; size].into()),
            Ok(vec![0; size].into()),
            Err(cut),
        ]);
        assert_eq!(
            failed(served.write("f", body, Condition::Always).await).0,
            ErrorKind::Interrupted
        );
        let short = Source::from_stream(futures_util::stream::empty().boxed(), Some(5));
        assert_eq!(
            failed(served.write("f", short, Condition::Always).await).0,
            ErrorKind::Interrupted
        );
    }
    let shrunk = served.folder.read("f", None).await.expect("opens").1;
    fs::write(served.path("f"), "o").expect("writes");
    assert_eq!(
        failed(served.write("g", shrunk, Condition::Always).await).0,
        ErrorKind::Interrupted
    );

    let transfer = served
        .folder
        .write("f", "new".into(), Condition::Always, None)
        .expect("begins");
    let staged = transfer.stage().await.expect("stages");
    assert_eq!(served.staged(), 1);
    drop(staged);
    assert_eq!(
        (
            served.staged(),
            served.on_disk("f"),
            served.path("g").exists()
        ),
        (0, "o".into(), false)
    );
}

#[tokio::test]
async fn conditions_decide() {
    let served = Fixture::new();
    served
        .write("f", "1", Condition::Absent)
        .await
        .expect("creates");
    let etag = served.etag("f").await;
    assert_eq!(
        failed(served.write("f", "2", Condition::Absent).await).0,
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        failed(served.write("f", "2", etag_in("x")).await).0,
        ErrorKind::PreconditionFailed
    );
    assert_eq!(
        failed(served.write("none", "2", etag_in(&etag)).await).0,
        ErrorKind::PreconditionFailed
    );
    served
        .write("f", "2", etag_in(&etag))
        .await
        .expect("replaces");
    assert_eq!(
        failed(served.write("f", "3", etag_in(&etag)).await).0,
        ErrorKind::PreconditionFailed
    );
    // The one given at first holds as well.
    let transfer = served
        .folder
        .write("f", "4".into(), Condition::Absent, None)
        .expect("begins");
    let staged = transfer.stage().await.expect("stages");
    assert_eq!(
        failed(staged.publish(Condition::Always).await).0,
        ErrorKind::AlreadyExists
    );
    served.link("dangling", "nothing");
    assert_eq!(
        failed(served.write("dangling", "5", Condition::Absent).await).0,
        ErrorKind::AlreadyExists
    );
    assert_eq!((served.on_disk("f"), served.staged()), ("2".into(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_race_one_wins() {
    let served = Fixture::new();
    let race = async |condition: Condition| {
        let writes = (0..16).map(|_| served.write("f", "x", condition.clone()));
        join_all(writes)
            .await
            .into_iter()
            .filter(Result::is_ok)
            .count()
    };
    assert_eq!(race(Condition::Absent).await, 1);
    for _ in 0..5 {
        let etag = served.etag("f").await;
        assert_eq!(race(etag_in(&etag)).await, 1);
    }
}

#[tokio::test]
async fn a_place_that_cannot_take_a_file_says_why() {
    let served = Fixture::new();
    served.put("f", "x");
    served.make("d");
    served.link("to-d", "d");
    served.link("out", "..");
    let write = |path: &'static str| served.write(path, "y", Condition::Always);
    assert_eq!(failed(write("d").await).0, ErrorKind::IsADirectory);
    assert_eq!(failed(write("to-d").await).0, ErrorKind::IsADirectory);
    assert_eq!(failed(write("none/f").await).0, ErrorKind::NotFound);
    assert_eq!(failed(write("f/f").await).0, ErrorKind::NotADirectory);
    assert_eq!(failed(write("out/f").await).0, ErrorKind::PermissionDenied);
    for path in ["", "../f", ".callfs-staging/f", "d/.callfs-staging"] {
        assert_eq!(
            failed(write(path).await).0,
            ErrorKind::BadRequest,
            "{path:?}"
        );
    }
    assert!(!served.host.path().join("f").exists());
    assert_eq!(served.staged(), 0);
}

#[tokio::test]
async fn a_link_is_replaced_and_what_it_leads_to_is_not() {
    let served = Fixture::new();
    served.put("f", "kept");
    served.link("inside", "f");
    served.link("outside", "../secret");
    for path in ["inside", "outside"] {
        served
            .write(path, "new", Condition::Always)
            .await
            .expect(path);
        assert_eq!(served.on_disk(path), "new");
    }
    assert_eq!(served.on_disk("f"), "kept");
    assert_eq!(
        fs::read_to_string(served.host.path().join("secret")).expect("is there"),
        "secret"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_whole_versions_and_every_version_has_its_etag() {
    let served = Arc::new(Fixture::new());
    let version = |number: u8| Source::from_bytes(vec![number; 1000 * (number as usize + 1)]);
    let first = served
        .write("f", version(0), Condition::Always)
        .await
        .expect("writes");
    let writing = tokio::spawn({
        let served = served.clone();
        async move {
            let mut etags = vec![first.etag.expect("has one")];
            for number in 1..60 {
                let written = served
                    .write("f", version(number), Condition::Always)
                    .await
                    .expect("writes");
                etags.push(written.etag.expect("has one"));
            }
            etags
        }
    });
    let mut seen = Vec::new();
    while !writing.is_finished() {
        let (attributes, bytes) = served.read("f").await.expect("is always there");
        let number = bytes[0];
        assert_eq!(
            (attributes.size, bytes.len()),
            (bytes.len() as u64, 1000 * (number as usize + 1))
        );
        assert!(bytes.iter().all(|&byte| byte == number));
        seen.push((number, attributes.etag.expect("has one")));
    }
    let etags = writing.await.expect("no panic");
    assert!(
        seen.iter()
            .all(|(number, etag)| etags[*number as usize] == *etag)
    );
    let mut unique = etags.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), etags.len());
}
