//! The `http` capability, as long as no grant for it exists: every request is refused.
//!
//! A component that imports it is refused when it is loaded; it can still be inspected.

use wasmtime::component::{Accessor, HasSelf, Resource};

use super::bindings::callfs::plugin::{http, types as wit};
use super::instance::State;
use super::io::HostSource;

impl http::Host for State {}

impl http::HostWithStore<State> for HasSelf<State> {
    async fn send(
        accessor: &Accessor<State, Self>,
        request: http::Request,
        body: Option<Resource<HostSource>>,
    ) -> wasmtime::Result<Result<http::Response, wit::Error>> {
        if let Some(body) = body {
            accessor.with(|mut access| access.get().table.delete(body))?;
        }
        Ok(Err(wit::Error::AccessDenied(format!("no origin is granted, so {} is out of reach", request.uri))))
    }
}
