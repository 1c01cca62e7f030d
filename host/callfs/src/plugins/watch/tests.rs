use std::fs::File;
use std::io::Write;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

const LONG: Duration = Duration::from_secs(60);
const A_WHILE: Duration = Duration::from_millis(500);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn blind(_: &Path) -> io::Result<Kernel> {
    Err(io::ErrorKind::Unsupported.into())
}

async fn changed(watch: &mut FolderWatch) -> bool {
    timeout(A_WHILE, watch.changed()).await.is_ok()
}

async fn will_change(watch: &mut FolderWatch) {
    timeout(LONG, watch.changed()).await.expect("told");
}

#[tokio::test]
async fn tells_of_what_is_whole_and_not_of_what_is_being_written() {
    let folder = folder();
    let mut watch = FolderWatch::start(folder.path().into());
    assert!(!changed(&mut watch).await, "nothing happened");
    let mut file = File::create(folder.path().join("a.wasm")).expect("made");
    file.write_all(b"half").expect("written");
    file.sync_all().expect("written");
    assert!(!changed(&mut watch).await, "it is being written");
    drop(file);
    will_change(&mut watch).await;

    fs::rename(folder.path().join("a.wasm"), folder.path().join("b.wasm")).expect("renamed");
    will_change(&mut watch).await;
    symlink("b.wasm", folder.path().join("c.wasm")).expect("linked");
    will_change(&mut watch).await;
    fs::hard_link(folder.path().join("b.wasm"), folder.path().join("d.wasm")).expect("linked");
    will_change(&mut watch).await;
    fs::remove_file(folder.path().join("b.wasm")).expect("removed");
    will_change(&mut watch).await;
    fs::read(folder.path().join("d.wasm")).expect("read");
    assert!(!changed(&mut watch).await, "reading changes nothing");
}

#[tokio::test]
async fn many_changes_at_once_are_told_once() {
    let folder = folder();
    let mut watch = FolderWatch::start(folder.path().into());
    for name in 0..50 {
        fs::write(folder.path().join(name.to_string()), b"x").expect("written");
    }
    will_change(&mut watch).await;
    assert!(!changed(&mut watch).await, "it was told");
}

#[tokio::test]
async fn goes_on_with_a_folder_that_takes_the_place_of_the_first() {
    let around = folder();
    let here = around.path().join("plugins");
    let aside = around.path().join("aside");
    fs::create_dir(&here).expect("made");
    let mut watch = FolderWatch::start(here.clone());
    assert!(!changed(&mut watch).await, "nothing happened");
    fs::rename(&here, &aside).expect("moved");
    fs::create_dir(&here).expect("made");
    will_change(&mut watch).await;
    fs::write(here.join("a.wasm"), b"x").expect("written");
    will_change(&mut watch).await;
}

#[tokio::test]
async fn looks_by_itself_where_the_kernel_does_not() {
    let folder = folder();
    let mut watch = FolderWatch::with(folder.path().into(), blind);
    assert!(!changed(&mut watch).await, "nothing happened");
    fs::write(folder.path().join("a.wasm"), b"x").expect("written");
    will_change(&mut watch).await;
    fs::write(folder.path().join("a.wasm"), b"y").expect("written");
    will_change(&mut watch).await;
}

#[tokio::test]
async fn tells_of_what_changed_before_the_kernel_looked() {
    let folder = folder();
    fs::write(folder.path().join("a.wasm"), b"x").expect("written");
    let mut watch = FolderWatch::start(folder.path().into());
    // The task has not run yet: there is one thread.
    fs::write(folder.path().join("b.wasm"), b"x").expect("written");
    will_change(&mut watch).await;
}

#[tokio::test]
async fn goes_on_with_a_folder_that_takes_the_place_of_a_full_one() {
    let around = folder();
    let here = around.path().join("plugins");
    fs::create_dir(&here).expect("made");
    for name in 0..20 {
        fs::write(here.join(name.to_string()), b"x").expect("written");
    }
    let mut watch = FolderWatch::start(here.clone());
    assert!(!changed(&mut watch).await, "nothing happened");
    fs::remove_dir_all(&here).expect("removed");
    fs::create_dir(&here).expect("made");
    while changed(&mut watch).await {}
    timeout(LONG, async {
        // Once it is watched again, somebody is told, again and again.
        for _ in 0..3 {
            fs::write(here.join("a.wasm"), b"x").expect("written");
            watch.changed().await;
        }
    })
    .await
    .expect("told");
}

#[tokio::test]
async fn tells_of_what_changes_behind_a_link() {
    let around = folder();
    let folder = folder();
    let target = around.path().join("a.wasm");
    fs::write(&target, b"x").expect("written");
    symlink(&target, folder.path().join("a.wasm")).expect("linked");
    let mut watch = FolderWatch::start(folder.path().into());
    assert!(!changed(&mut watch).await, "nothing happened");
    fs::write(&target, b"another").expect("written");
    will_change(&mut watch).await;
}
