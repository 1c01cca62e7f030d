//! The `http` capability: the gate of this component, with sources of both directions.

use std::sync::Arc;
use std::time::Instant;

use callfs_egress::OutgoingRequest;
use wasmtime::component::{Accessor, HasSelf, Resource};

use super::bindings::callfs::plugin::{http as outbound, types as wit};
use super::convert::error_out;
use super::instance::InstanceState;
use super::io::HostSource;

impl outbound::Host for InstanceState {}

impl outbound::HostWithStore<InstanceState> for HasSelf<InstanceState> {
    async fn send(
        accessor: &Accessor<InstanceState, Self>,
        request: outbound::Request,
        body: Option<Resource<HostSource>>,
    ) -> wasmtime::Result<Result<outbound::Response, wit::Error>> {
        let outbound::Request {
            method,
            uri,
            headers,
            credential,
            extra: _,
        } = request;
        let (grants, metrics, progress, body) = accessor.with(|mut access| {
            let state = access.get();
            let metrics = state.metrics.clone();
            let progress = state.meter.progress();
            let body = body
                .map(|body| state.table.delete(body)?.into_source())
                .transpose()?;
            wasmtime::error::Ok((state.grants.clone(), metrics, progress, body))
        })?;
        let Some(gate) = &grants.http else {
            return Ok(Err(wit::Error::AccessDenied(
                "no origin is granted; add grants.http".into(),
            )));
        };
        let body = body.map(|body| {
            let metrics = metrics.clone();
            let progress = progress.clone();
            body.metered(Some(Arc::new(move |bytes| {
                progress.advance();
                metrics.native_write(bytes);
            })))
        });
        let request = OutgoingRequest {
            method,
            uri,
            headers,
            credential,
            body,
        };
        // The component is to hear of it before its own time is up.
        let begun = Instant::now();
        let answered = gate.send(request, &|| progress.nearly_over(begun)).await;
        let response = match answered {
            Ok(response) => response,
            Err(error) => return Ok(Err(error_out(&error))),
        };
        progress.advance();
        let body = response
            .body
            .metered(Some(Arc::new(move |bytes| metrics.native_read(bytes))));
        let body = accessor.with(|mut access| access.get().table.push(HostSource::new(body)))?;
        Ok(Ok(outbound::Response {
            status: response.status,
            headers: response.headers,
            body,
        }))
    }
}
