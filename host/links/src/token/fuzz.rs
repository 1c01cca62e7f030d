//! Any text as a token: one that is accepted is the only spelling of a token that was signed.

use callfs_test_fuzz::FuzzTarget;

use super::*;

const TOKENS: [&str; 12] = [
    "A", "AAAA", "=", "+", "/", "-", "_", " ", "\n", "\0", "ä", "%2D",
];

#[test]
fn a_token_has_one_spelling() {
    let secret = |text: &str| Secret::of(&text.repeat(32)).expect("long enough");
    let ours = TokenSigner::new(&secret("a"));
    let theirs = TokenSigner::new(&secret("b"));
    let ids: [LinkId; 4] = [[0; ID], [7; ID], [0xff; ID], *b"0123456789abcdef"];
    let mut corpus: Vec<String> = ids.iter().map(|id| ours.sign(id).0).collect();
    corpus.push(theirs.sign(&ids[1]).0);
    let padded = corpus
        .iter()
        .map(|token| format!("{token}="))
        .collect::<Vec<_>>();
    let standard = corpus
        .iter()
        .map(|token| token.replace('-', "+").replace('_', "/"));
    let standard: Vec<String> = standard.collect();
    let target = FuzzTarget::new("link token", 150_000)
        .corpus(&corpus)
        .corpus(&padded)
        .corpus(&standard)
        .corpus(&["", "A", " ", "ä"])
        .tokens(&TOKENS)
        .longest(300);
    target.run(|input, _| {
        let text = String::from_utf8_lossy(input);
        if !ours.has_signed(&text) {
            return false;
        }
        assert!(!theirs.has_signed(&text));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&*text).expect("base64");
        let id = bytes[..ID].try_into().expect("long enough");
        assert!(ids.contains(&id), "signed by nobody");
        assert_eq!(ours.sign(&id).reveal(), text);
        true
    });
}
