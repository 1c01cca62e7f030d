//! Sources whose bytes flow through guest memory.

use callfs_sdk::bindings::{wit_future, wit_stream};
use callfs_sdk::{Error, Source, wit_bindgen};

/// Bytes in a complete stream, all of them `s`.
pub(crate) const SIZE: u64 = 1 << 20;

/// Bytes in a numbered file that is larger than what sockets hold.
pub(crate) const LARGE: u64 = 16 << 20;

/// Bytes in a piece of a numbered file.
const PIECE: u64 = 64 << 10;

/// A stream that keeps its promise.
pub(crate) fn complete() -> Source {
    produce(SIZE, Ok(()))
}

/// A stream that promises as much and ends half-way, in an error.
pub(crate) fn cut() -> Source {
    produce(
        SIZE / 2,
        Err(Error::Interrupted("the other side went away".into())),
    )
}

/// All bytes, and then an error: what was at the end did not match.
pub(crate) fn damaged(size: u64, announced: bool) -> Source {
    let end = Err(Error::other("DAMAGED", "the tail does not match"));
    of(size, announced.then_some(size), end, async || {})
}

/// All bytes, and then a panic.
pub(crate) fn panicking(announced: bool) -> Source {
    of(SIZE, announced.then_some(SIZE), Ok(()), async || {
        panic!("a component that panics after its last byte")
    })
}

/// All bytes, and then something else to do before the end.
pub(crate) fn busy(then: impl AsyncFnOnce() + 'static) -> Source {
    of(SIZE, Some(SIZE), Ok(()), then)
}

/// All bytes, and never a word of how it ended; with `keeps_open` not even that they were all.
pub(crate) fn endless(announced: bool, keeps_open: bool) -> Source {
    let (mut bytes, reader) = wit_stream::new();
    let (result, end_reader) =
        wit_future::new(|| Err(Error::Interrupted("nobody finished the stream".into())));
    wit_bindgen::spawn_local(async move {
        bytes.write_all(vec![b's'; SIZE as usize]).await;
        let bytes = keeps_open.then_some(bytes);
        // Waits for bytes that are never written, which the runtime of the component takes for an
        // event from outside.
        let (never_written, mut never_read) = wit_stream::new::<u8>();
        never_read.read(Vec::with_capacity(1)).await;
        drop((bytes, never_written));
        let _ = result.write(Ok(())).await;
    });
    Source::from_stream(reader, end_reader, announced.then_some(SIZE))
}

/// A part of a file in which every byte tells its place: `place % 251`. Never all of it in memory.
pub(crate) fn numbered(range: std::ops::Range<u64>) -> Source {
    Source::produce(Some(range.end - range.start), async move |sink| {
        for start in range.clone().step_by(PIECE as usize) {
            let places = start..range.end.min(start + PIECE);
            sink.write(places.map(|place| (place % 251) as u8).collect())
                .await?;
        }
        Ok(())
    })
}

fn produce(size: u64, end: Result<(), Error>) -> Source {
    of(size, Some(SIZE), end, async || {})
}

fn of(
    size: u64,
    announced: Option<u64>,
    end: Result<(), Error>,
    then: impl AsyncFnOnce() + 'static,
) -> Source {
    let (mut bytes, reader) = wit_stream::new();
    let (result, end_reader) =
        wit_future::new(|| Err(Error::Interrupted("nobody finished the stream".into())));
    wit_bindgen::spawn_local(async move {
        bytes.write_all(vec![b's'; size as usize]).await;
        drop(bytes);
        then().await;
        // Nobody waits for the end of a stream that nobody reads any more.
        let _ = result.write(end).await;
    });
    Source::from_stream(reader, end_reader, announced)
}
