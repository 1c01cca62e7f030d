//! The `http` capability: the gate of this component, with sources of both directions.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{Accessor, HasSelf, Resource};

use super::bindings::callfs::plugin::http as outbound;
use super::bindings::callfs::plugin::types as wit;
use super::convert::error_out;
use super::instance::State;
use super::io::HostSource;
use crate::egress::Request;

impl outbound::Host for State {}

impl outbound::HostWithStore<State> for HasSelf<State> {
    async fn send(
        accessor: &Accessor<State, Self>,
        request: outbound::Request,
        body: Option<Resource<HostSource>>,
    ) -> wasmtime::Result<Result<outbound::Response, wit::Error>> {
        let outbound::Request { method, uri, headers, credential, extra: _ } = request;
        let (grants, metrics, progress, body) = accessor.with(|mut access| {
            let state = access.get();
            let (metrics, progress) = (state.metrics.clone(), state.meter.progress());
            let body = body.map(|body| state.table.delete(body)?.into_source()).transpose()?;
            wasmtime::error::Ok((state.grants.clone(), metrics, progress, body))
        })?;
        let Some(gate) = &grants.http else {
            return Ok(Err(wit::Error::AccessDenied("no origin is granted; add grants.http".into())));
        };
        let body = body.map(|body| {
            let (metrics, progress) = (metrics.clone(), progress.clone());
            body.metered(Some(Arc::new(move |bytes| {
                progress.advance();
                metrics.native_write(bytes);
            })))
        });
        let request = Request { method, uri, headers, credential, body };
        // The component is to hear of it before its own time is up.
        let begun = Instant::now();
        let answered = gate.send(request, &|| progress.nearly_over(begun)).await;
        let response = match answered {
            Ok(response) => response,
            Err(error) => return Ok(Err(error_out(&error))),
        };
        progress.advance();
        let body = response.body.metered(Some(Arc::new(move |bytes| metrics.native_read(bytes))));
        let body = accessor.with(|mut access| access.get().table.push(HostSource::new(body)))?;
        Ok(Ok(outbound::Response { status: response.status, headers: response.headers, body }))
    }
}
