//! Any bytes as the body of a message: what is read can be written again and means the same, and
//! holds little more than was sent.

use std::collections::{BTreeMap, BTreeSet};

use callfs_model::error::Error;
use callfs_model::metadata::{
    Change, Content, Intent, Link, LinkChange, LinkOptions, MakerRights, NextObject, Record, Use,
};
use callfs_model::path::FilePath;
use callfs_model::storage::ObjectIdentity;
use callfs_test_fuzz::FuzzTarget;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{
    CommittedLeaderId, Entry, EntryPayload, LogId, Membership, SnapshotMeta, StoredMembership, Vote,
};
use serde::de::DeserializeOwned;

use super::super::command::{RaftCommand, RaftPeer, Types, outcome};
use super::*;

fn path(text: &str) -> FilePath {
    FilePath::parse(text).expect("a good path")
}

fn object(name: &str) -> ObjectIdentity {
    ObjectIdentity {
        storage: [4; 16],
        object: name.into(),
    }
}

fn steps() -> Vec<QueuedStep> {
    let record = Record {
        path: path("/ä/b.txt"),
        owner: "alice".into(),
        group: "staff".into(),
        mode: 0o644,
        content: Some(Content {
            etag: Some("\"e\"".into()),
            content_type: None,
            sha256: Some([0xab; 32]),
            modified: Some(-1),
            changed: Some(1),
        }),
        object: Some(object("12:34")),
        next: Some(Box::new(NextObject {
            object: object("12:35"),
            content: Content::default(),
        })),
        revision: 3,
    };
    let link = Link {
        id: [1; 16],
        token_sha256: [2; 32],
        path: path("/a"),
        maker: "bob".into(),
        rights: MakerRights::default(),
        options: LinkOptions::default(),
        filename: Some("größe.txt".into()),
        created: 1,
        expires: i64::MAX,
        max_uses: 3,
        spent: 1,
        uses: vec![Use {
            holder: u128::MAX,
            taken: true,
            until: 9,
            version: "v1".into(),
            handed: vec![0..5, 7..u64::MAX],
        }],
        revision: 0,
    };
    let changes = vec![
        Change::Put(record),
        Change::Remove(path("/")),
        Change::Begin(
            [9; 16],
            Intent::Tombstone {
                path: path("/d"),
                inside: true,
                storage: Some([4; 16]),
                newest: Some(-1),
            },
        ),
        Change::Begin(
            [8; 16],
            Intent::Mounted {
                path: path("/"),
                storage: [4; 16],
            },
        ),
        Change::Exchange {
            one: path("/x"),
            other: path("/y"),
        },
        Change::Begin(
            [7; 16],
            Intent::Exchange {
                one: path("/x"),
                other: path("/y"),
                objects: [object("1"), object("2")],
            },
        ),
        Change::End([9; 16]),
    ];
    vec![
        QueuedStep::Records(changes),
        QueuedStep::Link(Box::new(LinkChange::Issue(
            link.clone(),
            MakerRights::default(),
        ))),
        QueuedStep::Link(Box::new(LinkChange::Offer(
            link,
            MakerRights::default(),
            LinkOptions {
                inline: true,
                ..LinkOptions::default()
            },
        ))),
        QueuedStep::Link(Box::new(LinkChange::Sweep(-1))),
    ]
}

fn entries() -> Vec<Entry<Types>> {
    let nodes = BTreeMap::from([(7, RaftPeer::default()), (u64::MAX, RaftPeer::default())]);
    let membership = Membership::new(vec![BTreeSet::from([7])], nodes);
    let payloads = [
        EntryPayload::Blank,
        EntryPayload::Normal(RaftCommand { steps: steps() }),
        EntryPayload::Membership(membership),
    ];
    let entry = |(index, payload)| Entry {
        log_id: log_id(index as u64),
        payload,
    };
    payloads.into_iter().enumerate().map(entry).collect()
}

fn log_id(index: u64) -> LogId<NodeId> {
    LogId::new(CommittedLeaderId::new(2, 7), index)
}

/// Whether these bytes are a message of this type. A value that was read and written is read as the
/// same bytes for ever.
fn reads<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> bool {
    let Ok(message) = postcard::from_bytes::<T>(bytes) else {
        return false;
    };
    let written = postcard::to_allocvec(&message).expect("can be written");
    // A number may be padded, and bytes after the end are ignored; nothing grows but by paths.
    assert!(written.len() <= bytes.len(), "{written:?}");
    let again: T = postcard::from_bytes(&written).expect("can be read");
    assert_eq!(
        postcard::to_allocvec(&again).expect("can be written"),
        written
    );
    true
}

fn check<T: Serialize + DeserializeOwned>(name: &str, iterations: u64, messages: &[T]) {
    let written: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| postcard::to_allocvec(message).expect("can be written"))
        .collect();
    let target = FuzzTarget::new(name, iterations)
        .corpus(&written)
        .corpus(&["", "\0", "\u{1}\u{1}\u{1}"])
        .tokens(&["\0", "\u{1}", "\u{2}", "\u{7f}", "/", "/a", "\u{2}/a", "ä"]);
    target.run(|input, _| reads::<T>(input));
}

#[test]
fn requests_are_read_or_refused() {
    let vote = Vote::new(2, 7);
    let append = [entries(), Vec::new()].map(|entries| AppendEntriesRequest::<Types> {
        vote,
        prev_log_id: Some(log_id(0)),
        entries,
        leader_commit: None,
    });
    check("raft append", 40_000, &append);
    let asked = [None, Some(log_id(9))].map(|last| VoteRequest::new(vote, last));
    check("raft vote", 40_000, &asked);
    let snapshot = InstallSnapshotRequest::<Types> {
        vote,
        meta: SnapshotMeta {
            last_log_id: Some(log_id(4)),
            last_membership: StoredMembership::default(),
            snapshot_id: "2-7-4".into(),
        },
        offset: 1 << 20,
        data: b"SQLite format 3\0".to_vec(),
        done: false,
    };
    check("raft snapshot", 40_000, &[snapshot]);
    check("raft commit", 40_000, &[Commit { steps: steps() }]);
    let join = Join {
        name: "a".into(),
        address: "10.0.0.1:9000".into(),
        passed_on: true,
    };
    check("raft join", 20_000, &[join]);
    let leave = Leave {
        name: "a".into(),
        passed_on: false,
    };
    check("raft leave", 20_000, &[leave]);
}

#[test]
fn answers_are_read_or_refused() {
    let refused = outcome(Err(Error::internal("a reason")));
    let committed: [Committed; 3] = [
        Ok(vec![None, refused.clone()]),
        Err(Trouble::NotLeader),
        Err(Trouble::Unknown("lost".into())),
    ];
    check("raft committed", 20_000, &committed);
    let read_at: [ReadAt; 3] = [Ok(None), Ok(Some(u64::MAX)), Err("not here".into())];
    check("raft read", 20_000, &read_at);
    let done: [Done; 2] = [Ok(()), Err(refused.expect("refused"))];
    check("raft done", 20_000, &done);
    let hello = Hello {
        node: "a".into(),
        has_state: true,
    };
    check("raft hello", 20_000, &[hello]);
    let member = Member {
        name: "a".into(),
        address: "10.0.0.1:9000".into(),
        role: "leader".into(),
        lag: Some(300),
    };
    let status = Status {
        node: "a".into(),
        leader: Some("b".into()),
        term: 300,
        applied: 9,
        members: vec![member.clone(), member],
    };
    check("raft status", 20_000, &[status]);
    let vote = Vote::new(2, 7);
    let voted = VoteResponse::<NodeId> {
        vote,
        vote_granted: true,
        last_log_id: Some(log_id(3)),
    };
    check("raft voted", 20_000, &[voted]);
    let appended = [
        AppendEntriesResponse::<NodeId>::Success,
        AppendEntriesResponse::PartialSuccess(Some(log_id(3))),
        AppendEntriesResponse::HigherVote(vote),
    ];
    check("raft appended", 20_000, &appended);
    check(
        "raft installed",
        20_000,
        &[InstallSnapshotResponse { vote }],
    );
}
