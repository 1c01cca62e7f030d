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
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::server::{Server, ServerBuilder, ServerVariableBuilder};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    Components, ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi,
    OpenApiBuilder, PathItem, Paths,
};

use crate::content::entry::{EntryDocument, EntryType};
use crate::problem::ProblemDocument as Problem;
use crate::routes::{directories, download, files, health, links, root};

/// What a reader has to know before the first operation.
const DESCRIPTION: &str = "One REST filesystem over any storage.

**Paths** are canonical: names of up to 255 bytes of UTF-8 between single slashes, 4,096 bytes in \
all, compared byte by byte. A client may encode the slashes of `{path}` as `%2F`.

**Keys** are sent as `Authorization: Bearer KEY`. Programs that know only Basic authentication \
send the key as the password, with any user name.

**Failures** are `application/problem+json` (RFC 9457) with a stable `code`. 423, 429 and 503 \
carry `Retry-After`.

**Compression**: text is compressed (zstd, br, gzip) where `Accept-Encoding` allows it. HTTP \
clients do both by themselves. A compressed response has an entity tag of its own, which \
conditions take like the one of the file.

**Values**: times in JSON are RFC 3339 in UTC, sizes are bytes.

**HEAD** is answered wherever GET is, without a body; it is described here where it is of use.";

const BEARER: &str = "bearer";

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
    let repository = env!("CARGO_PKG_REPOSITORY");
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        // Not `identifier`: generators that read 3.0 refuse it.
        .url(Some(format!("{repository}#license")))
        .build();
    let contact = ContactBuilder::new()
        .name(Some("CallFS"))
        .url(Some(repository))
        .build();
    let info = InfoBuilder::new()
        .title("CallFS")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(contact))
        .license(Some(license))
        .build();
    let paths = paths()
        .into_iter()
        .fold(Paths::new(), |mut paths, (path, item)| {
            paths.paths.insert(path.into(), item);
            paths
        });
    let components = components(&paths);
    OpenApiBuilder::new()
        .info(info)
        .servers(Some(servers()))
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new(BEARER, [] as [&str; 0])]))
        .tags(Some(tags()))
        .build()
}

fn servers() -> [Server; 2] {
    let here = ServerBuilder::new()
        .url("/")
        .description(Some("The gateway that serves this document"));
    let origin = ServerVariableBuilder::new()
        .default_value("http://127.0.0.1:8443")
        .description(Some("Scheme, host and port of a gateway"));
    let any = ServerBuilder::new()
        .url("{origin}")
        .description(Some("Any gateway"))
        .parameter("origin", origin);
    [here.build(), any.build()]
}

fn tags() -> [Tag; 4] {
    let tag = |name: &str, description: &str| {
        TagBuilder::new()
            .name(name)
            .description(Some(description))
            .build()
    };
    [
        tag(
            files::openapi::TAG,
            "Read, write, copy, move, change and remove files and directories.",
        ),
        tag(
            directories::openapi::TAG,
            "List directories, in pages or as a stream.",
        ),
        tag(
            links::openapi::TAG,
            "Share files and directories by URLs that need no key and expire.",
        ),
        tag(
            system::TAG,
            "The page at the root, this document, health and metrics.",
        ),
    ]
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

/// What the paths refer to, and nothing else.
fn components(paths: &Paths) -> Components {
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A key. Basic authentication with the key as the password works as well.",
        ))
        .build();
    // Names of responses are followed by a quote, and every key is text.
    let text = serde_json::to_string(paths).unwrap_or_default();
    let referred =
        |(name, _): &(String, _)| text.contains(&format!("\"#/components/responses/{name}\""));
    let (codes, schema_of_codes) = problems::codes();
    let components = ComponentsBuilder::new()
        .responses_from_iter(problems::responses().filter(referred))
        .schema_from::<EntryDocument>()
        .schema_from::<EntryType>()
        .schema_from::<directories::ListingDocument>()
        .schema_from::<directories::ContinuationDocument>()
        .schema_from::<directories::ContinuationType>()
        .schema_from::<download::SharedEntryDocument>()
        .schema_from::<links::NewLink>()
        .schema_from::<links::IssuedLink>()
        .schema_from::<links::LinkDocument>()
        .schema_from::<links::LinkListDocument>()
        .schema_from::<links::LinkDisposition>()
        .schema_from::<root::RootDocument>()
        .schema_from::<health::Health>()
        .schema_from::<health::Readiness>()
        .schema_from::<health::HealthPart>()
        .schema_from::<health::HealthStatus>()
        .schema_from::<Problem>()
        .schema(codes, schema_of_codes)
        .schemas_from_iter(files::openapi::schemas())
        .schemas_from_iter(directories::openapi::schemas())
        .schemas_from_iter([operation::upload_form(), parameters::field()])
        .security_scheme(BEARER, SecurityScheme::Http(bearer));
    headers::everywhere()
        .fold(components, |built, (name, header)| {
            built.header(name, header)
        })
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::routes::table;

    #[test]
    fn every_route_is_in_the_document_and_the_reverse() {
        let routed: BTreeSet<&str> = table().iter().map(|route| route.documented).collect();
        // A path that ends in a slash names a directory: one route, other operations.
        let documented: BTreeSet<&str> = paths()
            .iter()
            .map(|(path, _)| {
                path.strip_suffix('/')
                    .filter(|path| path.ends_with('}'))
                    .unwrap_or(path)
            })
            .collect();
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
        let document: Value = serde_json::from_str(&text).expect("JSON");
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

    /// Every operation with its path and method.
    fn operations() -> Vec<(String, Value)> {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().expect("operations");
                methods
                    .iter()
                    .map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
            })
            .collect()
    }

    /// Every value in a document below a key of this name.
    fn all_named<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
        let inner: Vec<(Option<&String>, &Value)> = match value {
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| (Some(key), value))
                .collect(),
            Value::Array(items) => items.iter().map(|value| (None, value)).collect(),
            _ => vec![],
        };
        for (key, value) in inner {
            if key.is_some_and(|key| key == name) {
                found.push(value);
            }
            all_named(value, name, found);
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_is_described() {
        let mut names = BTreeSet::new();
        let is_camel_case = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric())
        };
        for (at, operation) in operations() {
            let name = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{at} has no name"));
            assert!(is_camel_case(name), "{at}: {name}");
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(operation["summary"].is_string(), "{at} has no summary");
            assert!(operation["description"].is_string(), "{at} says nothing");
            let parameters = operation["parameters"].as_array();
            for parameter in parameters.into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{at}: {parameter}");
                // OpenAPI ignores parameters of these names.
                let name = parameter["name"].as_str().expect("a name");
                assert!(
                    !["Accept", "Content-Type", "Authorization"].contains(&name),
                    "{at}: {name}"
                );
            }
        }
    }

    /// Of `Link`, a Go client has the function `NewLink`.
    #[test]
    fn no_schema_has_the_name_of_a_constructor() {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        let schemas = document["components"]["schemas"]
            .as_object()
            .expect("schemas");
        assert!(schemas.contains_key("Link"), "{:?}", schemas.keys());
        for name in schemas.keys() {
            assert!(!schemas.contains_key(&format!("New{name}")), "{name}");
        }
    }

    #[test]
    fn what_answers_head_has_no_body() {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        let mut heads = 0;
        for (at, operation) in operations() {
            if !at.starts_with("head ") {
                continue;
            }
            heads += 1;
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let response = match response["$ref"].as_str() {
                    Some(reference) => &document.pointer(&reference[1..]).expect("it is there"),
                    None => &response,
                };
                assert!(response.get("content").is_none(), "{at}: {status}");
            }
        }
        assert!(heads > 0);
    }

    #[test]
    fn every_failure_has_the_one_schema() {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        let problem = serde_json::json!({ "$ref": "#/components/schemas/Problem" });
        let mut bodies = Vec::new();
        all_named(&document, "application/problem+json", &mut bodies);
        assert!(bodies.len() > 10, "{}", bodies.len());
        for body in bodies {
            assert_eq!(body["schema"], problem);
        }
        let codes = document
            .pointer("/components/schemas/ProblemCode/enum")
            .and_then(Value::as_array)
            .expect("an enum");
        assert!(codes.contains(&"FILE_NOT_FOUND".into()), "{codes:?}");
        assert!(codes.contains(&"METHOD_NOT_ALLOWED".into()), "{codes:?}");
    }

    #[test]
    fn bytes_are_bytes_and_flags_are_booleans() {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        let binary = serde_json::json!({ "type": "string", "format": "binary" });
        let mut bodies = Vec::new();
        for media_type in ["application/octet-stream", "*/*"] {
            all_named(&document, media_type, &mut bodies);
        }
        assert!(bodies.len() > 5, "{}", bodies.len());
        for body in bodies {
            assert_eq!(body["schema"], binary);
        }
        for (at, operation) in operations() {
            let parameters = operation["parameters"].as_array();
            for parameter in parameters.into_iter().flatten() {
                let values = parameter["schema"]["enum"].as_array();
                let is_flag = values.is_some_and(|values| values.contains(&"true".into()));
                assert!(!is_flag, "{at}: {parameter}");
            }
        }
    }

    /// The values of the `type` that a schema has.
    fn types<'a>(document: &'a Value, schema: &Value) -> &'a Vec<Value> {
        let pointed = |value: &Value| {
            let reference = value["$ref"].as_str().expect("a reference");
            document.pointer(&reference[1..]).expect("it is there")
        };
        let values = &pointed(&pointed(schema)["properties"]["type"])["enum"];
        values.as_array().expect("an enum")
    }

    #[test]
    fn a_line_of_a_stream_tells_by_its_type_what_it_is() {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        let line = document.pointer("/components/schemas/ListingLine/oneOf");
        let line = line.and_then(Value::as_array).expect("one of several");
        let all: Vec<String> = line
            .iter()
            .flat_map(|schema| types(&document, schema))
            .map(Value::to_string)
            .collect();
        let different: BTreeSet<&String> = all.iter().collect();
        assert!(all.len() >= 4, "{all:?}");
        assert_eq!(all.len(), different.len(), "{all:?}");
    }

    #[test]
    fn fields_adds_the_members_that_not_every_entry_has() {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        let schemas = &document["components"]["schemas"];
        let names = |value: &Value| -> BTreeSet<String> {
            let names = value.as_array().expect("names");
            let texts = names.iter().filter_map(Value::as_str);
            texts.map(ToOwned::to_owned).collect()
        };
        let added = names(&schemas["EntryField"]["enum"]);
        assert!(!added.is_empty());
        for schema in ["Entry", "SharedEntry"] {
            let members = schemas[schema]["properties"].as_object().expect("members");
            let required = names(&schemas[schema]["required"]);
            let optional: BTreeSet<String> = members
                .keys()
                .filter(|name| !required.contains(*name))
                .cloned()
                .collect();
            assert_eq!(optional, added, "{schema}");
        }
    }

    #[test]
    fn an_upload_is_bytes_or_a_form() {
        let mut uploads = 0;
        for (at, operation) in operations() {
            let Some(bodies) = operation["requestBody"]["content"].as_object() else {
                continue;
            };
            if !bodies.contains_key("application/octet-stream") {
                continue;
            }
            uploads += 1;
            // Generators that take one media type take the first.
            let media_types: Vec<&String> = bodies.keys().collect();
            let expected = ["application/octet-stream", "multipart/form-data"];
            assert_eq!(media_types, expected, "{at}");
        }
        assert_eq!(uploads, 3);
    }

    #[test]
    fn an_operation_needs_a_bearer_key_or_none() {
        let document: Value = serde_json::from_str(&json()).expect("JSON");
        assert_eq!(document["security"], serde_json::json!([{ "bearer": [] }]));
        for (at, operation) in operations() {
            let own = operation.get("security");
            let is_open = operation["responses"].get("401").is_none();
            let expected = is_open.then(|| serde_json::json!([]));
            assert_eq!(own, expected.as_ref(), "{at}");
        }
    }
}
