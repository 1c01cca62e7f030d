mod faults;
mod rights;

use callfs_model::identity::Identity;
use callfs_model::storage::Abilities;

use super::*;
use crate::testing::*;
use crate::{AttributeChange, ListOptions, RenameOptions};

/// A world with another storage at `/far`, and what is to move from where to where.
struct Scene {
    world: World,
    far: Memory,
    from: &'static str,
    to: &'static str,
    /// What is below `from`, and what it says; empty for the file itself.
    files: &'static [(&'static str, &'static str)],
}

const FILE: &[(&str, &str)] = &[("", "the file")];
const TREE: &[(&str, &str)] = &[
    ("/a", "1"),
    ("/deep/er/b", "2"),
    ("/deep/c", "3"),
    ("/z", "4"),
];

async fn scene(
    near: Abilities,
    far: Abilities,
    from: &'static str,
    to: &'static str,
    tree: bool,
) -> Scene {
    let other = Memory::new("far", far);
    let world = World::with_far(near, other.clone()).await;
    let files = if tree { TREE } else { FILE };
    for (below, says) in files {
        world
            .put(&alice(), &format!("{from}{below}"), says)
            .await
            .expect("stored");
    }
    if tree {
        world
            .mkdir(&alice(), &format!("{from}/empty"))
            .await
            .expect("made");
    }
    Scene {
        world,
        far: other,
        from,
        to,
        files,
    }
}

/// How many kinds of scenes there are.
const KINDS: usize = 11;

/// Every kind of storage with every other, in both directions, and the ways within one that cannot
/// rename.
async fn nth(which: usize, tree: bool) -> Scene {
    let pairs = [
        (folder(), plain()),
        (plain(), bucket()),
        (copying_bucket(), folder()),
        (copier(), bucket()),
    ];
    let alone = [
        bucket(),
        copying_bucket(),
        Abilities {
            rename: false,
            ..copier()
        },
    ];
    match which {
        0..4 => scene(pairs[which].0, pairs[which].1, "/src", "/far/dst", tree).await,
        4..8 => {
            scene(
                pairs[which - 4].0,
                pairs[which - 4].1,
                "/far/src",
                "/dst",
                tree,
            )
            .await
        }
        _ => scene(alone[which - 8], folder(), "/src", "/dst", tree).await,
    }
}

async fn scenes(tree: bool) -> Vec<Scene> {
    futures_util::future::join_all((0..KINDS).map(|which| nth(which, tree))).await
}

impl Scene {
    async fn relocate(&self, who: &Identity) -> Result<FilePath> {
        self.world.rename(who, self.from, self.to).await
    }

    /// The same, in the place of what is there.
    async fn replace(&self, who: &Identity) -> Result<FilePath> {
        let over = RenameOptions {
            overwrite: true,
            ..move_to(self.to)
        };
        let moved = self.world.engine.rename(who, &path(self.from), over).await;
        moved.map(|info| info.path)
    }

    /// Whether all of it is at a path; never a part of it.
    async fn is_at(&self, at: &str) -> bool {
        let mut there = Vec::new();
        for (below, says) in self.files {
            match self.world.get(&admin(), &format!("{at}{below}")).await {
                Ok(found) => {
                    assert_eq!(found, *says, "{at}{below}");
                    there.push(true);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{at}{below}: {error}");
                    there.push(false);
                }
            }
        }
        let all = there.iter().all(|one| *one);
        assert!(
            all || !there.iter().any(|one| *one),
            "a part of it is at {at}: {there:?}"
        );
        let listed = self
            .world
            .list(
                &admin(),
                at,
                ListOptions {
                    recursive: true,
                    limit: 100,
                    ..Default::default()
                },
            )
            .await;
        match (all, self.files.len()) {
            (true, 1) => assert_eq!(kind(listed), ErrorKind::NotADirectory),
            (true, _) => {
                let names: Vec<String> = listed
                    .expect("listed")
                    .iter()
                    .map(|one| one[at.len()..].into())
                    .collect();
                assert_eq!(
                    names,
                    ["a", "deep", "deep/c", "deep/er", "deep/er/b", "empty", "z"]
                );
            }
            (false, _) => assert_eq!(kind(listed), ErrorKind::NotFound),
        }
        all
    }

    /// The names that their directories list.
    async fn is_listed_at(&self, at: &str) -> bool {
        let parent = path(at).parent().expect("not the root");
        let all = ListOptions {
            limit: 100,
            ..Default::default()
        };
        let names = self
            .world
            .list(&admin(), parent.as_str(), all)
            .await
            .expect("listed");
        names.iter().any(|name| *name == at[1..])
    }

    /// At which of its two paths it is: at one, whole, in every way of looking.
    async fn where_it_is(&self) -> &'static str {
        let source = self.is_at(self.from).await;
        let destination = self.is_at(self.to).await;
        assert!(
            source != destination,
            "source {source}, destination {destination}"
        );
        assert_eq!(
            (
                self.is_listed_at(self.from).await,
                self.is_listed_at(self.to).await
            ),
            (source, destination)
        );
        if source { self.from } else { self.to }
    }

    /// What both storages hold, apart from directories.
    fn objects(&self) -> usize {
        let is_ours = |path: &String| {
            self.files.iter().any(|(below, _)| {
                path.ends_with(&format!("src{below}")) || path.ends_with(&format!("dst{below}"))
            })
        };
        self.world
            .disk
            .paths()
            .iter()
            .chain(&self.far.paths())
            .filter(|path| is_ours(path))
            .count()
    }

    /// One copy of everything, and nothing that was begun.
    fn assert_clean(&self) {
        assert_eq!(
            self.objects(),
            self.files.len(),
            "{:?} {:?}",
            self.world.disk.paths(),
            self.far.paths()
        );
        assert_eq!(self.world.metadata.intents_left(), 0, "intents are left");
        assert_eq!(
            self.world.engine.tombstones.view().len(),
            0,
            "something stays hidden"
        );
        let owners = self.world.metadata.owners();
        let strays: Vec<_> = owners
            .iter()
            .filter(|owner| owner.ends_with(" root") && *owner != "/far root")
            .collect();
        assert!(strays.is_empty(), "{strays:?}");
    }
}

#[tokio::test]
async fn a_reader_sees_it_at_one_path_and_whole_at_every_step() {
    for tree in [false, true] {
        for scene in scenes(tree).await {
            let mut seen = Vec::new();
            let moved =
                scene
                    .world
                    .steps
                    .drive(async { scene.relocate(&alice()).await }, async || {
                        let at = scene.where_it_is().await;
                        if seen.last() != Some(&at) {
                            seen.push(at);
                        }
                    });
            moved.await.expect("moved");
            assert_eq!(seen, [scene.from, scene.to]);
            scene.assert_clean();
            scene.world.assert_quiet();
        }
    }
}

#[tokio::test]
async fn a_directory_over_an_empty_one_is_empty_until_it_is_whole() {
    for scene in scenes(true).await {
        scene.world.mkdir(&alice(), scene.to).await.expect("made");
        scene.world.chmod(&alice(), scene.to, 0o711).await;
        let moved = scene
            .world
            .steps
            .drive(async { scene.replace(&alice()).await }, async || {
                let info = scene
                    .world
                    .engine
                    .stat(&admin(), &path(scene.to))
                    .await
                    .expect("there all the time");
                let all = ListOptions {
                    limit: 100,
                    ..Default::default()
                };
                let names = scene
                    .world
                    .list(&admin(), scene.to, all)
                    .await
                    .expect("listed")
                    .len();
                assert!(
                    [(0o711, 0), (0o755, 4)].contains(&(info.mode, names)),
                    "{:o} {names}",
                    info.mode
                );
                assert_eq!(scene.is_at(scene.from).await, names == 0);
            });
        moved.await.expect("moved");
        scene.assert_clean();
        // And when it fails, it is the empty directory that it was.
        scene.world.mkdir(&alice(), scene.from).await.expect("made");
        scene.world.chmod(&alice(), scene.from, 0o700).await;
        scene
            .world
            .engine
            .rename(
                &alice(),
                &path(scene.to),
                RenameOptions {
                    overwrite: true,
                    ..move_to(scene.from)
                },
            )
            .await
            .expect("back");
        scene.world.mkdir(&alice(), scene.to).await.expect("made");
        scene.world.chmod(&alice(), scene.to, 0o711).await;
        let (storage, rest) = scene.world.storage_of(scene.from);
        storage.plant_special(&format!("{rest}/zz"));
        assert_eq!(kind(scene.replace(&alice()).await), ErrorKind::Unsupported);
        assert_eq!(
            scene
                .world
                .engine
                .stat(&admin(), &path(scene.to))
                .await
                .expect("there")
                .mode,
            0o711
        );
        assert!(
            scene
                .world
                .list(
                    &admin(),
                    scene.to,
                    ListOptions {
                        limit: 9,
                        ..Default::default()
                    }
                )
                .await
                .expect("listed")
                .is_empty()
        );
        scene.world.assert_quiet();
    }
}

#[tokio::test]
async fn a_file_over_a_file_is_the_old_one_until_it_is_the_new_one() {
    for scene in scenes(false).await {
        scene
            .world
            .put(&alice(), scene.to, "the old one")
            .await
            .expect("stored");
        let mut seen = Vec::new();
        let moved = scene
            .world
            .steps
            .drive(async { scene.replace(&alice()).await }, async || {
                let source = scene.world.get(&admin(), scene.from).await.is_ok();
                let destination = scene
                    .world
                    .get(&admin(), scene.to)
                    .await
                    .expect("there all the time");
                if seen.last() != Some(&(source, destination.clone())) {
                    seen.push((source, destination));
                }
            });
        moved.await.expect("moved");
        let step = |source: bool, text: &str| (source, text.to_owned());
        assert_eq!(
            seen,
            [
                step(true, "the old one"),
                step(true, "the file"),
                step(false, "the file")
            ]
        );
        scene.assert_clean();
    }
}

#[tokio::test]
async fn nobody_may_do_more_with_a_file_being_replaced_than_with_either() {
    for scene in scenes(false).await {
        scene
            .world
            .put(&alice(), scene.to, "public")
            .await
            .expect("stored");
        scene.world.chmod(&alice(), scene.from, 0o600).await;
        let moved = scene
            .world
            .steps
            .drive(async { scene.replace(&alice()).await }, async || {
                let seen = scene.world.get(&bob(), scene.to).await;
                assert!(
                    seen.as_ref().map_or_else(
                        |error| error.kind() == ErrorKind::PermissionDenied,
                        |text| text == "public"
                    ),
                    "{seen:?}"
                );
            });
        moved.await.expect("moved");
        assert_eq!(
            kind(scene.world.get(&bob(), scene.to).await),
            ErrorKind::PermissionDenied
        );
    }
}

#[tokio::test]
async fn everything_keeps_what_belongs_to_it() {
    for scene in scenes(true).await {
        let deep = format!("{}/deep", scene.from);
        let file = format!("{deep}/c");
        let options = crate::PutOptions {
            content_type: Some("text/x-a".into()),
            ..Default::default()
        };
        scene
            .world
            .engine
            .put(
                &alice(),
                &path(&file),
                callfs_model::source::Source::from_bytes("3"),
                options,
            )
            .await
            .expect("stored");
        scene.world.chmod(&alice(), &deep, 0o1700).await;
        let change = AttributeChange {
            owner: Some("bob".into()),
            group: Some("art".into()),
            mode: Some(0o1640),
            modified: Some(7),
        };
        let before = scene
            .world
            .engine
            .change_attributes(&admin(), &path(&file), change, &Default::default())
            .await
            .expect("changed");
        scene.relocate(&alice()).await.expect("moved");
        let at = path(&file.replace(scene.from, scene.to));
        let after = scene.world.engine.stat(&admin(), &at).await.expect("there");
        let same = |info: crate::Info| crate::Info {
            path: at.clone(),
            etag: None,
            ..info
        };
        assert_eq!(same(after.clone()), same(before));
        assert_eq!(
            (
                after.modified,
                after.content_type.as_deref(),
                after.sha256.is_some()
            ),
            (Some(7), Some("text/x-a"), true)
        );
        assert_eq!(
            scene
                .world
                .engine
                .stat(&admin(), &at.parent().expect("deep"))
                .await
                .expect("there")
                .mode,
            0o1700
        );
        scene.world.assert_quiet();
    }
}

#[tokio::test]
async fn what_the_destination_cannot_hold_refuses_the_whole() {
    for scene in scenes(true).await {
        for link in [false, true] {
            let (near, rest) = scene.world.storage_of(scene.from);
            let odd = format!("{rest}/deep/odd");
            if link {
                near.plant_link(&odd)
            } else {
                near.plant_special(&odd)
            }
            let error = scene.relocate(&alice()).await.expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(
                error
                    .message()
                    .contains(&format!("{}/deep/odd", scene.from)),
                "{error}"
            );
            near.uproot(&odd);
            assert_eq!(scene.where_it_is().await, scene.from);
            scene.world.assert_quiet();
        }
    }
    let scene = scene(folder(), Abilities::default(), "/src", "/far/dst", true).await;
    for from in ["/src", "/src/a"] {
        let error = scene
            .world
            .rename(&alice(), from, "/far/dst")
            .await
            .expect_err("refused");
        assert!(
            error.kind() == ErrorKind::Unsupported && error.message().contains("far"),
            "{error}"
        );
    }
    scene.far.plant("kept", "x");
    assert_eq!(
        kind(scene.world.rename(&admin(), "/far/kept", "/kept").await),
        ErrorKind::Unsupported
    );
}

#[tokio::test]
async fn asks_as_every_other_move_does() {
    for scene in scenes(true).await {
        assert_eq!(
            kind(scene.relocate(&bob()).await),
            ErrorKind::PermissionDenied
        );
        scene
            .world
            .mkdir(&alice(), "/far/closed")
            .await
            .expect("made");
        scene.world.mkdir(&alice(), "/closed").await.expect("made");
        scene.world.mkdir(&bob(), "/bobs").await.expect("made");
        for closed in ["/closed/dst", "/far/closed/dst"] {
            assert_eq!(
                kind(scene.world.rename(&bob(), "/bobs", closed).await),
                ErrorKind::PermissionDenied
            );
        }
        // What is closed to its mover moves all the same: it only gets another name.
        scene
            .world
            .chmod(&alice(), &format!("{}/deep", scene.from), 0)
            .await;
        scene.relocate(&alice()).await.expect("moved");
        assert_eq!(scene.where_it_is().await, scene.to);
    }
}
