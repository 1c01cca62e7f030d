//! Three gateways that keep the metadata store among themselves, and share a storage and its locks.

use std::path::Path;
use std::process::Command;
use std::thread;

use callfs_test_servers::{Redis, free_port};
use serde_json::{Value, json};

use crate::harness::{
    Gateway, Process, Setup, command, eventually, eventually_now, raft, shared_locks, succeeds,
};

/// A gateway, and where it listens to the other nodes.
struct Node {
    gateway: Gateway,
    member: String,
}

/// `callfs cluster …` as the operator of a node says it.
fn cluster(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = command(dir);
    command
        .arg("cluster")
        .args(arguments)
        .arg("--config")
        .arg(dir.join("callfs.toml"));
    command
}

fn status(node: &Node) -> Value {
    let told = succeeds(&mut cluster(&node.gateway.path(""), &["status", "--json"]));
    serde_json::from_slice(&told.stdout).expect("json")
}

async fn three() -> Option<Vec<Node>> {
    let locks = shared_locks(Redis::shared()?.url());
    let port = free_port();
    let setup = Setup::on(&(raft(port, true) + &locks)).node("node-0");
    let mut nodes = vec![Node {
        gateway: setup.start().await,
        member: format!("127.0.0.1:{port}"),
    }];
    nodes[0]
        .gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    for number in 1..3 {
        let port = free_port();
        let setup = Setup::beside(&nodes[0].gateway, &(raft(port, false) + &locks))
            .node(&format!("node-{number}"));
        let dir = setup.prepare();
        let place = dir.path().to_owned();
        let member = nodes[0].member.clone();
        // It serves nothing before it is part of the cluster.
        let starting = thread::spawn(move || Gateway::start_in(dir, &[]));
        eventually_now("the node to join", || {
            assert!(
                !starting.is_finished(),
                "it serves without a metadata store"
            );
            cluster(&place, &["join", &member])
                .output()
                .expect("it starts")
                .status
                .success()
                .then_some(())
        });
        let gateway = starting.join().expect("started");
        nodes.push(Node {
            gateway,
            member: format!("127.0.0.1:{port}"),
        });
    }
    Some(nodes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_keep_an_index_among_themselves() {
    let Some(mut nodes) = three().await else {
        return;
    };
    let told = status(&nodes[2]);
    let roles: Vec<&str> = told["members"]
        .as_array()
        .expect("members")
        .iter()
        .filter_map(|one| one["role"].as_str())
        .collect();
    assert_eq!(
        (
            roles.len(),
            roles.iter().filter(|role| **role == "leader").count()
        ),
        (3, 1),
        "{told}"
    );
    let shown = succeeds(&mut cluster(&nodes[1].gateway.path(""), &["status"]));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("node-2")
            && shown.contains(&nodes[2].member)
            && shown.contains("leads in term"),
        "{shown}"
    );

    // Defect 8: what one deletes is gone for the others, and can be made again at once.
    for round in 0..10 {
        let [here, there] =
            [round % 3, (round + 1) % 3].map(|number| nodes[number].gateway.alice());
        here.post("/again.txt", format!("{round}")).await.is(201);
        assert_eq!(
            there.get("/again.txt").await.is(200).text(),
            format!("{round}")
        );
        there.delete("/again.txt").await.is(204);
        here.get("/again.txt").await.problem(404, "FILE_NOT_FOUND");
    }
    nodes[1]
        .gateway
        .alice()
        .put("/kept/a.txt", "kept")
        .await
        .is(201);
    nodes[2]
        .gateway
        .alice()
        .patch("/kept/a.txt", &json!({"mode": "0600"}))
        .await
        .is(200);
    nodes[0]
        .gateway
        .alice()
        .patch("/kept", &json!({"destination": "/flat/kept"}))
        .await
        .is(200);

    // Without its leader the cluster goes on.
    let leader = status(&nodes[0])["leader"]
        .as_str()
        .expect("a leader")
        .to_owned();
    let leads = (0..3)
        .find(|number| format!("node-{number}") == leader)
        .expect("one of them");
    let mut first = nodes.remove(leads);
    first.gateway.kill();
    for node in &nodes {
        let alice = node.gateway.alice();
        eventually("another leader", async || {
            (alice.get("/flat/kept/a.txt").await.status == 200).then_some(())
        })
        .await;
        eventually("the locks of the dead to be free", async || {
            (alice.put("/flat/kept/b.txt", "b").await.status < 300).then_some(())
        })
        .await;
        node.gateway
            .bob()
            .get("/flat/kept/a.txt")
            .await
            .problem(403, "PERMISSION_DENIED");
    }

    // Without most of them it says so, and goes on by itself when they are back.
    let mut second = nodes.remove(0);
    second.gateway.kill();
    let last = &nodes[0].gateway;
    let refused = eventually("a request to fail", async || {
        let reply = last.alice().put("/flat/kept/c.txt", "c").await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    let detail = refused.detail(503, "BACKEND_UNAVAILABLE");
    assert!(detail.contains("the metadata store (Raft)"), "{detail}");
    let ready = last.stranger().call("GET", "/health/ready").await;
    assert!(
        ready.problem(503, "NOT_READY")["detail"]
            .as_str()
            .is_some_and(|text| text.contains("metadata"))
    );
    let first = Node {
        gateway: first.gateway.restart(),
        member: first.member,
    };
    eventually("the service to be ready again", async || {
        (last.stranger().call("GET", "/health/ready").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(
        last.alice()
            .get("/flat/kept/b.txt")
            .await
            .is(200)
            .header("x-callfs-owner"),
        "alice"
    );
    assert_eq!(
        first
            .gateway
            .alice()
            .get("/flat/kept/a.txt")
            .await
            .is(200)
            .body,
        b"kept"
    );

    // Whoever is gone for good leaves.
    let gone = (0..3).map(|number| format!("node-{number}"));
    let stays = [&first.member, &nodes[0].member];
    let members = status(&first)["members"].clone();
    let is_gone = |name: &String| {
        let address = members
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["name"] == **name);
        address.is_some_and(|one| !stays.iter().any(|member| one["address"] == ***member))
    };
    let gone = gone.filter(is_gone).collect::<Vec<_>>();
    assert_eq!(gone.len(), 1, "{members}");
    succeeds(&mut cluster(&first.gateway.path(""), &["leave", &gone[0]]));
    assert_eq!(
        status(&nodes[0])["members"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn whoever_is_part_of_none_is_told() {
    let dir = Setup::default().prepare();
    let refused = cluster(dir.path(), &["status"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(2) && said.contains("metadata.store is not \"raft\""),
        "{said}"
    );
    let refused = cluster(dir.path(), &["join", "nowhere"])
        .output()
        .expect("it starts");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("expected a host and a port"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_locks_are_its_own_does_not_serve_beside_another() {
    let port = free_port();
    let first = Setup::on(&raft(port, true)).node("node-0").start().await;
    let dir = Setup::beside(&first, &raft(free_port(), false))
        .node("node-1")
        .prepare();
    let config = dir.path().join("callfs.toml");
    let mut serve = command(dir.path());
    let mut second = Process::start(serve.arg("serve").arg("--config").arg(&config));
    let member = format!("127.0.0.1:{port}");
    eventually_now("the node to join", || {
        let joined = cluster(dir.path(), &["join", &member]).output();
        joined.expect("it starts").status.success().then_some(())
    });
    second.said("why it does not serve", |line| {
        let why = line.contains("its own; set [locks] manager = \"redis\"");
        why.then(String::new)
    });
    assert!(
        !second.stderr().contains("callfs listens"),
        "{}",
        second.stderr()
    );
    // The cluster keeps its majority.
    first.alice().put("/a.txt", "text").await.is(201);
    second.terminate();
    assert!(second.wait().success());
}
