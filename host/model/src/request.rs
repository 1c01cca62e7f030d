//! The request that something is done for, so that what is logged meanwhile can name it.
//!
//! It goes with the task, and costs nothing unless something is logged. Who spawns a task for the
//! same request takes it along.

use std::future::Future;
use std::sync::Arc;

/// What a request is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestNames {
    /// Its own id, as in `X-Request-Id`.
    pub request_id: String,
    /// That of the trace it belongs to (W3C Trace Context), if the client said so.
    pub trace_id: Option<String>,
}

tokio::task_local! {
    static CURRENT: Arc<RequestNames>;
}

/// Does work for a request.
pub fn on_behalf_of<F: Future>(
    names: Arc<RequestNames>,
    work: F,
) -> impl Future<Output = F::Output> {
    CURRENT.scope(names, work)
}

/// The request that the current task works for.
pub fn current() -> Option<Arc<RequestNames>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Work for the current request that will be done in another task.
pub fn for_current<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let names = current();
    async move {
        match names {
            Some(names) => on_behalf_of(names, work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_knows_its_request_and_hands_it_on() {
        let names = Arc::new(RequestNames {
            request_id: "one".into(),
            trace_id: None,
        });
        assert_eq!(current(), None);
        let work = async {
            let here = current();
            let handed_on = tokio::spawn(for_current(async { current() }));
            let alone = tokio::spawn(async { current() });
            let handed_on = handed_on.await.expect("no panic");
            (here, handed_on, alone.await.expect("no panic"))
        };
        let (here, handed_on, alone) = on_behalf_of(names.clone(), work).await;
        assert_eq!(here.as_ref(), Some(&names));
        assert_eq!(handed_on, here);
        assert_eq!(alone, None);
        let work = tokio::spawn(for_current(async { current() }));
        assert_eq!(work.await.expect("no panic"), None);
    }
}
