//! The `directories` capability: granted folders as resources.

use std::sync::Arc;

use callfs_folder::Folder;
use callfs_model::error::Result as HostResult;
use wasmtime::component::{Accessor, HasSelf, Resource};

use super::bindings::callfs::plugin::{directories, types as wit};
use super::convert::{self, error_out};
use super::instance::InstanceState;
use super::io::{HostSource, HostTransfer};

/// A granted folder in the hands of a component.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct HostDirectory(Arc<Folder>);

/// The longest page of a listing, whatever a guest asks for.
const MAX_ENTRIES: u32 = 4096;

/// A result of the contract inside a result that may trap.
type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

fn answer<T>(result: HostResult<T>) -> Answer<T> {
    Ok(result.map_err(|error| error_out(&error)))
}

/// The folder behind a resource.
fn folder(
    accessor: &Accessor<InstanceState, HasSelf<InstanceState>>,
    directory: &Resource<HostDirectory>,
) -> wasmtime::Result<Arc<Folder>> {
    accessor.with(|mut access| Ok(access.get().table.get(directory)?.0.clone()))
}

impl directories::Host for InstanceState {
    fn granted(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self
            .grants
            .directories
            .iter()
            .map(|(name, _)| name.clone())
            .collect())
    }
}

impl directories::HostDirectory for InstanceState {
    fn open(&mut self, name: String) -> Answer<Resource<HostDirectory>> {
        match self.grants.directory(&name).cloned() {
            Some(folder) => Ok(Ok(self.table.push(HostDirectory(folder))?)),
            None => Ok(Err(wit::Error::NotFound)),
        }
    }

    fn write(
        &mut self,
        directory: Resource<HostDirectory>,
        path: String,
        body: Resource<HostSource>,
        condition: wit::Condition,
        mode: Option<u32>,
    ) -> Answer<Resource<HostTransfer>> {
        let body = self.table.delete(body)?.into_source()?;
        let metrics = self.metrics.clone();
        let progress = self.meter.progress();
        let body = body.metered(Some(Arc::new(move |bytes| {
            progress.advance();
            metrics.native_write(bytes);
        })));
        let condition = convert::condition_in(condition);
        let folder = &self.table.get(&directory)?.0;
        match folder.write(&path, body, condition.clone(), mode) {
            Ok(transfer) => Ok(Ok(self.table.push(HostTransfer {
                transfer,
                condition,
            })?)),
            Err(error) => Ok(Err(error_out(&error))),
        }
    }

    fn copy(
        &mut self,
        directory: Resource<HostDirectory>,
        from: String,
        to: String,
        condition: wit::Condition,
    ) -> Answer<Resource<HostTransfer>> {
        let condition = convert::condition_in(condition);
        let folder = &self.table.get(&directory)?.0;
        match folder.copy(&from, &to, condition.clone()) {
            Ok(transfer) => Ok(Ok(self.table.push(HostTransfer {
                transfer,
                condition,
            })?)),
            Err(error) => Ok(Err(error_out(&error))),
        }
    }

    fn drop(&mut self, directory: Resource<HostDirectory>) -> wasmtime::Result<()> {
        self.table.delete(directory)?;
        Ok(())
    }
}

impl directories::HostDirectoryWithStore<InstanceState> for HasSelf<InstanceState> {
    async fn stat(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        path: String,
    ) -> Answer<wit::Attributes> {
        let folder = folder(accessor, &directory)?;
        answer(folder.stat(&path).await.map(convert::attributes_out))
    }

    async fn read(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        path: String,
        range: Option<wit::ByteRange>,
    ) -> Answer<(wit::Attributes, Resource<HostSource>)> {
        let folder = folder(accessor, &directory)?;
        let (attributes, source) = match folder.read(&path, range.map(convert::range_in)).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error_out(&error))),
        };
        let resource = accessor.with(|mut access| {
            let state = access.get();
            let metrics = state.metrics.clone();
            let meter = Arc::new(move |bytes| metrics.native_read(bytes));
            state
                .table
                .push(HostSource::new(source.metered(Some(meter))))
        })?;
        Ok(Ok((convert::attributes_out(attributes), resource)))
    }

    async fn list(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        path: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<wit::Entry>> {
        let folder = folder(accessor, &directory)?;
        let entries = folder
            .list(&path, after.as_deref(), limit.min(MAX_ENTRIES))
            .await;
        answer(entries.map(|entries| entries.into_iter().map(convert::entry_out).collect()))
    }

    async fn make(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        path: String,
        mode: Option<u32>,
    ) -> Answer<wit::Attributes> {
        let folder = folder(accessor, &directory)?;
        answer(folder.make(&path, mode).await.map(convert::attributes_out))
    }

    async fn remove_file(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        path: String,
        condition: wit::Condition,
    ) -> Answer<()> {
        let folder = folder(accessor, &directory)?;
        answer(
            folder
                .remove_file(&path, convert::condition_in(condition))
                .await,
        )
    }

    async fn remove_directory(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        path: String,
    ) -> Answer<()> {
        let folder = folder(accessor, &directory)?;
        answer(folder.remove_directory(&path).await)
    }

    async fn set_mode(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        path: String,
        mode: u32,
    ) -> Answer<()> {
        let folder = folder(accessor, &directory)?;
        answer(folder.set_mode(&path, mode).await)
    }

    async fn rename(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        from: String,
        to: String,
        condition: wit::Condition,
    ) -> Answer<()> {
        let folder = folder(accessor, &directory)?;
        answer(
            folder
                .rename(&from, &to, convert::condition_in(condition))
                .await,
        )
    }

    async fn exchange(
        accessor: &Accessor<InstanceState, Self>,
        directory: Resource<HostDirectory>,
        one: String,
        other: String,
    ) -> Answer<()> {
        let folder = folder(accessor, &directory)?;
        answer(folder.exchange(&one, &other).await)
    }
}
