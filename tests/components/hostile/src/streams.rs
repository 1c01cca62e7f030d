//! Sources whose bytes flow through guest memory.

use callfs_sdk::bindings::{wit_future, wit_stream};
use callfs_sdk::{Error, Source, wit_bindgen};

/// Bytes in a complete stream, all of them `s`.
pub(crate) const SIZE: u64 = 1 << 20;

/// A stream that keeps its promise.
pub(crate) fn complete() -> Source {
    produce(SIZE, Ok(()))
}

/// A stream that promises as much and ends half-way, in an error.
pub(crate) fn cut() -> Source {
    produce(SIZE / 2, Err(Error::Interrupted("the other side went away".into())))
}

fn produce(size: u64, end: Result<(), Error>) -> Source {
    let (mut bytes, reader) = wit_stream::new();
    let (result, end_reader) = wit_future::new(|| Err(Error::Interrupted("nobody finished the stream".into())));
    wit_bindgen::spawn_local(async move {
        bytes.write_all(vec![b's'; size as usize]).await;
        drop(bytes);
        // Nobody waits for the end of a stream that nobody reads any more.
        let _ = result.write(end).await;
    });
    Source::from_stream(reader, end_reader, Some(SIZE))
}
