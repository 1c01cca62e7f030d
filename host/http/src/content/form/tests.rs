//! Forms as clients send them, and what is none.

use super::*;

/// What is stored of a body that arrives in pieces of so many bytes: the name of the file, its
/// media type and its bytes.
pub(super) async fn stored(
    body: &[u8],
    boundary: &str,
    piece: usize,
) -> Result<(String, Option<HeaderValue>, Vec<u8>)> {
    let pieces: Vec<_> = body.chunks(piece).map(Bytes::copy_from_slice).collect();
    let body = Source::from_stream(stream::iter(pieces.into_iter().map(Ok)).boxed(), None);
    let mut file = FormFile::open(body, &FormBoundary(boundary.to_owned())).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = file.bytes.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok((file.name, file.media_type, bytes))
}

/// A part with a file; the line break after it belongs to the delimiter.
fn part(content: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"f\"; \
         filename=\"a.txt\"\r\nContent-Type: text/x-a\r\n\r\n{content}\r\n"
    )
}

#[tokio::test]
async fn the_bytes_of_the_file_are_what_is_between_the_delimiters() {
    for content in [
        "",
        "x",
        "hello\r\n",
        "\r\n",
        "\r\n\r\n",
        "--b",
        "--b--",
        "\n--b--\r",
        "\r\n--",
        "\r\n-\r\n--\r",
        "\r\r\n\r\n-",
        "\0\u{ff}",
    ] {
        let whole = format!("{}--b--\r\n", part(content));
        let around = format!(
            "a preamble\r\n{}--b--\r\nan epilogue\r\n--b\r\n",
            part(content)
        );
        let bare = format!("{}--b--", part(content));
        let padded = format!(
            "{}--b--  \r\n",
            part(content).replacen("--b\r\n", "--b \t\r\n", 1)
        );
        for body in [whole, around, bare, padded] {
            for piece in [1, 2, 3, 5, 7, 64, 1 << 20] {
                let (name, media_type, bytes) = stored(body.as_bytes(), "b", piece)
                    .await
                    .unwrap_or_else(|error| panic!("{body:?} by {piece}: {error}"));
                assert_eq!(bytes, content.as_bytes(), "{body:?} by {piece}");
                assert_eq!(
                    (&*name, media_type),
                    ("a.txt", Some(HeaderValue::from_static("text/x-a")))
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_one_file_is_refused_with_what_to_do() {
    let head = |head: &str| format!("--b\r\n{head}\r\n\r\nx\r\n--b--\r\n");
    let file = "Content-Disposition: form-data; name=f; filename=a";
    let table = [
        (String::new(), "send all of it"),
        ("--b".into(), "send all of it"),
        ("--b-".into(), "send all of it"),
        ("--b\r\n".into(), "send all of it"),
        (part("x"), "send all of it"),
        (format!("{}--b", part("x")), "send all of it"),
        (format!("{}--b\r", part("x")), "send all of it"),
        ("--b--\r\n".into(), "has no file"),
        ("--c\r\n".repeat(2000), "does not begin with the boundary"),
        (format!("--bc\r\n{}", part("x")), "make another boundary"),
        (format!("{}--bc--\r\n", part("x")), "make another boundary"),
        (
            format!("{}{}--b--\r\n", part("x"), part("y")),
            "another part after the file",
        ),
        (
            format!(
                "{}--b\r\nContent-Disposition: form-data; name=t\r\n\r\ny\r\n--b--",
                part("x")
            ),
            "another part after the file",
        ),
        (
            format!("{}--b--\r\n{}", part("x"), "y".repeat(9000)),
            "goes on after the end",
        ),
        (
            head("Content-Disposition: form-data; name=title"),
            "the field 'title' of the form",
        ),
        (
            head("Content-Disposition: form-data; name=f; filename=\"\""),
            "choose a file",
        ),
        (
            head("Content-Disposition: attachment; filename=a"),
            "no 'Content-Disposition: form-data",
        ),
        (
            head("Content-Type: text/plain"),
            "no 'Content-Disposition: form-data",
        ),
        (
            "--b\r\n\r\nx\r\n--b--\r\n".into(),
            "no 'Content-Disposition: form-data",
        ),
        (head(&format!("{file}\r\n{file}")), "twice"),
        (
            head(&format!("{file}\r\nContent-Type: a/b\r\ncontent-type: a/b")),
            "twice",
        ),
        (
            head(&format!("{file}\r\nContent-Transfer-Encoding: base64")),
            "as they are",
        ),
        (
            head(&format!("{file}\r\nContent-Encoding: gzip")),
            "as they are",
        ),
        (head(&format!("{file}\r\nno field")), "malformed"),
        (
            head(&format!("{file}\r\nX: {}", "y".repeat(9000))),
            "malformed",
        ),
        (head(&"X: y\r\n".repeat(20)), "malformed"),
    ];
    for (body, why) in table {
        for piece in [1, 7, 1 << 20] {
            let error = stored(body.as_bytes(), "b", piece).await.expect_err(&body);
            assert_eq!(error.kind(), ErrorKind::BadRequest, "{body:?}");
            assert!(error.message().contains(why), "{body:?}: {error}");
        }
    }
    for good in [
        "Content-Transfer-Encoding: Binary",
        "Content-Encoding: identity",
        "X: y",
    ] {
        let body = head(&format!("{file}\r\n{good}"));
        assert!(stored(body.as_bytes(), "b", 9).await.is_ok(), "{good}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_form_that_ended() {
    let body = format!("{}--b--\r\n", part("hello"));
    for end in 0..body.len() {
        let cut = Error::new(ErrorKind::Interrupted, "the client went away");
        let pieces = vec![
            Ok(Bytes::copy_from_slice(&body.as_bytes()[..end])),
            Err(cut),
        ];
        let source = Source::from_stream(stream::iter(pieces).boxed(), None);
        let failed = async {
            let mut file = FormFile::open(source, &FormBoundary("b".into())).await?;
            while file.bytes.next().await?.is_some() {}
            Ok::<_, Error>(())
        };
        let error = failed.await.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{end}");
    }
}

#[test]
fn a_form_says_where_its_parts_end() {
    let of = |text: &'static str| {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(text))]);
        FormBoundary::of(&headers).map(|boundary| boundary.map(|boundary| boundary.0))
    };
    for (text, boundary) in [
        ("multipart/form-data; boundary=x", Some("x")),
        (
            "Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"",
            Some("a b"),
        ),
        (
            "multipart/form-data;boundary=----WebKitFormBoundary0",
            Some("----WebKitFormBoundary0"),
        ),
        ("multipart/mixed; boundary=x", None),
        ("text/plain", None),
        ("nonsense", None),
    ] {
        assert_eq!(of(text).expect(text).as_deref(), boundary, "{text}");
    }
    assert!(
        FormBoundary::of(&HeaderMap::new())
            .expect("no form")
            .is_none()
    );
    for bad in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"x",
        "multipart/form-data; boundary=\"x \"",
        concat!(
            "multipart/form-data; boundary=",
            "01234567890123456789012345678901234567890123456789012345678901234567890"
        ),
    ] {
        assert_eq!(of(bad).expect_err(bad).status().as_u16(), 400, "{bad}");
    }
}
