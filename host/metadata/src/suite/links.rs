//! Links, and that of two who change one at once one has to look again.

use std::sync::Arc;

use callfs_model::metadata::{Link, LinkOptions, MakerRights, Use};

use super::*;

fn link(number: u8, maker: &str) -> Link {
    Link {
        id: [number; 16],
        token_sha256: [number; 32],
        path: path("/ä/日.txt"),
        maker: maker.into(),
        rights: MakerRights {
            groups: vec!["größe".into(), "b".into()],
            admin: number % 2 == 1,
            attributes: vec![("name".into(), "value \"1\"".into())],
        },
        options: LinkOptions::default(),
        filename: Some("größe.txt".into()),
        created: 1_000 + i64::from(number),
        expires: 2_000,
        max_uses: 3,
        spent: 0,
        uses: Vec::new(),
        revision: 0,
    }
}

fn taken(until: i64) -> Use {
    Use {
        holder: u128::MAX,
        taken: true,
        until,
        version: "v\"1".into(),
        handed: vec![0..5, 7..u64::MAX],
    }
}

pub(crate) async fn gives_back_links_as_they_were(place: &impl Place<Store: LinkStore>) {
    let store = place.open().await;
    let mut first = Link {
        uses: vec![taken(1_500)],
        spent: 1,
        ..link(1, "alice")
    };
    store.create(first.clone()).await.expect("created");
    store
        .create(Link {
            filename: None,
            ..link(2, "bob")
        })
        .await
        .expect("created");
    assert_eq!(
        store.by_id(&[1; 16]).await.expect("read"),
        Some(first.clone())
    );
    assert_eq!(
        store.by_token(&[1; 32]).await.expect("read"),
        Some(first.clone())
    );
    assert_eq!(
        store
            .by_token(&[2; 32])
            .await
            .expect("read")
            .expect("there")
            .filename,
        None
    );
    assert_eq!(
        (store.by_id(&[9; 16]).await, store.by_token(&[9; 32]).await)
            .0
            .expect("read"),
        None
    );
    for twice in [
        Link {
            id: [3; 16],
            ..link(1, "eve")
        },
        Link {
            token_sha256: [3; 32],
            ..link(1, "eve")
        },
    ] {
        assert_eq!(
            store.create(twice).await.expect_err("twice").kind(),
            ErrorKind::AlreadyExists
        );
    }
    first.uses.clear();
    assert!(store.replace(first.clone()).await.expect("replaced"));
    store.close().await;
    let store = place.open().await;
    first.revision = 1;
    assert_eq!(store.by_id(&[1; 16]).await.expect("read"), Some(first));
    store.remove(&[1; 16]).await.expect("removed");
    store.remove(&[1; 16]).await.expect("was removed before");
    assert_eq!(store.by_token(&[1; 32]).await.expect("read"), None);
}

pub(crate) async fn gives_back_the_options_of_links(place: &impl Place<Store: LinkStore>) {
    let store = place.open().await;
    let given = (0..8_u8).map(|bits| LinkOptions {
        inline: bits & 1 != 0,
        unlimited: bits & 2 != 0,
        directory: bits & 4 != 0,
    });
    let links: Vec<Link> = (1..)
        .zip(given)
        .map(|(number, options)| Link {
            options,
            ..link(number, "alice")
        })
        .collect();
    for link in &links {
        store.create(link.clone()).await.expect("created");
    }
    let listed = store.list(Some("alice"), None, 10).await;
    assert_eq!(listed.expect("listed"), links);
    // They are not changed with the uses.
    for link in &links {
        assert!(store.replace(link.clone()).await.expect("replaced"));
        let found = store.by_id(&link.id).await.expect("read").expect("there");
        assert_eq!(found.options, link.options);
    }
}

pub(crate) async fn replaces_a_link_once_per_revision(place: &impl Place<Store: LinkStore>) {
    const TIMES: u32 = 20;
    let store = Arc::new(place.open().await);
    store
        .create(Link {
            max_uses: 1_000,
            ..link(1, "alice")
        })
        .await
        .expect("created");
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while done < TIMES {
                    let found = store.by_id(&[1; 16]).await.expect("read").expect("there");
                    let next = Link {
                        spent: found.spent + 1,
                        ..found
                    };
                    done += u32::from(store.replace(next).await.expect("answered"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let found = store.by_id(&[1; 16]).await.expect("read").expect("there");
    assert_eq!(
        (found.spent, found.revision),
        (4 * TIMES, u64::from(4 * TIMES))
    );
    assert!(
        !store.replace(link(1, "alice")).await.expect("answered"),
        "an old revision"
    );
    assert!(
        !store.replace(link(7, "alice")).await.expect("answered"),
        "no such link"
    );
}

pub(crate) async fn lists_links_in_the_order_of_their_making(place: &impl Place<Store: LinkStore>) {
    let store = place.open().await;
    for (number, maker) in [
        (5, "alice"),
        (1, "bob"),
        (3, "alice"),
        (4, "Alice"),
        (2, "alice"),
    ] {
        store.create(link(number, maker)).await.expect("created");
    }
    let list = async |maker: Option<&str>, after: Option<u8>, limit| {
        let after = after.map(|number| [number; 16]);
        let found = store
            .list(maker, after.as_ref(), limit)
            .await
            .expect("listed");
        found.iter().map(|link| link.id[0]).collect::<Vec<_>>()
    };
    assert_eq!(list(Some("alice"), None, 10).await, [2, 3, 5]);
    assert_eq!(list(Some("alice"), None, 2).await, [2, 3]);
    assert_eq!(list(Some("alice"), Some(3), 2).await, [5]);
    assert!(list(Some("nobody"), None, 2).await.is_empty());
    assert_eq!(list(None, None, 10).await, [1, 2, 3, 4, 5]);
    assert_eq!(list(None, Some(1), 2).await, [2, 3]);
}

pub(crate) async fn sweeps_links_that_are_over(place: &impl Place<Store: LinkStore>) {
    let store = place.open().await;
    store.create(link(1, "alice")).await.expect("created");
    store
        .create(Link {
            expires: 3_000,
            ..link(2, "alice")
        })
        .await
        .expect("created");
    // Its download began before it expired, and runs.
    store
        .create(Link {
            uses: vec![taken(2_500)],
            ..link(3, "alice")
        })
        .await
        .expect("created");
    let left = async || {
        let found = store.list(None, None, 10).await.expect("listed");
        found.iter().map(|link| link.id[0]).collect::<Vec<_>>()
    };
    store.sweep(2_000).await.expect("swept");
    assert_eq!(left().await, [1, 2, 3]);
    store.sweep(2_001).await.expect("swept");
    assert_eq!(left().await, [2, 3]);
    store.sweep(2_501).await.expect("swept");
    assert_eq!(left().await, [2]);
}

pub(crate) async fn links_stay_when_their_files_move(place: &impl Place<Store: LinkStore>) {
    let store = filled(place, &["/ä", "/ä/日.txt"]).await;
    store.create(link(1, "alice")).await.expect("created");
    store
        .apply(vec![rename("/ä", "/b"), Change::RemoveTree(path("/b"))])
        .await
        .expect("changed");
    assert_eq!(
        store.by_id(&[1; 16]).await.expect("read"),
        Some(link(1, "alice"))
    );
}
