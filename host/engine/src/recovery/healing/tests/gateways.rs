//! Several gateways on one metadata store, one storage and one lock manager.

use tokio::sync::watch;

use super::*;

#[tokio::test]
async fn recovery_leaves_alone_what_another_gateway_works_on() {
    for abilities in all_abilities() {
        for operation in ALL {
            let one = world(abilities).await;
            let mut busy = 0;
            let running = one
                .steps
                .drive(async { operation.run(&one).await }, async || {
                    let held = one.locks.held();
                    let intents = one.metadata.intents_left();
                    one.beside().engine.recover().await.expect("asked");
                    if held > 0 && intents > 0 {
                        busy += 1;
                        assert_eq!(
                            one.metadata.intents_left(),
                            intents,
                            "{operation:?}: it was taken from its owner"
                        );
                    }
                });
            let outcome = running.await;
            operation
                .assert_outcome(&one, &outcome, &format!("{operation:?}"))
                .await;
            outcome.expect("undisturbed");
            let begins =
                !matches!(operation, Replace | ChangeMode) && !abilities.implicit_directories;
            assert!(
                !begins || busy > 0,
                "{operation:?}: nobody looked while it was under way"
            );
        }
    }
}

#[tokio::test]
async fn what_others_hide_is_hidden_for_as_long_as_they_hide_it() {
    let one = world(folder()).await;
    let other = one.beside();
    let mut seen = Vec::new();
    let mut hidden = 0;
    let running = one
        .steps
        .drive(async { RelocateTree.run(&one).await }, async || {
            other.engine.look_again().await.expect("told");
            let there = async |at: &str| other.get(&admin(), at).await.is_ok();
            let at = (there("/tree/deep/b").await, there("/far/new/deep/b").await);
            assert!(at.0 != at.1, "{at:?}");
            hidden += usize::from(other.engine.tombstones.view().len() > 0);
            if seen.last() != Some(&at.1) {
                seen.push(at.1);
            }
        });
    running.await.expect("moved");
    assert_eq!(seen, [false, true]);
    assert!(hidden > 0);
    assert_eq!(other.engine.tombstones.view().len(), 0);
}

#[tokio::test]
async fn news_are_followed_and_what_a_dead_gateway_left_is_cleared() {
    let one = world(folder()).await;
    let other = one.beside();
    let (news, told) = watch::channel(0);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let engine = other.engine.clone();
    let following =
        tokio::spawn(async move { engine.follow(told, async { drop(ended.await) }).await });
    one.disk.keep(true);
    Relocate.run(&one).await.expect("moved");
    assert!(one.disk.has("kept"), "it could not be removed");
    news.send_modify(|news| *news += 1);
    while other.engine.tombstones.view().len() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        kind(other.get(&admin(), "/kept").await),
        ErrorKind::NotFound
    );
    one.disk.keep(false);
    // Whoever comes next clears it away, whoever left it.
    let clearing = one.beside();
    clearing.engine.recover().await.expect("recovered");
    news.send_modify(|news| *news += 1);
    while other.engine.tombstones.view().len() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(!one.disk.has("kept"));
    end.send(()).expect("still following");
    following.await.expect("ends");
    other.assert_quiet();
}

#[tokio::test]
async fn whoever_locks_a_path_knows_what_was_left_there_without_news() {
    let one = world(folder()).await;
    let other = one.beside();
    one.disk.keep(true);
    RelocateTree.run(&one).await.expect("moved");
    one.disk.keep(false);
    other
        .put(&alice(), "/tree/new", "new")
        .await
        .expect("stored");
    assert_eq!(one.disk.paths(), ["kept", "tree", "tree/new"]);
    one.engine.look_again().await.expect("told");
    one.engine
        .clear_left(&path("/tree"))
        .await
        .expect("nothing is to be cleared any more");
    assert_eq!(one.get(&alice(), "/tree/new").await.expect("there"), "new");
    one.assert_quiet();
}

#[tokio::test]
async fn what_a_dead_gateway_began_long_ago_is_healed_in_the_background() {
    let one = world(folder()).await;
    let other = one.beside();
    let record = vec![Change::Put(one.engine.new_record(
        &alice(),
        &path("/gone"),
        EntryKind::File,
    ))];
    let lock = Guard::new(());
    let gone = path("/gone");
    let begun = one.engine.begin_at(&lock, &gone, record);
    // It died: nothing in its memory is looked after.
    std::mem::forget(begun.await.expect("begun"));
    let others = other.engine.look_again().await.expect("told");
    let mut seen = std::collections::HashMap::new();
    other.engine.note_old(&mut seen, others.clone());
    assert_eq!(other.engine.intents.left(), [], "it may be alive");
    let long_ago = Instant::now() - Duration::from_secs(60);
    seen.values_mut().for_each(|since| *since = long_ago);
    other.engine.note_old(&mut seen, others);
    other.engine.heal_left().await;
    other.assert_whole().await;
    assert!(other.metadata.record("/gone").is_none());
    other.assert_quiet();
}
