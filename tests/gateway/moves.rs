//! `PATCH` that moves what no storage can move in one step: to another mount, or within one that
//! does not rename.

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Client, Gateway, Setup, bytes};

async fn flat() -> Gateway {
    let gateway = Setup::flat().start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    gateway
}

const WAYS: [(&str, &str); 3] = [
    ("/src", "/flat/dst"),
    ("/flat/src", "/dst"),
    ("/flat/src", "/flat/dst"),
];

async fn tree(client: &Client, at: &str) -> Vec<String> {
    let paths = client
        .list(at, "recursive=true&limit=10000")
        .await
        .is(200)
        .entries("path");
    paths
        .iter()
        .map(|path| path[at.len() + 1..].to_owned())
        .collect()
}

#[tokio::test]
async fn defect_4_a_directory_moves_to_another_mount_with_its_bytes() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let admin = gateway.admin();
    for (from, to) in WAYS {
        for (at, says) in [("a.txt", "1"), ("deep/er/ü", "2"), ("deep/c%2F", "3")] {
            alice
                .put(&format!("{from}/{at}"), says)
                .header("content-type", "text/x-a")
                .await
                .is(201);
        }
        alice.make(&format!("{from}/empty")).await.is(201);
        alice
            .patch(&format!("{from}/deep"), &json!({"mode": "0711"}))
            .await
            .is(200);
        let owned = json!({
            "owner": "bob",
            "group": "guests",
            "mode": "0640",
            "mtime": "1994-11-06T08:49:37.123456789Z",
        });
        admin
            .patch(&format!("{from}/deep/c%2F"), &owned)
            .await
            .is(200);
        let time = alice
            .head(&format!("{from}/a.txt"))
            .await
            .is(200)
            .header("x-callfs-mtime")
            .to_owned();

        let moved = alice.patch(from, &json!({"destination": to})).await.is(200);
        assert_eq!(moved.json()["path"], to);
        assert_eq!(
            tree(&admin, to).await,
            [
                "a.txt",
                "deep",
                "deep/c%2F",
                "deep/er",
                "deep/er/ü",
                "empty"
            ]
        );
        alice.get(from).await.problem(404, "FILE_NOT_FOUND");
        alice
            .get(&format!("{from}/a.txt"))
            .await
            .problem(404, "FILE_NOT_FOUND");
        let got = alice
            .get(&format!("{to}/a.txt"))
            .header("want-repr-digest", "sha-256=1")
            .await
            .is(200);
        assert_eq!(
            (got.text().as_str(), got.header("content-type")),
            ("1", "text/x-a")
        );
        assert_eq!(
            (got.header("x-callfs-owner"), got.header("x-callfs-mtime")),
            ("alice", time.as_str())
        );
        assert!(got.header("repr-digest").starts_with("sha-256=:"));
        let bobs = admin.get(&format!("{to}/deep/c%2F")).await.is(200);
        assert_eq!(bobs.text(), "3");
        assert_eq!(
            (bobs.header("x-callfs-owner"), bobs.header("x-callfs-group")),
            ("bob", "guests")
        );
        assert_eq!(bobs.header("x-callfs-mode"), "0640");
        assert_eq!(
            bobs.header("x-callfs-mtime"),
            "1994-11-06T08:49:37.123456789Z"
        );
        assert_eq!(
            admin
                .head(&format!("{to}/deep"))
                .await
                .is(200)
                .header("x-callfs-mode"),
            "0711"
        );
        admin
            .call("DELETE", &format!("/v1/files{to}?recursive=true"))
            .await
            .is(204);
        for folder in ["files", "second"] {
            assert_eq!(
                gateway.everything_in(folder),
                [] as [&str; 0],
                "{from} {to}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_moves_in_the_place_of_another_only_on_demand() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    let content = bytes(3, 700_000);
    for (from, to) in WAYS {
        alice
            .put(from, content.clone())
            .header("content-type", "text/x-a")
            .await
            .is(201);
        alice.patch(from, &json!({"mode": "0600"})).await.is(200);
        alice.put(to, "the old one").await.is(201);
        alice
            .patch(from, &json!({"destination": to}))
            .await
            .problem(409, "FILE_ALREADY_EXISTS");
        bob.patch(from, &json!({"destination": to, "overwrite": true}))
            .await
            .problem(403, "PERMISSION_DENIED");
        assert_eq!(alice.get(to).await.is(200).body, b"the old one");
        alice
            .patch(from, &json!({"destination": to, "overwrite": true}))
            .await
            .is(200);
        let got = alice.get(to).await.is(200);
        assert!(got.body == content);
        assert_eq!(
            (got.header("x-callfs-mode"), got.header("content-type")),
            ("0600", "text/x-a")
        );
        alice.get(from).await.problem(404, "FILE_NOT_FOUND");
        bob.get(to).await.problem(403, "PERMISSION_DENIED");
        alice.make(from).await.is(201);
        alice
            .patch(from, &json!({"destination": to, "overwrite": true}))
            .await
            .problem(400, "NOT_A_DIRECTORY");
        alice
            .patch(to, &json!({"destination": from, "overwrite": true}))
            .await
            .problem(409, "IS_A_DIRECTORY");
        alice.put(&format!("{from}/full"), "x").await.is(201);
        alice.make(&format!("{to}-dir")).await.is(201);
        let full = json!({"destination": from, "overwrite": true});
        alice
            .patch(&format!("{to}-dir"), &full)
            .await
            .problem(409, "DIRECTORY_NOT_EMPTY");
        alice
            .patch(
                from,
                &json!({"destination": format!("{to}-dir"), "overwrite": true}),
            )
            .await
            .is(200);
        assert_eq!(tree(&alice, &format!("{to}-dir")).await, ["full"]);
        alice.delete(to).await.is(204);
        alice
            .call("DELETE", &format!("/v1/files{to}-dir?recursive=true"))
            .await
            .is(204);
    }
}

#[tokio::test]
async fn a_thousand_files_move_there_and_back() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let name = |number: usize| format!("/big/d{}/{number}", number % 7);
    let puts = (0..1000).map(|number| alice.put(&name(number), number.to_string()));
    for put in join_all(puts.map(IntoFuture::into_future)).await {
        put.is(201);
    }
    let names = tree(&alice, "/big").await;
    assert_eq!(names.len(), 1007);
    for (from, to) in [
        ("/big", "/flat/big"),
        ("/flat/big", "/flat/again"),
        ("/flat/again", "/big"),
    ] {
        alice.patch(from, &json!({"destination": to})).await.is(200);
        alice.get(from).await.problem(404, "FILE_NOT_FOUND");
        assert_eq!(tree(&alice, to).await, names, "{to}");
    }
    alice.copy("POST", "/big", "/flat/copy").await.is(201);
    assert_eq!(tree(&alice, "/flat/copy").await, names);
    for number in (0..1000).step_by(37) {
        for at in [name(number), format!("/flat/copy{}", &name(number)[4..])] {
            assert_eq!(alice.get(&at).await.is(200).text(), number.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defect_9_moves_that_cross_each_other_wait_for_no_lock_forever_and_leave_no_source() {
    let gateway = flat().await;
    let alice = gateway.alice();
    for name in ["/one/deep/a", "/flat/two/deep/b"] {
        alice.put(name, name).await.is(201);
    }
    // Each takes locks that the other needs, and the second pair takes them in the other order.
    let pairs = [
        [("/one", "/flat/two/one"), ("/flat/two/deep", "/one/two")],
        [("/flat/two/deep", "/one/two"), ("/one", "/flat/two/one")],
    ];
    for round in 0..20 {
        let moves = pairs[round % 2]
            .map(|(from, to)| alice.patch(from, &json!({"destination": to})).into_future());
        let statuses: Vec<u16> = join_all(moves)
            .await
            .iter()
            .map(|reply| reply.status)
            .collect();
        // Whichever comes second may find that the first took its source or its destination away.
        assert!(
            statuses.contains(&200) && statuses.iter().all(|status| [200, 404].contains(status)),
            "{statuses:?}"
        );
        let all = alice
            .list("/", "recursive=true&type=file")
            .await
            .is(200)
            .entries("path");
        assert_eq!(all.len(), 2, "{all:?}");
        for (end, back) in [("/a", "/one/deep/a"), ("/b", "/flat/two/deep/b")] {
            let at = all
                .iter()
                .find(|path| path.ends_with(end))
                .expect("it is there once");
            assert_eq!(alice.get(at).await.is(200).text(), back);
            if at != back {
                let wanted = json!({"destination": back, "create_parents": true});
                alice.patch(at, &wanted).await.is(200);
            }
        }
        for emptied in ["/flat/two/one", "/one/two"] {
            let removed = alice
                .call("DELETE", &format!("/v1/files{emptied}?recursive=true"))
                .await;
            assert!([204, 404].contains(&removed.status), "{}", removed.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_exactly_one_of_the_names() {
    let gateway = flat().await;
    let alice = gateway.alice();
    for number in 0..12 {
        alice
            .put(
                &format!("/tree/d{}/{number}", number % 3),
                bytes(number, 3000),
            )
            .await
            .is(201);
    }
    alice.put("/file", bytes(99, 400_000)).await.is(201);
    let mut tree = ["/tree", "/flat/tree"];
    let mut file = ["/file", "/flat/file"];
    for _ in 0..8 {
        let done = std::sync::atomic::AtomicBool::new(false);
        let moves = async {
            for [from, to] in [tree, file] {
                alice.patch(from, &json!({"destination": to})).await.is(200);
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        };
        let reads = async {
            let there = async |path: &str| {
                let reply = alice.get(path).await;
                assert!(
                    [200, 404].contains(&reply.status),
                    "{path}: {}",
                    reply.text()
                );
                reply.status == 200
            };
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                for [from, to] in [
                    [format!("{}/d1/4", tree[0]), format!("{}/d1/4", tree[1])],
                    file.map(String::from),
                ] {
                    assert!(
                        there(&from).await || there(&to).await,
                        "neither {from} nor {to}"
                    );
                    assert!(
                        !there(&to).await || !there(&from).await,
                        "both {to} and {from}"
                    );
                }
                let all = alice
                    .list("/", "recursive=true")
                    .await
                    .is(200)
                    .entries("path");
                let below = |top: &str| {
                    all.iter()
                        .filter(|path| path.starts_with(&format!("{top}/")))
                        .count()
                };
                assert_eq!(
                    [below(tree[0]), below(tree[1])]
                        .iter()
                        .filter(|count| **count == 15)
                        .count(),
                    1,
                    "{all:?}"
                );
                assert_eq!(below(tree[0]) + below(tree[1]), 15, "{all:?}");
                assert_eq!(
                    all.iter()
                        .filter(|path| file.contains(&path.as_str()))
                        .count(),
                    1,
                    "{all:?}"
                );
            }
        };
        tokio::join!(moves, reads);
        tree.reverse();
        file.reverse();
    }
}

#[tokio::test]
async fn a_backend_is_named_by_its_mount() {
    let gateway = flat().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "x").await.is(201);
    let to_flat = |more: serde_json::Value| {
        let mut document = json!({"name": "b.txt", "backend": "/flat"});
        document
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        document
    };
    let detail = alice
        .patch("/docs/a.txt", &to_flat(json!({})))
        .await
        .detail(404, "FILE_NOT_FOUND");
    assert!(detail.contains("/flat/docs"), "{detail}");
    let moved = alice
        .patch(
            "/docs/a.txt",
            &to_flat(json!({"create_parents": true, "instance": "node-under-test"})),
        )
        .await;
    assert_eq!(moved.is(200).json()["path"], "/flat/docs/b.txt");
    assert_eq!(alice.get("/flat/docs/b.txt").await.is(200).body, b"x");
    let back = json!({"destination": "/docs/a.txt", "backend": "/"});
    assert_eq!(
        alice.patch("/flat/docs/b.txt", &back).await.is(200).json()["path"],
        "/docs/a.txt"
    );
    for (document, said) in [
        (
            json!({"destination": "/x", "backend": "/flat"}),
            "is not in the backend '/flat'",
        ),
        (
            json!({"name": "x", "backend": "/nowhere"}),
            "nothing is mounted at '/nowhere'",
        ),
        (
            json!({"name": "x", "backend": "/docs"}),
            "nothing is mounted at '/docs'",
        ),
        (json!({"name": "x", "instance": "node-2"}), "no other node"),
        (json!({"backend": "/flat"}), "goes with"),
        (
            json!({"mode": "0644", "instance": "node-under-test"}),
            "goes with",
        ),
    ] {
        let detail = alice
            .patch("/docs/a.txt", &document)
            .await
            .detail(400, "BAD_REQUEST");
        assert!(detail.contains(said), "{document}: {detail}");
    }
}

#[tokio::test]
async fn what_cannot_move_says_so_and_stays() {
    let gateway = flat().await;
    let admin = gateway.admin();
    admin.put("/docs/a.txt", "x").await.is(201);
    std::os::unix::fs::symlink("..", gateway.path("files/docs/link")).expect("a link");
    for (from, to) in [("/docs", "/flat/docs"), ("/docs/link", "/flat/link")] {
        let detail = admin
            .patch(from, &json!({"destination": to}))
            .await
            .detail(422, "UNSUPPORTED");
        assert!(detail.contains("'/docs/link'"), "{detail}");
        admin.get(to).await.problem(404, "FILE_NOT_FOUND");
    }
    std::fs::remove_file(gateway.path("files/docs/link")).expect("a link");
    // A name that no path can have is kept by its folder, and what is around it.
    std::fs::write(gateway.path("files/docs/bell\u{7}"), "kept").expect("writable");
    admin
        .patch("/docs", &json!({"destination": "/flat/docs"}))
        .await
        .is(200);
    assert_eq!(admin.get("/flat/docs/a.txt").await.is(200).body, b"x");
    assert_eq!(gateway.everything_in("files"), ["docs", "docs/bell\u{7}"]);
    assert_eq!(gateway.everything_in("second"), ["docs%2Fa.txt"]);
}
