//! A write to a shelf that is carried out later.

use bytes::Bytes;
use callfs_model::error::Result;
use callfs_model::source::Source;
use callfs_model::storage::{Attributes, Condition, Staged, Transfer};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Shelf;

pub(super) struct Carried {
    pub(super) shelf: Shelf,
    pub(super) path: String,
    pub(super) body: Source,
    pub(super) condition: Condition,
    pub(super) content_type: Option<String>,
}

struct Ready {
    shelf: Shelf,
    path: String,
    bytes: Bytes,
    condition: Condition,
    content_type: Option<String>,
    number: u64,
    announced: Attributes,
}

impl Transfer for Carried {
    fn stage(self: Box<Self>) -> BoxFuture<'static, Result<Box<dyn Staged>>> {
        let Self {
            shelf,
            path,
            body,
            condition,
            content_type,
        } = *self;
        async move {
            let bytes = shelf.gather(&path, body).await?;
            let number = shelf.number();
            let announced = shelf.announced(number, bytes.len() as u64);
            Ok(Box::new(Ready {
                shelf,
                path,
                bytes,
                condition,
                content_type,
                number,
                announced,
            }) as Box<dyn Staged>)
        }
        .boxed()
    }
}

impl Staged for Ready {
    fn attributes(&self) -> Option<&Attributes> {
        Some(&self.announced)
    }

    fn publish(self: Box<Self>, condition: Condition) -> BoxFuture<'static, Result<Attributes>> {
        let Self {
            shelf,
            path,
            bytes,
            condition: asked,
            content_type,
            number,
            ..
        } = *self;
        async move {
            shelf.check(&path, &asked)?;
            shelf.store(number, &path, bytes, content_type, &condition)
        }
        .boxed()
    }
}
