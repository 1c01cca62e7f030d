//! What is done to a filesystem, and who does it.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::source::Source;

use crate::testing::{World, admin, alice, move_to, path, user};
use crate::{AttributeChange, Info, ListOptions, OpenedPath, PutOptions, RenameOptions};

/// What is told of an operation that succeeded, or the kind of its error.
pub(super) type ModelAnswer = std::result::Result<String, ErrorKind>;

/// Alice and bob have a group in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Alice,
    Bob,
    Admin,
}

#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) who: Who,
    pub(super) act: Act,
    /// Where a crash comes, if it is tried with one: a step, counted from 1.
    pub(super) crash: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Act {
    MakeDirectory(String),
    Put {
        to: String,
        body: String,
        create_only: bool,
    },
    Get(String),
    Stat(String),
    List {
        at: String,
        recursive: bool,
    },
    Rename {
        from: String,
        to: String,
        overwrite: bool,
        create_parents: bool,
    },
    Exchange {
        one: String,
        other: String,
    },
    Copy {
        from: String,
        to: String,
        overwrite: bool,
    },
    Delete {
        at: String,
        recursive: bool,
    },
    ChangeMode {
        at: String,
        mode: u32,
    },
    ChangeOwner {
        at: String,
        owner: Option<&'static str>,
        group: Option<&'static str>,
    },
}

impl Who {
    pub(super) fn identity(self) -> Identity {
        match self {
            Self::Alice => alice(),
            Self::Bob => user("bob", &["crew", "staff"]),
            Self::Admin => admin(),
        }
    }
}

impl Operation {
    /// Does it to the engine.
    pub(super) async fn run(&self, world: &World) -> ModelAnswer {
        let who = self.who.identity();
        let outcome = self.act.run(world, &who).await;
        outcome.map_err(|error| error.kind())
    }
}

impl Act {
    async fn run(&self, world: &World, who: &Identity) -> Result<String> {
        let engine = &world.engine;
        let attributes = async |at: &str, change| {
            let at = path(at);
            let always = Default::default();
            let changed = engine.change_attributes(who, &at, change, &always);
            changed.await.map(|info| shown(&info))
        };
        match self {
            Self::MakeDirectory(at) => {
                let made = world.mkdir(who, at).await?;
                Ok(made_or_not(made.created))
            }
            Self::Put {
                to,
                body,
                create_only,
            } => {
                let options = PutOptions {
                    create_only: *create_only,
                    ..Default::default()
                };
                let body = Source::from_bytes(body.clone());
                let stored = engine.put(who, &path(to), body, options).await?;
                Ok(made_or_not(stored.created))
            }
            Self::Get(at) => match engine.open(who, &path(at), None).await? {
                OpenedPath::Directory(info) => Ok(shown(&info)),
                OpenedPath::File { source, .. } => drained(source).await,
            },
            Self::Stat(at) => engine.stat(who, &path(at)).await.map(|info| shown(&info)),
            Self::List { at, recursive } => {
                let options = ListOptions {
                    recursive: *recursive,
                    limit: 10_000,
                    ..Default::default()
                };
                let listing = engine.list(who, &path(at), options).await?;
                let lines: Vec<String> = listing.items.iter().map(shown).collect();
                Ok(lines.join("\n"))
            }
            Self::Rename {
                from,
                to,
                overwrite,
                create_parents,
            } => {
                let options = RenameOptions {
                    overwrite: *overwrite,
                    create_parents: *create_parents,
                    ..move_to(to)
                };
                let moved = engine.rename(who, &path(from), options).await?;
                Ok(moved.path.to_string())
            }
            Self::Exchange { one, other } => {
                let exchanged = world.exchange(who, one, other).await?;
                Ok(exchanged.to_string())
            }
            Self::Copy {
                from,
                to,
                overwrite,
            } => {
                let stored = world.copy(who, from, to, *overwrite).await?;
                Ok(made_or_not(stored.created))
            }
            Self::Delete {
                at,
                recursive: false,
            } => world.delete(who, at).await.map(|()| String::new()),
            Self::Delete {
                at,
                recursive: true,
            } => world.delete_tree(who, at).await.map(|()| String::new()),
            Self::ChangeMode { at, mode } => {
                let mode = Some(*mode);
                attributes(
                    at,
                    AttributeChange {
                        mode,
                        ..Default::default()
                    },
                )
                .await
            }
            Self::ChangeOwner { at, owner, group } => {
                let change = AttributeChange {
                    owner: owner.map(Into::into),
                    group: group.map(Into::into),
                    ..Default::default()
                };
                attributes(at, change).await
            }
        }
    }
}

/// Whether something new was made.
pub(super) fn made_or_not(made: bool) -> String {
    if made { "made" } else { "there before" }.into()
}

/// A line about a file or directory.
pub(super) fn shown(info: &Info) -> String {
    let Info {
        path,
        kind,
        size,
        mode,
        owner,
        group,
        ..
    } = info;
    format!("{path} {kind:?} {size} {owner}:{group} {mode:o}")
}

/// All bytes of a file.
pub(super) async fn drained(mut source: Source) -> Result<String> {
    let mut all = Vec::new();
    while let Some(piece) = source.next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}
