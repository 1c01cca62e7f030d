//! Whom the directory knows, and which configurations it refuses.

use super::*;

const ALICE: &str = "alice-key-0123456789";
const BOB: &str = "bob-key-9876543210";
/// SHA-256 of it.
const BOB_HASHED: &str = "sha256:3849217f2053a1a1e70033454bac397766164312e8ef0f06f902ff0d9f98550a";

fn key(user: &str, key: &str) -> Key {
    Key {
        user: user.into(),
        groups: vec![],
        admin: false,
        key: key.into(),
    }
}

fn directory() -> Directory {
    let bob = Key {
        groups: vec!["staff".into(), "bob".into()],
        admin: true,
        ..key("bob", BOB_HASHED)
    };
    Directory::new(vec![
        key("alice", ALICE),
        bob,
        key("alice", "alice-key-the-second"),
    ])
    .expect("a good configuration")
}

fn refused(keys: Vec<Key>) -> String {
    Directory::new(keys)
        .err()
        .expect("a bad configuration")
        .to_string()
}

#[test]
fn knows_plain_and_hashed_keys() {
    let users = directory();
    let subject = |key| users.find(key).map(|user| user.subject.as_str());
    assert_eq!(subject(ALICE), Some("alice"));
    assert_eq!(subject("alice-key-the-second"), Some("alice"));
    assert_eq!(subject(BOB), Some("bob"));
}

#[test]
fn answers_with_groups_and_rights() {
    let users = directory();
    let alice = users.find(ALICE).expect("known");
    assert_eq!(
        (alice.groups.as_slice(), alice.admin),
        (["alice".to_owned()].as_slice(), false)
    );
    let bob = users.find(BOB).expect("known");
    assert_eq!(
        (bob.groups.as_slice(), bob.admin),
        (["staff".to_owned(), "bob".to_owned()].as_slice(), true)
    );
}

#[test]
fn knows_nobody_else() {
    let users = directory();
    let strangers = [
        "",
        "x",
        "alice",
        "alice-key-012345678",
        "alice-key-0123456789 ",
        "ALICE-KEY-0123456789",
        BOB_HASHED,
    ];
    for stranger in strangers {
        assert_eq!(users.find(stranger), None, "{stranger}");
    }
    let digest_alone = BOB_HASHED.trim_start_matches("sha256:");
    assert_eq!(
        users.find(digest_alone),
        None,
        "whoever reads the configuration must not get in with a digest"
    );
    assert_eq!(
        Directory::new(vec![]).expect("nobody yet").find(ALICE),
        None
    );
}

#[test]
fn an_empty_key_is_nobody_even_if_its_digest_is_listed() {
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        Directory::new(vec![key("alice", empty)])
            .expect("a digest")
            .find(""),
        None
    );
}

#[test]
fn refuses_keys_that_are_weak_or_malformed() {
    let third = |text| {
        refused(vec![
            key("alice", ALICE),
            key("bob", BOB),
            key("carol", text),
        ])
    };
    let short = "keys[2].key: a key of 15 characters can be guessed";
    assert!(
        third("fifteen-letters").starts_with(short),
        "{}",
        third("fifteen-letters")
    );
    assert!(third("").starts_with("keys[2].key: a key of 0 characters"));
    for text in [
        "a key with spaces in it",
        "key-with-newline-\n",
        "schlüssel-für-das-haus",
    ] {
        assert!(
            third(text).starts_with("keys[2].key: a key must be of visible ASCII characters"),
            "{text}"
        );
    }
    let cut = &BOB_HASHED[..70];
    let not_hex = format!("sha256:{}", "g".repeat(64));
    for text in [
        "sha256:",
        cut,
        not_hex.as_str(),
        "sha256:not-a-digest-but-long-enough",
    ] {
        assert!(
            third(text)
                .starts_with("keys[2].key: what follows 'sha256:' must be 64 hexadecimal digits"),
            "{text}"
        );
    }
}

#[test]
fn a_refusal_never_repeats_a_key() {
    for secret in ["short-secret", "a secret with spaces", "sha256:secret"] {
        assert!(!refused(vec![key("alice", secret)]).contains("secret"));
    }
}

#[test]
fn refuses_one_key_for_two() {
    let same = "keys[1].key: the same key as keys[0].key: give every entry one of its own";
    assert_eq!(refused(vec![key("alice", ALICE), key("bob", ALICE)]), same);
    assert_eq!(
        refused(vec![key("bob", BOB_HASHED), key("alice", BOB)]),
        same
    );
    assert_eq!(
        refused(vec![
            key(
                "bob",
                &BOB_HASHED.to_uppercase().replace("SHA256", "sha256")
            ),
            key("bob", BOB)
        ]),
        same
    );
}

#[test]
fn refuses_names_that_no_header_could_carry() {
    assert_eq!(
        refused(vec![key("", ALICE)]),
        "keys[0].user: a name must not be empty"
    );
    let control = "a name must not have control characters; this one has U+000A";
    assert_eq!(
        refused(vec![key("al\nice", ALICE)]),
        format!("keys[0].user: {control}")
    );
    let groups = vec!["staff".into(), "a\n".into()];
    assert_eq!(
        refused(vec![Key {
            groups,
            ..key("alice", ALICE)
        }]),
        format!("keys[0].groups[1]: {control}")
    );
}

#[test]
fn refuses_keys_of_one_user_that_disagree() {
    let second = || key("alice", "alice-key-the-second");
    let groups = vec![
        key("alice", ALICE),
        Key {
            groups: vec!["staff".into()],
            ..second()
        },
    ];
    assert_eq!(
        refused(groups),
        "keys[1].groups: differs from keys[0].groups: all keys of a user must agree in it"
    );
    let admin = vec![
        key("alice", ALICE),
        Key {
            admin: true,
            ..second()
        },
    ];
    assert_eq!(
        refused(admin),
        "keys[1].admin: differs from keys[0].admin: all keys of a user must agree in it"
    );
    let spelled_out = Key {
        groups: vec!["alice".into()],
        ..second()
    };
    assert!(
        Directory::new(vec![key("alice", ALICE), spelled_out]).is_ok(),
        "the default spelled out is the same"
    );
}
