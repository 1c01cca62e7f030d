//! Links: their values, and the script that reads and changes them.

use std::sync::LazyLock;

use ::redis::{Script, ScriptInvocation};
use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::metadata::{
    Link, LinkChange, LinkId, LinkOptions, LinkStore, MakerRights, Use, link_changed, link_exists,
};
use serde::{Deserialize, Serialize};

use super::RedisStore;
use super::failure::damaged;
use super::keys::RedisKeys;
use super::row::{json, numbered, parsed};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("links.lua")));

/// Links that are swept in one script: while it runs, everybody else waits.
const SWEEP: usize = 500;

#[async_trait]
impl LinkStore for RedisStore {
    async fn change(&self, change: LinkChange) -> Result<()> {
        match change {
            LinkChange::Create(link) => self.create_link(link).await,
            LinkChange::Issue(link, rights) => self.create_link(Link { rights, ..link }).await,
            LinkChange::Offer(link, rights, options) => {
                let link = Link {
                    rights,
                    options,
                    ..link
                };
                self.create_link(link).await
            }
            LinkChange::Replace(link) => self.replace_link(&link).await,
            LinkChange::Remove(id) => {
                let mut remove = script(&self.keys, "remove");
                remove.arg(&id);
                self.run::<usize>(remove).await.map(drop)
            }
            LinkChange::Sweep(before) => self.sweep_links(before).await,
        }
    }

    async fn by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        let mut read = script(&self.keys, "by_token");
        read.arg(hex::encode(token_sha256));
        Ok(links(self.read(read).await?)?.pop())
    }

    async fn by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        let mut read = script(&self.keys, "by_id");
        read.arg(id);
        Ok(links(self.read(read).await?)?.pop())
    }

    async fn list(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        let after = after.map_or(&[][..], |id| id);
        let mut list = script(&self.keys, "list");
        match maker {
            Some(maker) => {
                // ';' comes after ':', and no maker's digits contain either.
                let maker = hex::encode(maker);
                let lower = [b"(", maker.as_bytes(), b":", after].concat();
                list.arg("makers").arg(lower).arg(format!("({maker};"));
            }
            None => {
                let lower = if after.is_empty() {
                    b"-".to_vec()
                } else {
                    [b"(", after].concat()
                };
                list.arg("ids").arg(lower).arg("+");
            }
        }
        list.arg(limit);
        links(self.read(list).await?)
    }
}

impl RedisStore {
    async fn create_link(&self, link: Link) -> Result<()> {
        let mut create = script(&self.keys, "create");
        create
            .arg(&link.id)
            .arg(hex::encode(link.token_sha256))
            .arg(hex::encode(&link.maker));
        create.arg(json(&LinkBody {
            rights: link.rights.clone(),
            options: link.options,
            link: Link {
                spent: 0,
                uses: Vec::new(),
                revision: 0,
                ..link.clone()
            },
        })?);
        create.arg(uses(&link)?).arg(link.kept_until());
        match self.run(create).await? {
            0 => Err(link_exists()),
            _ => Ok(()),
        }
    }

    async fn replace_link(&self, link: &Link) -> Result<()> {
        let mut replace = script(&self.keys, "replace");
        replace
            .arg(&link.id)
            .arg(link.revision)
            .arg(link.revision.saturating_add(1));
        replace.arg(uses(link)?).arg(link.kept_until());
        match self.run(replace).await? {
            1 => Ok(()),
            _ => Err(link_changed()),
        }
    }

    async fn sweep_links(&self, before: i64) -> Result<()> {
        loop {
            let mut sweep = script(&self.keys, "sweep");
            sweep.arg(before).arg(SWEEP);
            if self.run::<usize>(sweep).await? < SWEEP {
                return Ok(());
            }
        }
    }
}

fn script(keys: &RedisKeys, what: &str) -> ScriptInvocation<'static> {
    let mut script = SCRIPT.prepare_invoke();
    for name in [
        "links",
        "link-uses",
        "link-tokens",
        "link-ids",
        "link-makers",
        "link-ends",
    ] {
        script.key(keys.of(name));
    }
    script.arg(what);
    script
}

/// What of a link never changes.
#[derive(Serialize, Deserialize)]
struct LinkBody {
    #[serde(flatten)]
    link: Link,
    #[serde(default)]
    rights: MakerRights,
    #[serde(default)]
    options: LinkOptions,
}

/// What of a link changes.
fn uses(link: &Link) -> Result<Vec<u8>> {
    json(&(link.spent, &link.uses))
}

/// Link and uses in turn.
fn links(values: Vec<Vec<u8>>) -> Result<Vec<Link>> {
    values
        .chunks(2)
        .map(|pair| {
            let [link, uses] = pair else {
                return Err(damaged("a link without uses"));
            };
            // After its token and its maker.
            let body = link
                .splitn(3, |byte| *byte == b' ')
                .nth(2)
                .ok_or_else(|| damaged("a link without a body"))?;
            let (revision, (spent, uses)): (u64, (u32, Vec<Use>)) = numbered(uses)?;
            let LinkBody {
                link,
                rights,
                options,
            } = parsed(body)?;
            Ok(Link {
                spent,
                uses,
                revision,
                rights,
                options,
                ..link
            })
        })
        .collect()
}
