//! The `http` capability, as long as no grant for it exists: every request is refused.
//!
//! A component that imports it is refused when it is loaded; it can still be inspected.

use wasmtime::component::{Accessor, HasSelf, Resource};

use super::bindings::callfs::plugin::http as outbound;
use super::bindings::callfs::plugin::types as wit;
use super::instance::State;
use super::io::HostSource;

impl outbound::Host for State {}

impl outbound::HostWithStore<State> for HasSelf<State> {
    async fn send(
        accessor: &Accessor<State, Self>,
        request: outbound::Request,
        body: Option<Resource<HostSource>>,
    ) -> wasmtime::Result<Result<outbound::Response, wit::Error>> {
        if let Some(body) = body {
            accessor.with(|mut access| access.get().table.delete(body))?;
        }
        Ok(Err(wit::Error::AccessDenied(format!("no origin is granted, so {} is out of reach", request.uri))))
    }
}
