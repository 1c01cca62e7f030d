//! Configurations that are taken, and those that are refused with the place that is wrong.

use callfs_sdk::Plugin;
use callfs_sdk::testing::configure;

use crate::S3;

fn configured(more: &str) -> S3 {
    let config = format!(r#"{{"bucket": "archive"{more}}}"#);
    configure(&config).unwrap_or_else(|error| panic!("{config}: {error}"))
}

fn refused(config: &str) -> String {
    configure::<S3>(config)
        .err()
        .unwrap_or_else(|| panic!("{config} is a bad configuration"))
        .path
}

#[test]
fn a_bucket_has_an_address() {
    let table = [
        ("", "https://archive.s3.us-east-1.amazonaws.com"),
        (
            r#", "region": "eu-central-1""#,
            "https://archive.s3.eu-central-1.amazonaws.com",
        ),
        (
            r#", "path_style": true"#,
            "https://s3.us-east-1.amazonaws.com/archive",
        ),
        (
            r#", "endpoint": "http://127.0.0.1:9000""#,
            "http://127.0.0.1:9000/archive",
        ),
        (
            r#", "endpoint": "https://s3.example.com/""#,
            "https://s3.example.com/archive",
        ),
        (
            r#", "endpoint": "https://[::1]:9000""#,
            "https://[::1]:9000/archive",
        ),
        (
            r#", "endpoint": "https://s3.example.com", "path_style": false"#,
            "https://archive.s3.example.com",
        ),
    ];
    for (more, base) in table {
        assert_eq!(configured(more).bucket.base(), base);
    }
    let dotted: S3 = configure(r#"{"bucket": "my.archive"}"#).expect("a good configuration");
    assert_eq!(
        dotted.bucket.base(),
        "https://s3.us-east-1.amazonaws.com/my.archive",
        "no certificate has two levels"
    );
}

#[test]
fn what_is_wrong_is_named() {
    let with = |more: &str| refused(&format!(r#"{{"bucket": "archive", {more}}}"#));
    for bucket in [
        "",
        "ab",
        "Ab/cd",
        "a b c",
        "-abc",
        "abc.",
        "a..b",
        "ä-bucket",
        &"x".repeat(64),
    ] {
        assert_eq!(
            refused(&format!(r#"{{"bucket": "{bucket}"}}"#)),
            "bucket",
            "{bucket}"
        );
    }
    assert_eq!(refused("{}"), "");
    for endpoint in [
        "127.0.0.1:9000",
        "ftp://host",
        "http://",
        "http://host/path",
        "http://host?query",
        "http://user:pass@host",
        "http://host:0",
        "http://host:65536",
        "http://[::1",
    ] {
        assert_eq!(
            with(&format!(r#""endpoint": "{endpoint}""#)),
            "endpoint",
            "{endpoint}"
        );
    }
    for root in ["/a", "a/", "a//b", "a/../b", "."] {
        assert_eq!(with(&format!(r#""root": "{root}""#)), "root", "{root}");
    }
    for size in ["4MiB", "65MiB", "16", "16MB", "-16MiB", "99999999999999MiB"] {
        assert_eq!(
            with(&format!(r#""part_size": "{size}""#)),
            "part_size",
            "{size}"
        );
    }
    assert_eq!(with(r#""region": "eu central""#), "region");
    assert_eq!(
        with(r#""server_side_encryption": "aes""#),
        "server_side_encryption"
    );
    assert_eq!(with(r#""kms_key_id": "key""#), "kms_key_id");
    assert_eq!(
        with(r#""kms_key_id": "key", "server_side_encryption": "AES256""#),
        "kms_key_id"
    );
    assert_eq!(with(r#""storage_class": "STANDARD IA""#), "storage_class");
    assert_eq!(with(r#""secret": "x""#), "secret");
}

#[test]
fn conditions_are_left_to_servers_that_honour_them() {
    let table = [
        ("", true),
        (
            r#", "endpoint": "https://s3.dualstack.eu-west-1.amazonaws.com""#,
            true,
        ),
        (
            r#", "endpoint": "https://amazonaws.com.example.com""#,
            false,
        ),
        (r#", "endpoint": "https://notamazonaws.com""#, false),
        (r#", "endpoint": "http://127.0.0.1:9000""#, false),
        (
            r#", "endpoint": "http://127.0.0.1:9000", "conditional_writes": true"#,
            true,
        ),
        (r#", "conditional_writes": false"#, false),
    ];
    for (more, conditional) in table {
        let features = configured(more).features();
        assert_eq!(
            features.contains(&"conditional-write"),
            conditional,
            "{more}"
        );
        assert!(features.contains(&"implicit-directories"), "{more}");
    }
}

#[test]
fn new_objects_are_stored_as_configured() {
    let storing = |more: &str| configured(more).bucket.storing().to_vec();
    assert_eq!(storing(""), []);
    assert_eq!(
        storing(r#", "server_side_encryption": "AES256", "storage_class": "STANDARD_IA""#),
        [
            ("x-amz-server-side-encryption", "AES256".into()),
            ("x-amz-storage-class", "STANDARD_IA".into())
        ]
    );
    let mut kms = storing(r#", "server_side_encryption": "aws:kms", "kms_key_id": "key-1""#);
    kms.sort();
    assert_eq!(
        kms,
        [
            ("x-amz-server-side-encryption", "aws:kms".to_owned()),
            (
                "x-amz-server-side-encryption-aws-kms-key-id",
                "key-1".to_owned()
            )
        ]
    );
}
