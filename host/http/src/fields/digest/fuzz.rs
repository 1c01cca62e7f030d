//! Any digest field: what is accepted has the length of its algorithm and can be written again.

use callfs_test_fuzz::FuzzTarget;

use super::*;

const CORPUS: [&str; 14] = [
    "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:",
    "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:, md5=:YQ==:",
    "sha-512=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
     AAAAAAAAAAAAAAAAAAAA==:",
    "sha-256=:AAAA:",
    "sha-256=1",
    "sha-256=10, sha-512=3",
    "sha-256=0",
    "sha-256=11",
    "sha-256;q=1",
    "md5=:AAAA:, crc32c=:AA:, unixsum=7",
    "sha-256=:*:",
    "SHA-256=:AAAA:",
    "",
    ",",
];

const TOKENS: [&str; 12] = [
    "sha-256=", "sha-512=", ":", ",", ", ", "=", "A", "AAAA", ";q", "1", "10", "?1",
];

fn written(digest: &Digest) -> String {
    match digest {
        Digest::Sha256(bytes) => format!("sha-256=:{}:", BASE64_STANDARD.encode(bytes)),
        Digest::Sha512(bytes) => format!("sha-512=:{}:", BASE64_STANDARD.encode(bytes)),
    }
}

#[test]
fn a_digest_is_whole_or_refused() {
    let target = FuzzTarget::new("digest", 100_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS);
    target.run(|input, _| {
        let Ok(value) = HeaderValue::from_bytes(input) else {
            return false;
        };
        let one = |name: &HeaderName| HeaderMap::from_iter([(name.clone(), value.clone())]);
        let wanted = is_wanted(&one(&WANT_REPR_DIGEST));
        let members = dictionary::of(&one(&REPR_DIGEST), &REPR_DIGEST);
        assert!(!wanted || members.is_some());
        let digests = match announced(&one(&REPR_DIGEST)) {
            Ok(digests) => digests,
            Err(problem) => {
                assert_eq!(problem.status().as_u16(), 400);
                assert!(announced(&one(&CONTENT_DIGEST)).is_err());
                return false;
            }
        };
        assert!(members.is_some());
        // An algorithm counts once.
        assert!(digests.len() <= 2, "{digests:?}");
        assert!(announced(&one(&CONTENT_DIGEST)).is_ok_and(|others| others == digests));
        let again: Vec<String> = digests.iter().map(written).collect();
        let again = HeaderValue::try_from(again.join(", ")).expect("a header value");
        let again = HeaderMap::from_iter([(CONTENT_DIGEST, again)]);
        assert!(announced(&again).is_ok_and(|again| again == digests));
        true
    });
}
