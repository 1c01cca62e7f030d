//! Names in a bucket: every one that CallFS takes comes back as it is, and listings are in byte
//! order, whole and flat.

use serde_json::Value;

use crate::harness::{Gateway, S3};

/// Names that somebody on the way could take for something else, and names around the slash in byte
/// order.
fn strange() -> Vec<String> {
    let plain = [
        " leading",
        "trailing ",
        "a b",
        "a+b",
        "a++b",
        "100%",
        "%",
        "%20",
        "a%2Fb",
        "a%2fb",
        "%2B",
        "ä",
        "日本語",
        "🦀",
        "e\u{301}",
        "!*'();:@$,",
        "~tilde",
        "\"quoted\"",
        "<tag>",
        "a&b",
        "&amp;",
        "a?b",
        "a#b",
        "a=b",
        "[x]",
        "{x}",
        "back\\slash",
        "`",
        "^|",
        "foo",
        "foo!",
        "foo-bar",
        "foo.",
        "foo0",
        "foo bar",
        "-",
        ".hidden",
        "..two",
        "...",
    ];
    plain.map(str::to_owned).into()
}

async fn listed(gateway: &Gateway, path: &str, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = gateway
            .admin()
            .list(path, &format!("limit={limit}{after}"))
            .await
            .is(200);
        names.extend(page.entries("name"));
        match page.json()["next"].as_str() {
            Some(next) => after = format!("&after={}", crate::harness::encode(next)),
            None => return names,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_name_comes_back_as_it_is() {
    let s3 = S3::start();
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    let mut expected = strange();
    expected.extend(["dir", "dir-x", "dir.x"].map(Into::into));
    for (number, name) in strange().iter().enumerate() {
        admin
            .put(&format!("/s3/n/{name}"), number.to_string())
            .await
            .is(201);
        // As a directory, too.
        admin
            .put(&format!("/s3/d/{name}/x"), number.to_string())
            .await
            .is(201);
    }
    for name in ["dir/x", "dir-x/x", "dir.x"] {
        admin.put(&format!("/s3/n/{name}"), "x").await.is(201);
    }
    expected.sort_unstable();
    for limit in [1000, 7, 1] {
        assert_eq!(
            listed(&gateway, "/s3/n", limit).await,
            expected,
            "by {limit}"
        );
    }
    let mut directories = strange();
    directories.sort_unstable();
    for limit in [1000, 3] {
        assert_eq!(
            listed(&gateway, "/s3/d", limit).await,
            directories,
            "by {limit}"
        );
    }
    for (number, name) in strange().iter().enumerate() {
        assert_eq!(
            admin.get(&format!("/s3/n/{name}")).await.is(200).text(),
            number.to_string(),
            "{name}"
        );
        let from = format!("/s3/n/{name}");
        let to = format!("/s3/c/{name}");
        admin.copy("POST", &from, &to).await.is(201);
        assert_eq!(
            admin.get(&to).await.is(200).text(),
            number.to_string(),
            "{name}"
        );
        admin.delete(&from).await.is(204);
        assert_eq!(
            admin.get(&format!("/s3/d/{name}/x")).await.is(200).text(),
            number.to_string(),
            "{name}"
        );
    }
    let keys = s3.keys();
    assert!(
        strange()
            .iter()
            .all(|name| keys.contains(&format!("c/{name}"))),
        "S3 has them as they are: {keys:?}"
    );
    assert!(
        strange()
            .iter()
            .all(|name| !keys.contains(&format!("n/{name}")))
    );
}

#[tokio::test]
async fn keys_may_be_as_long_as_s3_takes_them() {
    let s3 = S3::start();
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    let ascii = "n".repeat(249);
    let wide = "日".repeat(83);
    let long = format!("{ascii}/{wide}/{ascii}/{wide}");
    assert_eq!(long.len(), 999);
    let longest = format!("{long}/{}", "%+ ä".repeat(4) + "1234");
    assert_eq!(longest.len(), 1024);
    admin.put(&format!("/s3/{longest}"), "x").await.is(201);
    assert_eq!(
        admin.get(&format!("/s3/{longest}")).await.is(200).body,
        b"x"
    );
    assert_eq!(
        admin
            .get(&format!("/s3/{long}"))
            .await
            .is(200)
            .entries("name"),
        ["%+ ä%+ ä%+ ä%+ ä1234"]
    );
    assert_eq!(s3.keys(), [longest.as_str()]);
    let detail = admin
        .put(&format!("/s3/{longest}y"), "x")
        .await
        .detail(400, "BAD_REQUEST");
    assert!(detail.contains("1024"), "{detail}");
    admin
        .get(&format!("/s3/{longest}y"))
        .await
        .problem(404, "FILE_NOT_FOUND");
    admin
        .delete(&format!("/s3/{longest}y"))
        .await
        .problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn what_other_tools_left_is_served_as_it_can_be() {
    let s3 = S3::with(|bucket| {
        // A marker of an empty directory, one of a full one, and a file with the name of a
        // directory.
        for key in [
            "marker/",
            "full/",
            "full/a",
            "both",
            "both-x",
            "both/inner",
            "//nameless",
            "a//b",
            "a/c",
        ] {
            bucket.object(key);
        }
    });
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    for limit in [1000, 1] {
        assert_eq!(
            listed(&gateway, "/s3", limit).await,
            ["a", "both", "both-x", "full", "marker"],
            "by {limit}"
        );
    }
    assert_eq!(listed(&gateway, "/s3/marker", 10).await, [] as [&str; 0]);
    assert_eq!(listed(&gateway, "/s3/full", 10).await, ["a"]);
    assert_eq!(listed(&gateway, "/s3/a", 10).await, ["c"]);
    assert_eq!(
        admin.head("/s3/both").await.is(200).header("x-callfs-type"),
        "file"
    );
    assert_eq!(
        admin
            .head("/s3/marker")
            .await
            .is(200)
            .header("x-callfs-type"),
        "directory"
    );
    assert_eq!(admin.get("/s3/both/inner").await.is(200).body, b"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_objects_are_listed_with_flat_memory() {
    const OBJECTS: usize = 100_000;
    let name = |number: usize| format!("object {number:06}-of-many.txt");
    let s3 = S3::with(|bucket| {
        (0..OBJECTS).for_each(|number| bucket.object(&format!("many/{}", name(number))))
    });
    let mut gateway = s3.setup().start().await;
    let admin = gateway.admin();
    admin.list("/s3/many", "limit=1").await.is(200);
    let idle = gateway.process().peak_memory();
    let lines = admin
        .list("/s3/many", "limit=0")
        .header("accept", "application/x-ndjson")
        .await
        .is(200);
    let listed: Vec<Value> = serde_json::Deserializer::from_slice(&lines.body)
        .into_iter()
        .map(|v| v.expect("JSON"))
        .collect();
    assert_eq!(listed.len(), OBJECTS);
    assert!(
        listed
            .iter()
            .enumerate()
            .all(|(number, entry)| entry["name"] == name(number)),
        "each once, in order"
    );
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown < 32 << 20, "grown by {} MiB", grown >> 20);
}

/// One request shows the names below a key or the object under it, and not both.
#[tokio::test]
async fn what_is_below_the_key_of_an_object_is_listed_to_its_end() {
    let s3 = S3::with(|bucket| {
        for key in ["m", "m/1", "m/2"] {
            bucket.object(key);
        }
    });
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    for (query, names) in [
        ("", ["1", "2"].as_slice()),
        ("limit=1", &["1"]),
        ("after=/s3/m/1", &["2"]),
        ("after=/s3/m/2", &[]),
    ] {
        let listed = admin.list("/s3/m", query);
        let listed = listed.header("accept", "application/json").await.is(200);
        assert_eq!(listed.entries("name"), names, "{query}");
    }
    assert_eq!(admin.get("/s3/m").await.is(200).body, b"");
}
