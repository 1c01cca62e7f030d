//! PATCH: four documents, of which a request has one.

use http::StatusCode;
use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{AdditionalProperties, Object, OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};

use super::{ALWAYS, CHANGING, TAG, entry};
use crate::routes::files::PatchDocument;
use crate::routes::openapi::headers::{CONTENT_LOCATION, ETAG, LAST_MODIFIED, MTIME};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{path, preconditions};

/// One of the documents: its name, what it does, its fields, and those that it needs.
struct PatchForm {
    name: &'static str,
    description: &'static str,
    fields: &'static [&'static str],
    needs: &'static [&'static str],
}

const FORMS: [PatchForm; 4] = [
    PatchForm {
        name: "MoveEntry",
        description: "Move to another path, also of another mount.",
        fields: &[
            "destination",
            "overwrite",
            "create_parents",
            "backend",
            "instance",
        ],
        needs: &["destination"],
    },
    PatchForm {
        name: "RenameEntry",
        description: "Give another name, in the same directory or at the same place below another \
                      mount.",
        fields: &["name", "overwrite", "create_parents", "backend", "instance"],
        needs: &["name"],
    },
    PatchForm {
        name: "ExchangeEntry",
        description: "Let the entry and the one at `destination` change places in one step, each \
                      with everything below it.",
        fields: &[
            "destination",
            "exchange",
            "destination_if_match",
            "backend",
            "instance",
        ],
        needs: &["destination", "exchange"],
    },
    PatchForm {
        name: ATTRIBUTES,
        description: "Change attributes: any of these, and at least one.",
        fields: &["mode", "owner", "group", "mtime"],
        needs: &[],
    },
];
/// Some generators try the documents in the order of their names, and this one has no field that it
/// needs: its name has to be the last.
const ATTRIBUTES: &str = "SetAttributes";
const CHANGE: &str = "Change";

pub(super) fn update() -> OperationDoc {
    let example = json!({ "destination": "/archive/report.pdf", "create_parents": true });
    patches(
        OperationDoc::new(
            TAG,
            "updateEntry",
            "Move, rename, exchange, or change attributes",
        ),
        [path("docs/report.pdf")]
            .into_iter()
            .chain(preconditions())
            .collect(),
        Body::json(CHANGE, example),
    )
    .description(
        "A move is one step for readers, also to another mount and of whole directories. An \
         exchange is one, too: a directory that is in use is replaced without a moment in which it \
         is missing, and what it held is at the path of the request afterwards. The response is \
         the entry, after a move or an exchange at its new path.",
    )
    .answers(
        200,
        "The entry as it is now.",
        &[CONTENT_LOCATION, ETAG, LAST_MODIFIED, MTIME],
        vec![Body::json("Entry", entry())],
    )
}

pub(super) fn update_root() -> OperationDoc {
    patches(
        OperationDoc::new(TAG, "updateRoot", "Change attributes of the root"),
        preconditions(),
        Body::json(ATTRIBUTES, json!({ "mode": "0755" })),
    )
    .description("The root cannot be moved.")
    .answers(
        200,
        "The entry of the root.",
        &[ETAG, LAST_MODIFIED, MTIME],
        vec![Body::json("Entry", entry())],
    )
}

fn patches(operation: OperationDoc, parameters: Vec<Parameter>, body: Body) -> OperationDoc {
    operation
        .parameters(parameters)
        .body(
            "What to change. `application/merge-patch+json` is the same.",
            [body],
        )
        .problems(&ALWAYS)
        .problems(&CHANGING)
        .problems(&[StatusCode::PAYLOAD_TOO_LARGE])
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let named = |name: &str| Ref::from_schema_name(name);
    let change = FORMS
        .iter()
        .fold(OneOfBuilder::new(), |one, form| one.item(named(form.name)))
        .description(Some("One of these."));
    let mut schemas: Vec<(&str, Schema)> = FORMS
        .iter()
        .map(|form| (form.name, Schema::Object(form.schema())))
        .collect();
    schemas.push((CHANGE, Schema::OneOf(change.build())));
    schemas
}

impl PatchForm {
    /// The fields as the type that reads them has them.
    fn schema(&self) -> Object {
        let RefOr::T(Schema::Object(mut object)) = PatchDocument::schema() else {
            return Object::new();
        };
        object
            .properties
            .retain(|name, _| self.fields.contains(&name.as_str()));
        object.description = Some(self.description.into());
        object.required = self.needs.iter().copied().map(Into::into).collect();
        object.min_properties = self.needs.is_empty().then_some(1);
        object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_read_is_in_a_document_and_the_reverse() {
        let RefOr::T(Schema::Object(read)) = PatchDocument::schema() else {
            panic!("it is an object");
        };
        for form in &FORMS {
            for field in form.fields {
                assert!(
                    read.properties.contains_key(*field),
                    "{}: {field}",
                    form.name
                );
            }
        }
        for field in read.properties.keys() {
            let is_documented = FORMS
                .iter()
                .any(|form| form.fields.contains(&field.as_str()));
            assert!(is_documented, "{field}");
        }
    }
}
