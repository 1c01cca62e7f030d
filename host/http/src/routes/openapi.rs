//! The OpenAPI document: what this service promises its clients, as machines read it.
//!
//! Each resource describes its own operations, in the words of the modules here; schemas are those
//! of the types that are really read and written. It is the same for every configuration, so it is
//! written once and needs no key.

pub(crate) mod headers;
pub(crate) mod operation;
pub(crate) mod parameters;
mod problems;
mod system;

use std::sync::LazyLock;

use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, Info, License, OpenApi, OpenApiBuilder, PathItem, Paths, Server,
};

use crate::content::entry::EntryDocument;
use crate::problem::ProblemDocument as Problem;
use crate::routes::{directories, download, files, health, links};

/// Whoever wants to know what a route is.
const DESCRIPTION: &str = "A filesystem over any storage. Paths are canonical: names of up to 255 \
                           bytes of UTF-8 between single slashes, 4,096 bytes in all, compared \
                           byte by byte. A failure is always `application/problem+json` with a \
                           stable `code`. Times in JSON are RFC 3339 in UTC, sizes are bytes.";

/// `GET /openapi.json`
pub(crate) async fn get() -> impl IntoResponse {
    static JSON: LazyLock<Bytes> = LazyLock::new(|| json().into());
    (
        [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        JSON.clone(),
    )
}

/// The document, with a line for each member.
fn json() -> String {
    // Every key is text, so nothing in it can fail to be written.
    document().to_pretty_json().unwrap_or_default() + "\n"
}

fn document() -> OpenApi {
    let mut info = Info::new("CallFS", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.into());
    info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    let paths = paths()
        .into_iter()
        .fold(Paths::new(), |mut paths, (path, item)| {
            paths.paths.insert(path.into(), item);
            paths
        });
    let here = Server::new("/");
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([here]))
        .paths(paths)
        .components(Some(components()))
        .build()
}

/// Every path with what can be done there.
fn paths() -> Vec<(&'static str, PathItem)> {
    let mut paths = Vec::new();
    paths.extend(files::openapi::paths());
    paths.extend(directories::openapi::paths());
    paths.extend(links::openapi::paths());
    paths.extend(system::paths());
    paths
}

fn components() -> Components {
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A key."))
        .build();
    let basic = Http::builder()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("The key as the password."))
        .build();
    let problems = problems::all()
        .into_iter()
        .map(|status| (problems::name(status), problems::response(status)));
    ComponentsBuilder::new()
        .responses_from_iter(problems)
        .schema_from::<EntryDocument>()
        .schema_from::<directories::ListingDocument>()
        .schema_from::<files::PatchDocument>()
        .schema_from::<download::SharedEntryDocument>()
        .schema_from::<links::NewLink>()
        .schema_from::<links::IssuedLink>()
        .schema_from::<links::LinkDocument>()
        .schema_from::<links::LinkListDocument>()
        .schema_from::<health::Health>()
        .schema_from::<health::Readiness>()
        .schema_from::<health::HealthPart>()
        .schema_from::<Problem>()
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .security_scheme("basic", SecurityScheme::Http(basic))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::routes::table;

    #[test]
    fn every_route_is_in_the_document_and_the_reverse() {
        let routed: BTreeSet<&str> = table().iter().map(|route| route.documented).collect();
        let documented: BTreeSet<&str> = paths().iter().map(|(path, _)| *path).collect();
        assert_eq!(routed, documented);
    }

    #[test]
    fn the_document_is_the_one_that_was_reviewed() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("CALLFS_UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(file, json()).expect("writable");
        }
        let reviewed = std::fs::read_to_string(file).unwrap_or_default();
        let update = "CALLFS_UPDATE_SNAPSHOTS=1 cargo test --release -p callfs-http --lib openapi";
        assert!(
            reviewed == json(),
            "host/http/openapi.json is another; look at what changes and update it with: {update}"
        );
    }

    #[test]
    fn nothing_in_it_points_nowhere() {
        let text = json();
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let references: BTreeSet<&str> = text
            .split("\"$ref\": \"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(references.len() > 10, "{references:?}");
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document: serde_json::Value = serde_json::from_str(&json()).expect("JSON");
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let name = operation["operationId"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path} has no name"));
                assert!(names.insert(name.to_owned()), "{name} is there twice");
                assert!(
                    operation["summary"].is_string(),
                    "{method} {path} says nothing"
                );
            }
        }
    }
}
