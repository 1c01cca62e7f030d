use callfs_model::error::ErrorKind;
use callfs_model::metadata::{Change, Metadata as _};
use callfs_model::storage::EntryKind;

use super::*;
use crate::testing::*;

/// What was found, as `dangling /a`, with `+` in front of what was repaired.
#[derive(Default)]
struct Heard(Vec<String>);

impl Witness for Heard {
    fn found(&mut self, finding: &FsckFinding) {
        let repaired = if finding.repaired { "+" } else { "" };
        let problem = serde_json::to_value(finding.problem).expect("a word");
        self.0.push(format!(
            "{repaired}{} {}",
            problem.as_str().expect("a word"),
            finding.path
        ));
    }

    fn progress(&mut self, _: &Summary) {}
}

async fn fsck(world: &World, within: &str, repair: bool, adopt: bool) -> (Vec<String>, Summary) {
    let options = FsckOptions {
        within: path(within),
        repair,
        adopt,
        accept_empty: false,
    };
    fsck_as(world, &options).await
}

async fn fsck_as(world: &World, options: &FsckOptions) -> (Vec<String>, Summary) {
    let mut heard = Heard::default();
    let summary = world
        .engine
        .fsck(options, &mut heard)
        .await
        .expect("compared");
    heard.0.sort();
    (heard.0, summary)
}

async fn look(world: &World) -> Vec<String> {
    fsck(world, "/", false, false).await.0
}

/// A bit of everything: `/a!` sorts between `/a` and `/a/b`.
async fn filled(world: &World) {
    for directory in ["/a", "/a/b", "/a!"] {
        world.mkdir(&alice(), directory).await.expect("made");
    }
    for file in ["/a/b/1", "/a/b/2", "/a!/3", "/a/4", "/5"] {
        world.put(&alice(), file, "text").await.expect("stored");
    }
}

#[tokio::test]
async fn finds_nothing_where_nothing_is_wrong() {
    for abilities in [folder(), plain(), bucket()] {
        let world = World::new(abilities);
        filled(&world).await;
        let (found, summary) = fsck(&world, "/", true, true).await;
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(
            (summary.left(), summary.records, summary.objects),
            (0, 8, 9),
            "the root is one of the objects"
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn tells_everything_and_changes_nothing() {
    let world = World::new(folder());
    filled(&world).await;
    world.disk.uproot("a/b");
    world.disk.uproot("5");
    world.disk.plant_directory("5", 0o750);
    world.disk.uproot("a!");
    world.disk.plant("a!", "a file");
    world.disk.rewrite("a/4", "other bytes");
    world.disk.plant("new/6", "unrecorded");
    world.disk.plant_special("pipe");
    let before = world.metadata.owners();
    let disk = world.disk.paths();
    let expected = [
        "changed /a/4",
        "dangling /a!/3",
        "dangling /a/b",
        "dangling /a/b/1",
        "dangling /a/b/2",
        "unrecorded /new",
        "unrecorded /new/6",
        "wrong_kind /5",
        "wrong_kind /a!",
    ];
    let (found, summary) = fsck(&world, "/", false, false).await;
    assert_eq!(found, expected);
    assert_eq!(
        (summary.left(), summary.tally(FsckProblem::Dangling)),
        (
            6,
            Tally {
                found: 4,
                repaired: 0
            }
        )
    );
    assert_eq!(
        (world.metadata.owners(), world.disk.paths()),
        (before, disk),
        "a look changes nothing"
    );
}

#[tokio::test]
async fn repairs_what_is_wrong_and_adopts_only_when_asked() {
    let world = World::new(folder());
    filled(&world).await;
    world.disk.uproot("a/b");
    world.disk.uproot("5");
    world.disk.plant_directory("5", 0o750);
    world.disk.plant("new", "unrecorded");
    let disk = world.disk.paths();
    let (found, summary) = fsck(&world, "/", true, false).await;
    let mended = [
        "+dangling /a/b",
        "+dangling /a/b/1",
        "+dangling /a/b/2",
        "+wrong_kind /5",
        "unrecorded /new",
    ];
    assert_eq!(
        (found, summary.left()),
        (mended.map(ToOwned::to_owned).to_vec(), 0)
    );
    assert_eq!(look(&world).await, ["unrecorded /5", "unrecorded /new"]);

    let (found, _) = fsck(&world, "/", true, true).await;
    assert_eq!(found, ["+unrecorded /5", "+unrecorded /new"]);
    let adopted = world.metadata.record("/5").expect("recorded");
    assert_eq!(
        (
            adopted.owner.as_str(),
            adopted.mode,
            adopted.content.is_none()
        ),
        ("root", 0o750, true)
    );
    assert_eq!(
        world.metadata.record("/new").map(|record| record.mode),
        Some(0o644)
    );
    assert!(look(&world).await.is_empty());
    assert_eq!(world.disk.paths(), disk, "no repair touches what is stored");
    world.assert_quiet();
}

#[tokio::test]
async fn finds_records_that_no_directory_leads_to() {
    let world = World::new(folder());
    filled(&world).await;
    // Its directories were never recorded, and are gone.
    world
        .metadata
        .apply(vec![
            Change::Remove(path("/a")),
            Change::Remove(path("/a/b")),
        ])
        .await
        .expect("forgotten");
    world.disk.uproot("a");
    assert_eq!(
        look(&world).await,
        ["dangling /a/4", "dangling /a/b/1", "dangling /a/b/2"]
    );
    assert_eq!(
        fsck(&world, "/a/b", true, false).await.0,
        ["+dangling /a/b/1", "+dangling /a/b/2"]
    );
    assert_eq!(
        look(&world).await,
        ["dangling /a/4"],
        "only what was asked for is repaired"
    );
}

#[tokio::test]
async fn nothing_is_forgotten_below_a_directory_that_is_empty_until_that_is_said() {
    type Deed = fn(&Memory);
    let deeds: [(&str, Deed, &str); 3] = [
        (
            "all of it was removed",
            |disk| {
                disk.uproot("a/b/1");
                disk.uproot("a/b/2");
            },
            "/a/b",
        ),
        (
            "an empty one is in its place",
            |disk| {
                disk.uproot("a/b");
                disk.plant_directory("a/b", 0o755);
            },
            "/a/b",
        ),
        (
            "and it had directories in it",
            |disk| {
                disk.uproot("a");
                disk.plant_directory("a", 0o755);
            },
            "/a",
        ),
    ];
    for (what, deed, emptied) in deeds {
        let world = World::new(folder());
        filled(&world).await;
        deed(&world.disk);
        let owners = world.metadata.owners();
        let expected = [format!("emptied {emptied}")];
        for (repair, adopt) in [(false, false), (true, false), (true, true)] {
            for within in ["/", emptied] {
                let (found, summary) = fsck(&world, within, repair, adopt).await;
                assert_eq!(found, expected, "{what}: {within} {repair} {adopt}");
                assert_eq!(summary.left(), 1, "{what}");
                assert_eq!(world.metadata.owners(), owners, "{what}: {adopt}");
            }
        }
        let accepting = FsckOptions {
            within: path(emptied),
            repair: true,
            adopt: false,
            accept_empty: true,
        };
        let (_, summary) = fsck_as(&world, &accepting).await;
        let dangling = summary.tally(FsckProblem::Dangling);
        assert!(dangling.found >= 2, "{what}: {dangling:?}");
        assert_eq!(summary.left(), 0, "{what}");
        let below = format!("{emptied}/");
        let mut owners = world.metadata.owners().into_iter();
        assert!(!owners.any(|owner| owner.starts_with(&below)), "{what}");
        assert_eq!(fsck(&world, "/", false, false).await.1.left(), 0, "{what}");
    }
}

#[tokio::test]
async fn goes_through_more_names_than_a_page_holds() {
    let world = World::new(folder());
    for number in 0..600 {
        world
            .put(&alice(), &format!("/{number:03}"), "text")
            .await
            .expect("stored");
    }
    for gone in ["000", "255", "256", "599"] {
        world.disk.uproot(gone);
    }
    world.disk.plant("256a", "new");
    let found = look(&world).await;
    assert_eq!(
        found,
        [
            "dangling /000",
            "dangling /255",
            "dangling /256",
            "dangling /599",
            "unrecorded /256a"
        ]
    );
}

#[tokio::test]
async fn a_record_is_an_empty_directory_where_directories_are_prefixes() {
    let world = World::new(bucket());
    world.mkdir(&alice(), "/empty").await.expect("made");
    world.mkdir(&alice(), "/empty/inner").await.expect("made");
    world
        .put(&alice(), "/empty/inner/file", "text")
        .await
        .expect("stored");
    world.disk.plant("prefix/file", "text");
    assert_eq!(
        look(&world).await,
        ["unrecorded /prefix/file"],
        "a prefix is nothing to record"
    );
    world.disk.uproot("empty");
    let (found, _) = fsck(&world, "/", true, false).await;
    assert_eq!(
        found,
        ["+dangling /empty/inner/file", "unrecorded /prefix/file"]
    );
    assert_eq!(
        world.metadata.owners(),
        ["/empty alice", "/empty/inner alice"]
    );
}

#[tokio::test]
async fn looks_for_each_path_in_its_own_mount() {
    let far = Memory::new("far", bucket());
    let world = World::with(folder(), vec![("/deep/far", far.clone())]);
    far.plant("seen", "text");
    world
        .put(&admin(), "/deep/far/known", "text")
        .await
        .expect("stored");
    world.put(&admin(), "/near", "text").await.expect("stored");
    // What the root's storage has under the mount is hidden by it.
    world.disk.plant("deep/far/hidden", "text");
    assert_eq!(
        look(&world).await,
        ["unrecorded /deep/far/seen"],
        "mounts, and what leads to them, need no record"
    );
    far.uproot("known");
    assert!(
        look(&world)
            .await
            .contains(&"dangling /deep/far/known".to_owned())
    );

    // What does not answer is unknown, and its neighbours are not.
    far.fail(ErrorKind::BackendUnavailable);
    world.disk.uproot("near");
    let (found, summary) = fsck(&world, "/", true, true).await;
    assert_eq!(found, ["+dangling /near", "unasked /deep/far"]);
    assert_eq!(
        (
            summary.left(),
            world.metadata.record("/deep/far/known").is_some()
        ),
        (1, true)
    );
}

#[tokio::test]
async fn a_mount_below_one_that_does_not_answer_is_compared() {
    let far = Memory::new("far", folder());
    let world = World::with(folder(), vec![("/far", far.clone())]);
    world.put(&alice(), "/near", "text").await.expect("stored");
    world
        .put(&admin(), "/far/gone", "text")
        .await
        .expect("stored");
    far.uproot("gone");
    world.disk.fail(ErrorKind::BackendTimeout);
    let (found, _) = fsck(&world, "/", true, false).await;
    assert_eq!(found, ["+dangling /far/gone", "unasked /"]);
    assert!(
        world.metadata.record("/near").is_some(),
        "what is unknown stays"
    );
}

#[tokio::test]
async fn what_a_link_leads_to_is_looked_at_name_by_name() {
    let world = World::new(folder());
    world.disk.plant_link("link");
    world.disk.plant("link/kept", "text");
    let record = |at: &str| {
        let content = Some(Default::default());
        let owner = "alice".to_owned();
        let group = "staff".to_owned();
        Change::Put(callfs_model::metadata::Record {
            path: path(at),
            owner,
            group,
            mode: 0o644,
            content,
            object: None,
            next: None,
            revision: 0,
        })
    };
    world
        .metadata
        .apply(vec![record("/link/kept"), record("/link/gone")])
        .await
        .expect("recorded");
    assert_eq!(
        look(&world).await,
        ["dangling /link/gone", "unrecorded /link"]
    );
}

#[tokio::test]
async fn heals_what_was_begun_and_hides_what_is_discarded() {
    let world = World::new(folder());
    world.disk.plant("half/built", "text");
    world.disk.plant("kept", "text");
    let tombstone = Intent::Tombstone {
        path: path("/half"),
        inside: false,
        storage: None,
        newest: None,
    };
    let reconcile = Intent::Reconcile {
        path: path("/nothing"),
    };
    let engine = &world.engine;
    let built = [
        ("/half", EntryKind::Directory),
        ("/half/built", EntryKind::File),
    ];
    let built = built.map(|(at, kind)| engine.new_record(&alice(), &path(at), kind));
    let [directory, file] = built.map(Change::Put);
    let begun = vec![
        directory,
        file,
        Change::Begin([1; 16], tombstone),
        Change::Begin([2; 16], reconcile),
    ];
    world.metadata.apply(begun).await.expect("begun");
    let (found, summary) = fsck(&world, "/", false, false).await;
    assert_eq!(
        found,
        [
            "unfinished /half",
            "unfinished /nothing",
            "unrecorded /kept"
        ]
    );
    assert_eq!(
        (
            summary.left(),
            world.metadata.intents_left(),
            world.disk.has("half/built")
        ),
        (2, 2, true)
    );

    let world = world.restarted();
    world.disk.keep(true);
    let (found, summary) = fsck(&world, "/", true, false).await;
    assert_eq!(
        found,
        [
            "+unfinished /nothing",
            "unfinished /half",
            "unrecorded /kept"
        ]
    );
    assert_eq!(summary.left(), 1, "its storage refuses");

    world.disk.keep(false);
    let world = world.restarted();
    let (found, summary) = fsck(&world, "/", true, false).await;
    assert_eq!(found, ["+unfinished /half", "unrecorded /kept"]);
    assert_eq!((summary.left(), world.disk.has("half/built")), (0, false));
    world.assert_quiet();
}
