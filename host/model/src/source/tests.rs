use std::io::Write as _;

use futures_util::stream;

use super::*;

const WHOLE: &[u8] = b"0123456789abcdefghij";

/// The whole as held bytes, as a part of a file, and as streams of pieces of these sizes, of known
/// and unknown size.
fn sources() -> Vec<(&'static str, Source)> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&[b"before", WHOLE, b"after"].concat())
        .expect("writable");
    let start = 6;
    let end = 6 + WHOLE.len() as u64;
    let mut sources = vec![
        ("bytes", Source::from_bytes(WHOLE)),
        ("file", Source::from_file(Arc::new(file), start..end)),
    ];
    for pieces in [1, 3, 20, 50] {
        sources.push(("stream", streamed(pieces, Some(WHOLE.len() as u64))));
        sources.push(("stream of unknown size", streamed(pieces, None)));
    }
    sources
}

fn streamed(piece: usize, size: Option<u64>) -> Source {
    let pieces: Vec<_> = WHOLE
        .chunks(piece)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Source::from_stream(stream::iter(pieces).boxed(), size)
}

async fn all(source: &mut Source) -> Result<Vec<u8>> {
    let mut read = Vec::new();
    while let Some(piece) = source.next().await? {
        read.extend_from_slice(&piece);
    }
    Ok(read)
}

#[tokio::test]
async fn parts_follow_each_other_and_are_the_whole() {
    for part in [1, 2, 7, 19, 20, 21, u64::MAX] {
        for (kind, mut source) in sources() {
            let known = source.size().is_some();
            let mut read = Vec::new();
            loop {
                let left = source.size();
                let mut one = source.split_front(part);
                assert_eq!(
                    one.size().is_some(),
                    known || one.size() == Some(0),
                    "{kind} by {part}"
                );
                if known {
                    let expected = part.min(WHOLE.len() as u64 - read.len() as u64);
                    assert_eq!(
                        (one.size(), source.size()),
                        (Some(expected), left.map(|left| left - expected))
                    );
                }
                let bytes = all(&mut one).await.expect("readable");
                if bytes.is_empty() {
                    break;
                }
                read.extend(bytes);
            }
            assert_eq!(read, WHOLE, "{kind} by {part}");
            assert_eq!(all(&mut source).await.expect("at its end"), b"");
        }
    }
}

#[tokio::test]
async fn a_stream_goes_on_with_the_last_byte_of_a_part_and_waits_until_then() {
    let mut source = streamed(5, Some(20));
    let mut part = source.split_front(7);
    assert!(
        futures_util::poll!(Box::pin(source.next())).is_pending(),
        "the part was not read"
    );
    assert_eq!(
        part.next().await.expect("readable").as_deref(),
        Some(&WHOLE[..5])
    );
    assert!(
        futures_util::poll!(Box::pin(source.next())).is_pending(),
        "the part was read half"
    );
    // Nobody who knows a length asks for what is after it.
    assert_eq!(
        part.next().await.expect("readable").as_deref(),
        Some(&WHOLE[5..7])
    );
    assert_eq!(all(&mut source).await.expect("goes on"), &WHOLE[7..]);
}

#[tokio::test]
async fn a_part_that_is_dropped_early_breaks_a_stream_and_nothing_else() {
    for (kind, mut source) in sources() {
        let mut part = source.split_front(7);
        let first = part.next().await.expect("readable").expect("some bytes");
        if first.len() == 7 {
            continue;
        }
        drop(part);
        if source.is_seekable() {
            assert_eq!(
                all(&mut source).await.expect("independent"),
                &WHOLE[7..],
                "{kind}"
            )
        } else {
            assert_eq!(
                all(&mut source).await.expect_err(kind).kind(),
                ErrorKind::Interrupted,
                "{kind}"
            )
        }
    }
}

#[tokio::test]
async fn an_error_in_a_part_is_one_of_the_whole() {
    let broken = || Error::new(ErrorKind::DigestMismatch, "other bytes than were announced");
    let pieces = [Ok(Bytes::from_static(WHOLE)), Err(broken())];
    let mut source = Source::from_stream(stream::iter(pieces).boxed(), None);
    assert_eq!(
        all(&mut source.split_front(12)).await.expect("whole"),
        &WHOLE[..12]
    );
    assert_eq!(
        all(&mut source.split_front(12))
            .await
            .expect_err("broken")
            .kind(),
        ErrorKind::DigestMismatch
    );
    assert_eq!(
        all(&mut source).await.expect_err("broken").kind(),
        ErrorKind::Interrupted
    );
}

#[tokio::test]
async fn fewer_bytes_than_announced_are_an_error_of_the_part_that_lacks_them() {
    let mut source = streamed(3, Some(30));
    assert_eq!(
        all(&mut source.split_front(15)).await.expect("whole"),
        &WHOLE[..15]
    );
    assert_eq!(
        all(&mut source.split_front(10))
            .await
            .expect_err("too short")
            .kind(),
        ErrorKind::Interrupted
    );
    assert_eq!(
        all(&mut source).await.expect_err("too short").kind(),
        ErrorKind::Interrupted
    );
}

#[tokio::test]
async fn every_byte_of_a_part_is_counted_once() {
    for (kind, source) in sources() {
        let counted = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = counted.clone();
        let count = move |bytes| {
            counter.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        };
        let mut source = source.metered(Some(Arc::new(count)));
        all(&mut source.split_front(3)).await.expect("readable");
        all(&mut source.split_front(4)).await.expect("readable");
        all(&mut source).await.expect("readable");
        assert_eq!(
            counted.load(std::sync::atomic::Ordering::Relaxed),
            WHOLE.len() as u64,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn ten_thousand_parts_are_no_deeper_than_one() {
    let bytes = vec![7; 20_000];
    let pieces = bytes
        .chunks(3)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect::<Vec<_>>();
    let mut source = Source::from_stream(stream::iter(pieces).boxed(), None);
    for _ in 0..9_999 {
        assert_eq!(
            all(&mut source.split_front(2))
                .await
                .expect("readable")
                .len(),
            2
        );
    }
    assert_eq!(all(&mut source).await.expect("readable").len(), 2);
}

#[tokio::test]
async fn what_was_put_back_is_read_again() {
    for (kind, mut source) in sources() {
        let first = source.next().await.expect("readable").expect("some bytes");
        let mut source = source.put_back(first.slice(first.len() / 2..));
        let rest = &WHOLE[first.len() / 2..];
        assert!(
            source.size().is_none_or(|size| size == rest.len() as u64),
            "{kind}"
        );
        let mut read = all(&mut source.split_front(2)).await.expect("readable");
        read.extend(all(&mut source).await.expect("readable"));
        assert_eq!(read, rest, "{kind}");
    }
}

/// As often as it takes to find out whether something grows with it.
const OFTEN: usize = 200_000;

#[tokio::test]
async fn what_is_put_back_again_and_again_does_not_nest() {
    for (kind, mut source) in sources() {
        for _ in 0..OFTEN {
            let taken = source.next().await.expect("readable").expect("some bytes");
            source = source.put_back(taken);
            drop(source.split_front(0));
        }
        assert_eq!(all(&mut source).await.expect("readable"), WHOLE, "{kind}");
    }
}

#[tokio::test]
async fn a_part_of_a_part_without_end_is_an_error() {
    let mut source = streamed(3, None);
    for _ in 0..OFTEN {
        // The one it was taken of is dropped.
        source = source.split_front(u64::MAX);
    }
    assert!(all(&mut source).await.is_err());
    let mut source = streamed(3, None);
    for _ in 0..60 {
        source = source.split_front(u64::MAX);
    }
    assert_eq!(all(&mut source).await.expect("readable"), WHOLE);
}

#[tokio::test]
async fn the_last_byte_is_handed_out_once_the_stream_said_that_it_was_complete() {
    let ok = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
    let damaged = || {
        Err(Error::new(
            ErrorKind::PluginFailed,
            "the MAC does not match",
        ))
    };
    // What a stream of six bytes gives, and what of it may be handed out.
    let table = [
        (vec![ok("abc"), ok("def")], "abcdef", true),
        (vec![ok("abc"), ok("def"), ok("")], "abcdef", true),
        (vec![ok(""), ok("abcdef")], "abcdef", true),
        (vec![ok("abc"), ok("def"), damaged()], "abc", false),
        (vec![ok("abcdef"), damaged()], "", false),
        (
            vec![ok("abcde"), ok("f"), ok(""), damaged()],
            "abcde",
            false,
        ),
        (vec![ok("abc"), ok("def"), ok("g")], "abc", false),
        (vec![ok("abc"), ok("defg")], "abc", false),
        (vec![ok("abc")], "abc", false),
        (vec![ok("abc"), damaged()], "abc", false),
    ];
    for (number, (pieces, expected, complete)) in table.into_iter().enumerate() {
        let stream = stream::iter(pieces).boxed();
        let mut source = Source::from_stream(stream, None).expecting(6);
        let mut read = Vec::new();
        let ended = loop {
            let left = source.size().expect("a size");
            assert!(left + read.len() as u64 == 6 || left == 0, "row {number}");
            match source.next().await {
                Ok(Some(piece)) => read.extend_from_slice(&piece),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        assert_eq!(read, expected.as_bytes(), "row {number}");
        assert_eq!(ended, complete, "row {number}");
    }
}

#[tokio::test]
async fn what_was_kept_back_is_in_the_parts_that_are_split_off() {
    // The end of this stream is not known while its last piece is.
    let pieces = stream::iter([Ok(Bytes::from_static(b"abcdef"))]);
    let (end, ended) = tokio::sync::oneshot::channel::<Result<()>>();
    let end_of = stream::once(ended).filter_map(async |ended| match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Err(error)),
        Err(_) => None,
    });
    let mut source = Source::from_stream(pieces.chain(end_of.boxed()).boxed(), Some(6));
    assert!(futures_util::FutureExt::now_or_never(source.next()).is_none());
    let mut front = source.split_front(4);
    assert_eq!((front.size(), source.size()), (Some(4), Some(2)));
    assert_eq!(all(&mut front).await.expect("readable"), b"abcd");
    end.send(Ok(())).expect("awaited");
    assert_eq!(all(&mut source).await.expect("readable"), b"ef");
}
