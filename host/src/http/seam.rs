//! TEMPORARY: the agreed shape of the engine and of authentication, until their branches are merged.
#![expect(clippy::unused_async, unused_variables, reason = "shapes only")]
use std::sync::Arc;

use crate::engine::{Engine, Info};
use crate::error::{Error, ErrorKind, Result};
use crate::identity::{Credential, Identity};
use crate::path::FilePath;
use crate::source::Source;

pub enum Opened {
    File { info: Info, source: Source },
    Directory(Info),
}
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityTag {
    pub weak: bool,
    pub tag: String,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Etags {
    Any,
    List(Vec<EntityTag>),
}
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    pub if_match: Option<Etags>,
    pub if_none_match: Option<Etags>,
    pub if_unmodified_since: Option<i64>,
    pub if_modified_since: Option<i64>,
}
pub enum Outcome {
    Proceed,
    NotModified,
    Failed,
}
impl Precondition {
    pub fn evaluate(&self, info: Option<&Info>, is_read: bool) -> Outcome {
        Outcome::Proceed
    }
}
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    pub create_only: bool,
    pub precondition: Precondition,
    pub content_type: Option<String>,
}
pub struct Stored {
    pub info: Info,
    pub created: bool,
}
pub struct RenameOptions {
    pub destination: FilePath,
    pub overwrite: bool,
    pub create_parents: bool,
    pub precondition: Precondition,
}
#[derive(Debug, Clone, Default)]
pub struct AttributeChange {
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
}
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    pub recursive: bool,
    pub max_depth: Option<usize>,
    pub after: Option<FilePath>,
    pub limit: usize,
}
pub struct Listing {
    pub directory: Info,
    pub items: Vec<Info>,
    pub next: Option<FilePath>,
}
fn no<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "not merged"))
}
impl Engine {
    pub async fn open(&self, who: &Identity, path: &FilePath) -> Result<Opened> {
        no()
    }
    pub async fn stat(&self, who: &Identity, path: &FilePath) -> Result<Info> {
        no()
    }
    pub async fn put(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        body: Source,
        options: PutOptions,
    ) -> Result<Stored> {
        no()
    }
    pub async fn check_put(
        &self,
        who: &Identity,
        path: &FilePath,
        size: Option<u64>,
        options: &PutOptions,
    ) -> Result<()> {
        no()
    }
    pub async fn make_directory(self: &Arc<Self>, who: &Identity, path: &FilePath) -> Result<Stored> {
        no()
    }
    pub async fn delete(self: &Arc<Self>, who: &Identity, path: &FilePath, precondition: &Precondition) -> Result<()> {
        no()
    }
    pub async fn rename(self: &Arc<Self>, who: &Identity, path: &FilePath, options: RenameOptions) -> Result<FilePath> {
        no()
    }
    pub async fn change_attributes(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        change: AttributeChange,
        precondition: &Precondition,
    ) -> Result<Info> {
        no()
    }
    pub async fn list(self: &Arc<Self>, who: &Identity, path: &FilePath, options: ListOptions) -> Result<Listing> {
        no()
    }
    pub async fn ready(&self) -> Vec<(String, Result<()>)> {
        Vec::new()
    }
}
pub struct Authentication;
impl Authentication {
    pub fn headers(&self) -> &[String] {
        &[]
    }
    pub async fn identify(&self, shown: &[Credential]) -> Result<Arc<Identity>> {
        no()
    }
}
