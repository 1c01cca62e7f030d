//! A request as the meter sees it: from its head to the last byte of its response, or to wherever it broke off.
//!
//! Labels are closed sets, so that no client makes a new time series.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use super::state::{Finished, Meter};

/// Tells the meter of the end when it is dropped, whoever drops it and why.
pub(super) struct Counted {
    meter: Arc<dyn Meter>,
    route: &'static str,
    method: &'static str,
    start: Instant,
    status: Option<StatusCode>,
}

impl Counted {
    /// A request arrived.
    pub(super) fn start(meter: Arc<dyn Meter>, method: &Method, path: &str) -> Self {
        meter.request_started();
        Self { meter, route: route(path), method: label(method), start: Instant::now(), status: None }
    }

    /// The request lasts as long as the body of its response.
    pub(super) fn until_sent(mut self, response: Response) -> Response {
        self.status = Some(response.status());
        if response.body().is_end_stream() {
            return response;
        }
        response.map(|body| Body::new(CountedBody { body, counted: self }))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.request_finished(Finished {
            route: self.route,
            method: self.method,
            status: self.status.map(|status| status.as_u16()),
            duration: self.start.elapsed(),
        });
    }
}

struct CountedBody {
    body: Body,
    counted: Counted,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.counted.meter.sent(data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn route(path: &str) -> &'static str {
    let mut segments = path.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some("v1"), Some("files")) => "files",
        (Some("v1"), Some("directories")) => "directories",
        (Some("health"), _) => "health",
        (Some("metrics"), None) => "metrics",
        _ => "other",
    }
}

fn label(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    KNOWN.into_iter().find(|known| method.as_str() == *known).unwrap_or("OTHER")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http_body_util::BodyExt;

    use super::*;

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Notes {
        fn note(&self, note: String) {
            self.0.lock().expect("no panic while noting").push(note);
        }

        fn taken(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().expect("no panic while noting"))
        }
    }

    impl Meter for Notes {
        fn request_started(&self) {
            self.note("start".into());
        }
        fn request_finished(&self, Finished { route, method, status, .. }: Finished) {
            self.note(format!("{method} {route} {status:?}"));
        }
        fn received(&self, _: u64) {}
        fn sent(&self, bytes: u64) {
            self.note(format!("{bytes} B"));
        }
        fn render(&self) -> String {
            String::new()
        }
    }

    #[tokio::test]
    async fn a_request_lasts_until_its_last_byte() {
        let notes = Arc::new(Notes::default());
        let counted = Counted::start(notes.clone(), &Method::GET, "/v1/files/x");
        let response = counted.until_sent(Response::new(Body::from("four")));
        assert_eq!(notes.taken(), ["start"]);
        response.into_body().collect().await.expect("a body in memory");
        assert_eq!(notes.taken(), ["4 B", "GET files Some(200)"]);
    }

    #[test]
    fn a_request_ends_when_its_client_goes_away() {
        let notes = Arc::new(Notes::default());
        drop(Counted::start(notes.clone(), &Method::from_bytes(b"BREW").expect("a token"), "/coffee"));
        assert_eq!(notes.taken(), ["start", "OTHER other None"]);
        let counted = Counted::start(notes.clone(), &Method::GET, "/health/live");
        drop(counted.until_sent(Response::new(Body::from("four"))));
        assert_eq!(notes.taken(), ["start", "GET health Some(200)"]);
    }
}
