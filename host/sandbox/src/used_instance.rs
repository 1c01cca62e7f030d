//! An instance after its call: given back at once, or once the streams of its making were read and
//! it has finished.
//!
//! A component may go on after it has answered: it writes what a client reads, and may have
//! something to do after the last byte. The instance is its own until then, for a bounded time.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use wasmtime::AsContextMut;

use super::instance::Instance;
use super::limits::CallProgress;
use super::pool::Checkout;
use super::stream::OpenStreams;

/// An instance whose call is over.
pub(super) struct UsedInstance {
    pub(super) checkout: Checkout,
    pub(super) instance: Instance,
    pub(super) calls_left: u32,
}

impl UsedInstance {
    /// For the next call.
    pub(super) fn put_back(mut self) {
        // One that kept a source or a transfer keeps files open and clients waiting: it is not used
        // again.
        let kept = self.instance.store.data_mut().keeps_bytes();
        let calls_left = if kept { 0 } else { self.calls_left };
        self.checkout.put_back(self.instance, calls_left);
    }

    /// Runs the component until its streams were read or dropped and nothing of its own is left to
    /// do, and gives the instance back. What it does after its last byte has `to_finish`, be it
    /// before it says how the stream ended or after that; then it is cancelled, with the instance.
    pub(super) async fn finish(
        mut self,
        streams: OpenStreams,
        resting: usize,
        to_finish: Duration,
    ) -> wasmtime::Result<()> {
        match self.run_on(&streams, resting, to_finish).await {
            Ok(()) => {
                self.put_back();
                Ok(())
            }
            Err(error) => {
                let said = self.instance.store.data().log.take_last_words();
                let error = match said.as_str() {
                    "" => error,
                    said => error.context(format!("it said: {said}")),
                };
                // Readers are told that there is no end when the instance goes; they find why here.
                streams.failed(format!("{error:#}"));
                Err(error)
            }
        }
    }

    async fn run_on(
        &mut self,
        streams: &OpenStreams,
        resting: usize,
        to_finish: Duration,
    ) -> wasmtime::Result<()> {
        let meter = &mut self.instance.store.data_mut().meter;
        meter.begin();
        let stopwatch = meter.stopwatch();
        let progress = meter.progress();
        // The guest runs only while this is polled, and it may be stuck: whether its streams are
        // still read is asked beside.
        let running = self.instance.store.run_concurrent(async |accessor| {
            // This is polled after every step of the guest, and when the streams close.
            poll_fn(|_| {
                let is_over = !streams.any()
                    && accessor.with(|mut access| {
                        access.as_context_mut().concurrent_state_table_size() <= resting
                    });
                if is_over {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await
        });
        let late = async {
            streams.closed().await;
            tokio::time::sleep(to_finish).await;
        };
        tokio::select! {
            finished = stopwatch.timing(running) => finished?,
            () = late => wasmtime::bail!("it did not finish within {to_finish:?} after its stream \
                was read, and what it was doing was cancelled"),
            () = streams.given_up() => wasmtime::bail!("it did not end its stream within \
                {to_finish:?} after the last byte, and what it was doing was cancelled"),
            // Nobody reads so slowly: it was forgotten, perhaps by the component itself.
            () = at_rest(&progress) => wasmtime::bail!("nobody read the stream for {FORGOTTEN:?}"),
        }
        Ok(())
    }
}

/// How long a stream of a component may rest before its instance is given up: longer than any
/// client may.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// Waits until no byte has moved for that long.
async fn at_rest(progress: &CallProgress) {
    loop {
        let rested = progress.rested();
        match FORGOTTEN.checked_sub(rested) {
            None => return,
            Some(left) => tokio::time::sleep(left).await,
        }
    }
}
