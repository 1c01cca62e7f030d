//! A request as the metrics see it: from its head to the last byte of its response, or to wherever
//! it broke off.
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

use callfs_telemetry::Metrics;

/// Counts the end when it is dropped, whoever drops it and why.
pub(crate) struct Counted {
    metrics: Arc<Metrics>,
    route: &'static str,
    method: &'static str,
    start: Instant,
    status: Option<StatusCode>,
}

impl Counted {
    /// A request arrived.
    pub(crate) fn start(metrics: Arc<Metrics>, method: &Method, path: &str) -> Self {
        metrics.http().started();
        Self {
            metrics,
            route: route(path),
            method: label(method),
            start: Instant::now(),
            status: None,
        }
    }

    /// The request lasts as long as the body of its response.
    pub(crate) fn until_sent(mut self, response: Response) -> Response {
        self.status = Some(response.status());
        if response.body().is_end_stream() {
            return response;
        }
        response.map(|body| {
            Body::new(CountedBody {
                body,
                counted: self,
            })
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let status = self.status.map(|status| status.as_u16());
        self.metrics
            .http()
            .finished(self.route, self.method, status, self.start.elapsed());
    }
}

struct CountedBody {
    body: Body,
    counted: Counted,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.counted.metrics.http().sent(data.len() as u64);
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
        (Some("v1"), Some("links")) => "links",
        (Some("download"), Some(_)) => "download",
        (Some("health"), _) => "health",
        (Some("metrics"), None) => "metrics",
        (Some("openapi.json"), None) => "openapi",
        _ => "other",
    }
}

fn label(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
    ];
    KNOWN
        .into_iter()
        .find(|known| method.as_str() == *known)
        .unwrap_or("OTHER")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn counts(metrics: &Metrics, line: &str) -> bool {
        metrics.render().lines().any(|other| other == line)
    }

    #[tokio::test]
    async fn a_request_lasts_until_its_last_byte() {
        let metrics = Metrics::new().expect("no name twice");
        let counted = Counted::start(metrics.clone(), &Method::GET, "/v1/files/x");
        let response = counted.until_sent(Response::new(Body::from("four")));
        assert!(counts(&metrics, "callfs_http_in_flight 1"));
        response
            .into_body()
            .collect()
            .await
            .expect("a body in memory");
        assert!(counts(&metrics, "callfs_http_in_flight 0"));
        assert!(counts(
            &metrics,
            "callfs_http_bytes_total{direction=\"out\"} 4"
        ));
        let line = "callfs_http_requests_total{method=\"GET\",route=\"files\",status=\"200\"} 1";
        assert!(counts(&metrics, line));
    }

    #[test]
    fn a_request_ends_when_its_client_goes_away() {
        let metrics = Metrics::new().expect("no name twice");
        drop(Counted::start(
            metrics.clone(),
            &Method::from_bytes(b"BREW").expect("a token"),
            "/coffee",
        ));
        let line =
            "callfs_http_requests_total{method=\"OTHER\",route=\"other\",status=\"closed\"} 1";
        assert!(counts(&metrics, line));
        let counted = Counted::start(metrics.clone(), &Method::GET, "/health/live");
        drop(counted.until_sent(Response::new(Body::from("four"))));
        assert!(counts(&metrics, "callfs_http_in_flight 0"));
    }
}
