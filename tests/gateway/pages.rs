//! The first page, and the documentation of the API: for everyone, and from this server alone.

use crate::harness::{ALICE_KEY, Browser, Gateway};

#[tokio::test]
async fn the_first_page_leads_to_files_and_documentation() {
    let gateway = Gateway::start().await;
    let stranger = gateway.stranger();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = stranger.call("GET", "/").header("accept", browser).await;
    let page = page.is(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("vary"), "accept");
    for link in ["v1/files/", "docs/", "openapi.json"] {
        assert!(page.text().contains(&format!("href=\"{link}\"")), "{link}");
    }
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!page.text().contains("<script"), "{}", page.text());
}

#[tokio::test]
async fn programs_find_the_same_links_as_json() {
    let gateway = Gateway::start().await;
    let stranger = gateway.stranger();
    for accept in ["*/*", "application/json"] {
        let reply = stranger.call("GET", "/").header("accept", accept).await;
        let reply = reply.is(200);
        assert_eq!(reply.header("content-type"), "application/json");
        let links = reply.json();
        assert_eq!(links["name"], "CallFS");
        for member in ["files", "documentation", "openapi"] {
            let link = links[member].as_str().expect("a link");
            let found = gateway.alice().call("GET", &format!("/{link}")).await;
            assert_eq!(found.status, 200, "{member}");
        }
        let head = stranger.call("HEAD", "/").header("accept", accept).await;
        let head = head.is(200);
        for name in ["content-type", "content-length", "vary"] {
            assert_eq!(head.header(name), reply.header(name), "{name}");
        }
    }
    stranger
        .call("POST", "/")
        .await
        .problem(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn the_documentation_needs_no_key_and_no_other_server() {
    let gateway = Gateway::start().await;
    let stranger = gateway.stranger();
    let page = stranger.call("GET", "/docs/").await.is(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(!page.text().contains("://"), "{}", page.text());
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    for script in ["/docs/scalar.js", "/docs/start.js"] {
        let script = stranger.call("GET", script).await.is(200);
        let kind = script.header("content-type");
        assert_eq!(kind, "text/javascript; charset=utf-8");
    }
    let nothing = stranger.call("GET", "/docs/nothing.js").await;
    nothing.problem(404, "NOT_FOUND");
    // The client follows it.
    let moved = stranger.call("GET", "/docs").await.is(200);
    assert_eq!(moved.body, page.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_shows_what_the_document_says() {
    let gateway = Gateway::start().await;
    let Some(mut browser) = Browser::start(&gateway.path("")) else {
        return;
    };
    browser.open(&format!("http://{}/", gateway.authority()));
    let clicked = browser.evaluate(
        "(link => link && (link.click(), true))(document.querySelector('a[href=\"docs/\"]'))",
    );
    assert_eq!(clicked, true);
    // A path, once the page has read the document.
    let shown = browser.evaluate(
        "location.pathname === '/docs/' && document.body?.textContent.includes('/v1/files/') \
         || null",
    );
    assert_eq!(shown, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_goes_from_the_first_page_to_the_files() {
    let gateway = Gateway::start().await;
    gateway.alice().put("/hello.txt", "hello").await.is(201);
    let Some(mut browser) = Browser::start(&gateway.path("")) else {
        return;
    };
    // With the key that the browser would ask for.
    let authority = gateway.authority();
    browser.open(&format!("http://any:{ALICE_KEY}@{authority}/v1/files/"));
    let listed = browser.evaluate("document.querySelector('a')?.innerText ?? null");
    assert_eq!(listed, "hello.txt");
    browser.open(&format!("http://{authority}/"));
    let clicked = browser.evaluate(
        "(link => link && (link.click(), true))(document.querySelector('a[href=\"v1/files/\"]'))",
    );
    assert_eq!(clicked, true);
    let shown = browser.evaluate(
        "location.pathname === '/v1/files/' && document.querySelector('a')?.innerText || null",
    );
    assert_eq!(shown, "hello.txt");
}
