//! The component in the real gateway.

use callfs_harness::authorizer;

#[test]
fn a_group_shares_and_owners_remove() {
    let setup = authorizer()
        .user("alice", &["staff"])
        .user("bob", &["staff"]);
    let gateway = setup.user("carol", &["guests"]).start();
    let alice = gateway.user("alice");
    let bob = gateway.user("bob");
    let carol = gateway.user("carol");
    alice.put("/team/plan.txt", "first").is(201);
    assert_eq!(bob.get("/team/plan.txt").is(200).text(), "first");
    bob.put("/team/plan.txt", "second").is(200);
    bob.delete("/team/plan.txt").is(403);
    carol.get("/team/plan.txt").is(403);
    carol.get("/team/nothing").is(403);
    alice.delete("/team/plan.txt").is(204);
    gateway
        .put("/team/from-admin.txt", "of the administrator")
        .is(201);
}

/// `callfs plugin check` tries out everything that the component claims.
#[test]
fn it_keeps_what_it_promises() {
    authorizer().check(&[]);
}
