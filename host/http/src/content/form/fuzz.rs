//! Any body of a form: however it is cut into pieces, the same file is found or none is.

use callfs_test_fuzz::FuzzTarget;
use futures_util::FutureExt;

use super::tests::stored;

const CORPUS: [&str; 8] = [
    "--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nhello\r\n--b--\r\n",
    "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a%22\"\r\nContent-Type: \
     text/plain\r\n\r\n\r\n--b--",
    "pre\r\n--b \r\nContent-Disposition: form-data; filename=a\r\n\r\n\r\n--\r\n--b--\r\npost",
    "--b\r\nContent-Disposition: form-data; name=f\r\n\r\nx\r\n--b--\r\n",
    "--b\r\nContent-Disposition: form-data; filename=a\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n",
    "--b\r\nContent-Disposition: form-data; filename=a\r\n\r\nx\r\n--b",
    "--b--",
    "\r\n\r\n--b\r\n\r\n--b\r\n",
];

const TOKENS: [&str; 14] = [
    "\r\n",
    "\r",
    "\n",
    "--",
    "-",
    "--b",
    "\r\n--b",
    "\r\n--b--",
    "\r\n--b\r\n",
    "\r\n\r\n",
    "; ",
    "filename=",
    "\"",
    "\\",
];

#[test]
fn pieces_make_no_difference() {
    let target = FuzzTarget::new("form", 60_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS);
    target.run(|input, random| {
        let found = |piece| {
            let stored = stored(input, "b", piece).now_or_never();
            // Which mistake is named may depend on how much is known of the body.
            stored.expect("a body in memory").ok()
        };
        let whole = found(input.len().max(1));
        assert_eq!(found(1), whole);
        assert_eq!(found(random.usize(2..20)), whole);
        let Some((name, _, bytes)) = whole else {
            return false;
        };
        assert!(!name.is_empty());
        let body = [b"\r\n", input].concat();
        let is_in = |text: &[u8]| body.windows(text.len()).any(|part| part == text);
        assert!(is_in(&[&bytes[..], b"\r\n--b--"].concat()));
        let delimiter = b"\r\n--b";
        assert!(!bytes.windows(delimiter.len()).any(|part| part == delimiter));
        true
    });
}
