//! Names that something between a client and a disk likes to change.

use callfs_model::storage::{Condition, EntryKind};

use super::super::finding::{CheckOutcome, works};
use super::room::Room;

/// Names of one directory, in no order. Around `/` (0x2f) come `-`, `.` and `0`; many are one
/// another's escaped, folded, trimmed or normalised form, and all of them are different.
pub(super) fn torture() -> Vec<String> {
    let plain = [
        "a",
        "a-b",
        "a.b",
        "a0",
        "a b",
        "a+b",
        "a%20b",
        "a%2Fb",
        "a%252Fb",
        "a!b",
        "A",
        "B",
        "b",
        "ab",
        "a~",
        " a",
        "a ",
        "  ",
        "-",
        "--",
        "_",
        "~",
        ".hidden",
        "..two",
        "...",
        "a.",
        "+",
        "%",
        "%%",
        "%00",
        "%2e%2e",
        "?",
        "a?b=c&d",
        "#",
        "a#b",
        "&",
        "=",
        "a&amp;b",
        "'",
        "\"",
        "`",
        "\\",
        "a\\b",
        "*",
        "[a]",
        "{a}",
        "<a>",
        "|",
        ":",
        "C:",
        ";",
        ",",
        "$HOME",
        "@",
        "a@b",
        "^",
        "(1)",
        "CON",
        "nul",
        "index.html",
        "0",
        "00",
        "1e3",
        "null",
        "true",
        "\u{e9}",
        "e\u{301}",
        "\u{c5}",
        "A\u{30a}",
        "\u{df}",
        "ss",
        "\u{130}",
        "i",
        "\u{fb01}",
        "fi",
        "\u{3c3}",
        "\u{3c2}",
        "\u{4e2d}\u{6587}",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "\u{1f600}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{a0}",
        "\u{200b}",
        "\u{feff}",
        "\u{2028}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{e000}",
        "\u{ff0f}",
        "\u{2215}",
    ];
    let long = [
        "x".repeat(255),
        "x".repeat(254),
        // 255 bytes in 127 and 64 characters.
        format!("{}x", "\u{e9}".repeat(127)),
        format!("{}xyz", "\u{1f600}".repeat(63)),
    ];
    plain.into_iter().map(str::to_owned).chain(long).collect()
}

pub(super) async fn exact(room: &Room) -> CheckOutcome {
    let mut contents = Vec::new();
    for (number, name) in torture().into_iter().enumerate() {
        // Sizes differ, so that a name that leads to another file shows at once.
        contents.push((room.put_new(&name, 20 + number as u64).await?, name));
    }
    for (content, name) in &contents {
        room.is(name, *content).await?;
    }
    let names: Vec<&String> = contents.iter().map(|(_, name)| name).collect();
    room.lists("", 1000, &names).await?;
    // Each is removed alone. The last one stays: a directory may go with what is in it.
    while let Some((_, name)) = contents.pop() {
        let Some((content, next)) = contents.last() else {
            return room.lists("", 1000, &[name]).await.map(drop);
        };
        works(
            format!("remove({name:?})"),
            room.remove(&name, Condition::Always).await,
        )?;
        room.nothing_at(&name).await?;
        room.is(next, *content).await?;
    }
    Ok(())
}

pub(super) async fn directories(room: &Room) -> CheckOutcome {
    let names = torture();
    let mut contents = Vec::new();
    for (number, name) in names.iter().enumerate() {
        room.make(name).await?;
        let inside = format!("{name}/{name}");
        contents.push((room.put_new(&inside, 20 + number as u64).await?, inside));
    }
    for entry in room.lists("", 1000, &names).await? {
        let name = entry.name;
        super::super::finding::same(
            format!("list of {name:?}"),
            "its kind",
            EntryKind::Directory,
            entry.attributes.kind,
        )?;
        room.lists(&name, 10, &[&name]).await?;
    }
    for (content, inside) in &contents {
        room.is(inside, *content).await?;
    }
    Ok(())
}
