//! Any bytes as a dump: one that is accepted is whole, and its lines can be written again and mean
//! the same.

use callfs_model::metadata::{Intent, Link, Record};
use callfs_test_fuzz::FuzzTarget;

use super::*;

const HEADER: &str = "{\"callfs_metadata\":1,\"exported\":1}\n";

const LINES: [&str; 12] = [
    "{\"record\":{\"path\":\"/\",\"owner\":\"root\",\"group\":\"root\",\"mode\":493,\
     \"content\":null}}\n",
    "{\"record\":{\"path\":\"/ä/b \\\"1\\\".txt\",\"owner\":\"alice\",\"group\":\"g\",\
     \"mode\":4095,\
     \"content\":{\"etag\":\"\\\\\\\"e\",\"content_type\":\"text/plain\",\
     \"sha256\":\"abababababababababababababababababababababababababababababababab\",\
     \"modified\":-1}}}\n",
    "{\"record\":{\"path\":\"/c\",\"owner\":\"\",\"group\":\"\",\"mode\":0,\
     \"content\":{\"etag\":null,\"content_type\":null,\"sha256\":null,\"modified\":null}}}\n",
    "{\"intent\":{\"id\":\"09090909090909090909090909090909\",\
     \"intent\":{\"rename\":{\"from\":\"/a\",\"to\":\"/z\"}}}}\n",
    "{\"intent\":{\"id\":\"01010101010101010101010101010101\",\
     \"intent\":{\"discard\":{\"path\":\"/d\",\"inside\":true,\
     \"storage\":\"04040404040404040404040404040404\"}}}}\n",
    "{\"intent\":{\"id\":\"01010101010101010101010101010102\",\
     \"intent\":{\"discard\":{\"path\":\"/d\",\"inside\":false}}}}\n",
    "{\"intent\":{\"id\":\"05050505050505050505050505050505\",\
     \"intent\":{\"reconcile\":{\"path\":\"/r\"}}}}\n",
    "{\"link\":{\"id\":\"02020202020202020202020202020202\",\
     \"token_sha256\":\"0202020202020202020202020202020202020202020202020202020202020202\",\
     \"path\":\"/a\",\"maker\":\"alice\",\
     \"rights\":{\"groups\":[\"staff\"],\"admin\":false,\"attributes\":[[\"a\",\"b\"]]},\
     \"options\":{\"inline\":true,\"unlimited\":true,\"directory\":false},\
     \"filename\":null,\"created\":1000,\"expires\":9223372036854775807,\"max_uses\":3,\
     \"spent\":1,\"uses\":[{\"holder\":\"fffffffffffffffffffffffffffffffe\",\"taken\":true,\
     \"until\":9,\"version\":\"v1\",\"handed\":[{\"start\":0,\"end\":5},\
     {\"start\":7,\"end\":18446744073709551615}]}]}}\n",
    "{\"record\":{\"path\":\"/a/../b\",\"owner\":\"\",\"group\":\"\",\"mode\":1,\
     \"content\":null}}\n",
    "{\"end\":{\"records\":0,\"intents\":0,\"links\":0}}\n",
    "{}\n",
    "\n",
];

const TOKENS: [&str; 33] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\n",
    "null",
    "true",
    "0",
    "-1",
    "1",
    "9223372036854775808",
    "1.5",
    "/",
    "/..",
    "\\u0000",
    "ä",
    "ab",
    "\"x\":1,",
    "\"path\"",
    "\"end\"",
    "\"record\"",
    "\"intent\"",
    "\"link\"",
    "{\"end\":{\"records\":1,\"intents\":0,\"links\":0}}\n",
    "{\"end\":{\"records\":2,\"intents\":0,\"links\":0}}\n",
    "{\"start\":1,\"end\":0}",
    "\"rights\":{},",
    "\"options\":{},",
    "\"callfs_metadata\":2",
];

/// A dump of these lines with the right end.
fn dump(lines: &[&str]) -> String {
    let count = |kind: &str| lines.iter().filter(|line| line.starts_with(kind)).count();
    let end = format!(
        "{{\"end\":{{\"records\":{},\"intents\":{},\"links\":{}}}}}\n",
        count("{\"record\""),
        count("{\"intent\""),
        count("{\"link\"")
    );
    [HEADER, &lines.concat(), &end].concat()
}

/// A line that went to the model and back.
fn through_model(line: DumpLine) -> DumpLine {
    match line {
        DumpLine::Record(line) => DumpLine::Record(Record::from(line).into()),
        DumpLine::Link(line) => DumpLine::Link(Link::from(line).into()),
        DumpLine::Intent(line) => DumpLine::Intent(IntentLine {
            id: Hex(line.id.0),
            intent: What::of(Intent::from(line.intent)).expect("was in a dump"),
        }),
        DumpLine::End(counts) => DumpLine::End(counts),
    }
}

#[test]
fn a_dump_is_whole_or_refused() {
    let mut corpus: Vec<String> = LINES.iter().map(|line| dump(&[line])).collect();
    corpus.extend(LINES[..8].windows(2).map(dump));
    corpus.push(dump(&LINES[..8]));
    corpus.push(HEADER.to_owned());
    let target = FuzzTarget::new("dump", 40_000)
        .corpus(&corpus)
        .tokens(&TOKENS)
        .longest(4 << 10);
    target.run(|mut input, _| {
        let all = input;
        let counts = match verify(&mut input) {
            Ok(counts) => counts,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
                return false;
            }
        };
        assert!(input.is_empty(), "read to its end");
        let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len() as u64, counts.all() + 2);
        let mut again = lines[0].to_vec();
        for line in &lines[1..] {
            let text = |line: &DumpLine| serde_json::to_vec(line).expect("can be written");
            let line: DumpLine = serde_json::from_slice(line).expect("was read before");
            let written = text(&line);
            assert_eq!(text(&through_model(line)), written);
            again.extend_from_slice(&written);
            again.push(b'\n');
        }
        assert_eq!(verify(&mut &again[..]).expect("can be read"), counts);
        // Without its last line it was cut off.
        let cut = all.len() - lines[lines.len() - 1].len();
        assert!(verify(&mut &all[..cut]).is_err());
        true
    });
}
