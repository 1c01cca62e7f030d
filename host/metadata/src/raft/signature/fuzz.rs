//! Any head of a message: a signature is accepted for the one head that it was made for.

use callfs_test_fuzz::FuzzTarget;
use http::HeaderValue;

use super::*;

const TOKENS: [&str; 14] = [
    "\n",
    "/",
    "/raft/2/append/7",
    "/raft/2/vote/7",
    "0",
    "1",
    "9",
    "00",
    "+",
    "f",
    "F",
    "\0",
    "ä",
    " ",
];

/// Path, time, nonce, length and signature, a line of each.
struct HeadFields<'a> {
    path: &'a str,
    stamp: MessageStamp,
    length: usize,
    signature: &'a str,
}

impl<'a> HeadFields<'a> {
    /// As the server takes them from headers; none where one is missing or no header's value.
    fn read(text: &'a str) -> Option<Self> {
        let mut lines = text.split('\n');
        let path = lines.next()?;
        let mut headers = HeaderMap::new();
        headers.insert(TIME, HeaderValue::from_str(lines.next()?).ok()?);
        headers.insert(NONCE, HeaderValue::from_str(lines.next()?).ok()?);
        let length = lines.next()?.parse().ok()?;
        let signature = lines.next()?;
        let stamp = MessageStamp::of(&headers)?;
        lines.next().is_none().then_some(Self {
            path,
            stamp,
            length,
            signature,
        })
    }

    fn key(&self) -> (&str, &str, &str, usize) {
        (self.path, &self.stamp.time, &self.stamp.nonce, self.length)
    }
}

fn signed(signer: &MessageSigner, path: &str, time: &str, nonce: &str, length: usize) -> String {
    let stamp = MessageStamp {
        time: time.to_owned(),
        nonce: nonce.to_owned(),
    };
    let signature = signer.head(path, &stamp, length);
    format!("{path}\n{time}\n{nonce}\n{length}\n{signature}")
}

#[test]
fn a_head_is_accepted_only_as_it_was_signed() {
    let signer = MessageSigner::new(b"the secret of these tests");
    let other = MessageSigner::new(b"another secret");
    let nonce = "00112233445566778899aabbccddeeff";
    let corpus = [
        signed(&signer, "/raft/2/append/7", "1700000000000", nonce, 0),
        signed(&signer, "/raft/2/append/7", "1700000000000", nonce, 100),
        signed(&signer, "/raft/2/vote/12", "17000000000001", nonce, 1),
        signed(&signer, "/raft/2/hello/0", "0", "", 33_554_432),
        signed(&signer, "", "", "1", 1),
        signed(
            &signer,
            "/raft/2/append/71",
            "700000000000",
            nonce,
            usize::MAX,
        ),
        signed(&other, "/raft/2/append/7", "1700000000000", nonce, 100),
        "/a\nx\ny\n-1\nzz".to_owned(),
        "/a\nx".to_owned(),
    ];
    let signed: Vec<HeadFields<'_>> = corpus[..6]
        .iter()
        .map(|text| HeadFields::read(text).expect("well-formed"))
        .collect();
    let target = FuzzTarget::new("raft head", 60_000)
        .corpus(&corpus)
        .tokens(&TOKENS);
    target.run(|input, _| {
        let text = String::from_utf8_lossy(input);
        let Some(head) = HeadFields::read(&text) else {
            return false;
        };
        let _ = head.stamp.is_recent();
        let HeadFields {
            path,
            stamp,
            length,
            signature,
        } = &head;
        let is_accepted = signer.is_head(signature, path, stamp, *length);
        assert!(!signer.is_request(signature, path, stamp, b""));
        assert!(!signer.is_answer(signature, 200, &stamp.nonce, b""));
        let is_signed = signed.iter().any(|one| {
            one.key() == head.key() && one.signature.eq_ignore_ascii_case(head.signature)
        });
        assert_eq!(is_accepted, is_signed);
        is_accepted
    });
}
