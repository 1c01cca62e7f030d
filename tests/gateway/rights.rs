//! No change widens a right, not even for a moment: bytes that a reader may not have before and
//! after a change are not read during it.

mod restarts;

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::harness::{Call, Client, Gateway, Mount, Setup};

/// What bob may not read, at no path and no time. All other bytes are [`PUBLIC`].
const SECRET: &str = "secret";
const PUBLIC: &str = "public";
/// The fewest reads of each reader that must have come while the changes ran.
const MIN_READS: usize = 30;

/// A request of alice.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put(&'static str, &'static str),
    Make(&'static str),
    Mode(&'static str, &'static str),
    /// Replaces what is there.
    Move(&'static str, &'static str),
    Exchange(&'static str, &'static str),
    Copy(&'static str, &'static str),
    Delete(&'static str),
    DeleteTree(&'static str),
}

use Step::*;

/// Requests that alice makes again and again. Before and after each of them, bob may not read what
/// is secret then.
struct Mutation {
    what: &'static str,
    /// Makes what is there before the first round; nobody reads yet.
    prepare: &'static [Step],
    /// One round, which ends as it began.
    round: &'static [Step],
    rounds: usize,
    /// What bob reads meanwhile.
    reads: &'static [&'static str],
}

const MUTATIONS: [Mutation; 13] = [
    Mutation {
        what: "a directory is renamed",
        prepare: &[
            Put("/one/deep/file", SECRET),
            Mode("/one/deep/file", "0600"),
        ],
        round: &[Move("/one", "/two"), Move("/two", "/one")],
        rounds: 75,
        reads: &["/one/deep/file", "/two/deep/file"],
    },
    Mutation {
        what: "a directory changes places with another one",
        prepare: &[
            Put("/one/deep/file", SECRET),
            Mode("/one/deep/file", "0600"),
            Put("/work/two/deep/file", PUBLIC),
        ],
        round: &[Exchange("/one", "/work/two"), Exchange("/work/two", "/one")],
        rounds: 75,
        reads: &["/one/deep/file", "/work/two/deep/file"],
    },
    Mutation {
        what: "a closed file changes places with an open one",
        prepare: &[
            Put("/closed", SECRET),
            Mode("/closed", "0600"),
            Put("/open", PUBLIC),
        ],
        round: &[Exchange("/closed", "/open"), Exchange("/closed", "/open")],
        rounds: 75,
        reads: &["/closed", "/open"],
    },
    Mutation {
        what: "a closed file replaces an open one",
        prepare: &[],
        round: &[
            Put("/new", PUBLIC),
            Mode("/new", "0600"),
            Put("/new", SECRET),
            Put("/open", PUBLIC),
            Move("/new", "/open"),
            Delete("/open"),
        ],
        rounds: 60,
        reads: &["/open", "/new"],
    },
    Mutation {
        what: "an open file replaces a closed one",
        prepare: &[],
        round: &[
            Put("/closed", PUBLIC),
            Mode("/closed", "0600"),
            Put("/closed", SECRET),
            Put("/new", PUBLIC),
            Move("/new", "/closed"),
            Delete("/closed"),
        ],
        rounds: 60,
        reads: &["/closed", "/new"],
    },
    Mutation {
        what: "a file is closed, written, written again and opened",
        prepare: &[Put("/file", PUBLIC)],
        round: &[
            Mode("/file", "0600"),
            Put("/file", SECRET),
            Put("/file", PUBLIC),
            Mode("/file", "0644"),
        ],
        rounds: 100,
        reads: &["/file"],
    },
    Mutation {
        what: "a directory is closed and opened",
        prepare: &[Put("/dir/deep/file", PUBLIC)],
        round: &[
            Mode("/dir", "0700"),
            Put("/dir/deep/file", SECRET),
            Put("/dir/deep/file", PUBLIC),
            Mode("/dir", "0755"),
        ],
        rounds: 100,
        reads: &["/dir/deep/file"],
    },
    Mutation {
        what: "a file is copied",
        prepare: &[Put("/file", SECRET), Mode("/file", "0600")],
        round: &[Copy("/file", "/copy"), Delete("/copy")],
        rounds: 100,
        reads: &["/copy", "/file"],
    },
    Mutation {
        what: "a directory is copied",
        prepare: &[Put("/dir/file", SECRET), Mode("/dir/file", "0600")],
        round: &[Copy("/dir", "/copy"), DeleteTree("/copy")],
        rounds: 60,
        reads: &["/copy/file", "/dir/file"],
    },
    Mutation {
        what: "a directory is removed and made again",
        prepare: &[],
        round: &[
            Make("/dir"),
            Mode("/dir", "0700"),
            Put("/dir/file", SECRET),
            DeleteTree("/dir"),
        ],
        rounds: 80,
        reads: &["/dir/file"],
    },
    Mutation {
        what: "a file moves to another mount and back",
        prepare: &[Put("/file", SECRET), Mode("/file", "0600")],
        round: &[Move("/file", "/far/file"), Move("/far/file", "/file")],
        rounds: 60,
        reads: &["/file", "/far/file"],
    },
    Mutation {
        what: "a directory moves to another mount and back",
        prepare: &[
            Put("/dir/deep/file", SECRET),
            Mode("/dir/deep/file", "0600"),
        ],
        round: &[Move("/dir", "/far/dir"), Move("/far/dir", "/dir")],
        rounds: 60,
        reads: &["/dir/deep/file", "/far/dir/deep/file"],
    },
    Mutation {
        what: "a closed file replaces an open one on another mount",
        prepare: &[],
        round: &[
            Put("/new", PUBLIC),
            Mode("/new", "0600"),
            Put("/new", SECRET),
            Put("/far/open", PUBLIC),
            Move("/new", "/far/open"),
            Delete("/far/open"),
        ],
        rounds: 60,
        reads: &["/far/open", "/new"],
    },
];

impl Step {
    fn call(self, who: &Client) -> Call {
        match self {
            Put(at, bytes) => who.put(at, bytes),
            Make(at) => who.make(at),
            Mode(at, mode) => who.patch(at, &json!({"mode": mode})),
            Exchange(one, other) => {
                who.patch(one, &json!({"destination": other, "exchange": true}))
            }
            Move(from, to) => who.patch(from, &json!({"destination": to, "overwrite": true})),
            Copy(from, to) => who.copy("POST", from, to),
            Delete(at) => who.delete(at),
            DeleteTree(at) => who.call("DELETE", &format!("/v1/files{at}?recursive=true")),
        }
    }

    async fn succeeds(self, who: &Client, what: &str) {
        let reply = self.call(who).await;
        let status = reply.status;
        assert!(
            (200..300).contains(&status),
            "{what}: {self:?} answers {status} {}",
            reply.text()
        );
    }
}

/// A folder at `/`, and another one at `/far` in which all users may make files.
async fn two_mounts() -> Gateway {
    let gateway = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/far", "second"))
        .start()
        .await;
    let open = json!({"mode": "1777"});
    gateway.admin().patch("/far", &open).await.is(200);
    gateway
}

/// Reads paths until told to stop; none of the answers may be what is secret. Answers how many
/// there were.
async fn reads_no_secret(who: Client, mutation: &Mutation, done: &AtomicBool) -> usize {
    let mut reads = 0;
    while !done.load(Ordering::SeqCst) {
        for path in mutation.reads {
            let reply = who.get(path).await;
            assert!(
                [200, 403, 404, 423].contains(&reply.status),
                "{}: {path}: {}",
                mutation.what,
                reply.text()
            );
            assert_ne!(reply.body, SECRET.as_bytes(), "{}: {path}", mutation.what);
            reads += 1;
        }
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_secret_before_and_after_a_change_is_secret_during_it() {
    for mutation in &MUTATIONS {
        let what = mutation.what;
        let gateway = two_mounts().await;
        let alice = gateway.alice();
        for step in mutation.prepare {
            step.succeeds(&alice, what).await;
        }
        let done = AtomicBool::new(false);
        let changes = async {
            for _ in 0..mutation.rounds {
                for step in mutation.round {
                    step.succeeds(&alice, what).await;
                }
            }
            done.store(true, Ordering::SeqCst);
        };
        let (_, one, two) = tokio::join!(
            changes,
            reads_no_secret(gateway.bob(), mutation, &done),
            reads_no_secret(gateway.carol(), mutation, &done),
        );
        assert!(one >= MIN_READS && two >= MIN_READS, "{what}: {one} {two}");
    }
}

/// A path of so many bytes, in names of at most 200.
fn deep(below: &str, length: usize) -> String {
    let mut path = below.to_owned();
    while path.len() + 201 < length {
        path.push('/');
        path.push_str(&"x".repeat(199));
    }
    path.push('/');
    path.push_str(&"y".repeat(length - path.len()));
    path
}

#[tokio::test]
async fn a_move_that_would_leave_something_without_a_path_moves_nothing() {
    for recorded in [true, false] {
        let gateway = Gateway::start().await;
        let alice = gateway.alice();
        let bob = gateway.bob();
        bob.make("/team").await.is(201);
        bob.patch("/team", &json!({"mode": "0777"})).await.is(200);
        alice.put("/team/file", SECRET).await.is(201);
        let closed = json!({"mode": "0600"});
        alice.patch("/team/file", &closed).await.is(200);
        // With a name of 255 bytes for `/team` it would be longer than 4,096.
        let long = deep("/team", 3876);
        if recorded {
            bob.put(&long, PUBLIC).await.is(201);
        } else {
            let planted = gateway.path(&format!("files{long}"));
            let parent = planted.parent().expect("it is deep");
            fs::create_dir_all(parent).expect("made");
            fs::write(&planted, PUBLIC).expect("written");
        }
        let name = "n".repeat(255);
        let renamed = bob.patch("/team", &json!({"name": name})).await;
        renamed.problem(400, "BAD_REQUEST");
        bob.get(&format!("/{name}/file"))
            .await
            .problem(404, "FILE_NOT_FOUND");
        bob.get("/team/file")
            .await
            .problem(403, "PERMISSION_DENIED");
        let file = alice.get("/team/file").await.is(200);
        assert_eq!(file.text(), SECRET);
        assert_eq!(
            (file.header("x-callfs-owner"), file.header("x-callfs-mode")),
            ("alice", "0600")
        );
        assert_eq!(bob.get(&long).await.is(200).text(), PUBLIC);

        let tree = "/v1/files/team?recursive=true";
        gateway.admin().call("DELETE", tree).await.is(204);
        assert_eq!(gateway.everything_in("files"), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn a_relative_link_of_an_operator_stays_in_its_directory() {
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    let bob = gateway.bob();
    // From `/x`, the link would lead to what is closed to bob.
    admin.put("/conf/key", SECRET).await.is(201);
    admin.patch("/conf", &json!({"mode": "0700"})).await.is(200);
    bob.put("/a/conf/key", PUBLIC).await.is(201);
    bob.make("/a/b").await.is(201);
    bob.make("/x").await.is(201);
    symlink("../conf/key", gateway.path("files/a/b/link")).expect("a link");
    assert_eq!(bob.get("/a/b/link").await.is(200).text(), PUBLIC);
    for (from, to) in [("/a/b/link", "/x/link"), ("/a/b", "/x/b"), ("/a/b", "/b")] {
        for who in [&bob, &admin] {
            let moved = who.patch(from, &json!({"destination": to})).await;
            let detail = moved.detail(422, "UNSUPPORTED");
            assert!(detail.contains("relative link"), "{from}: {detail}");
            who.get(to).await.problem(404, "FILE_NOT_FOUND");
            assert_eq!(who.get("/a/b/link").await.is(200).text(), PUBLIC);
        }
    }
    let renamed = bob.patch("/a/b/link", &json!({"name": "other"})).await;
    renamed.is(200);
    assert_eq!(bob.get("/a/b/other").await.is(200).text(), PUBLIC);
    bob.patch("/a/b", &json!({"name": "c"})).await.is(200);
    assert_eq!(bob.get("/a/c/other").await.is(200).text(), PUBLIC);
}
