//! PATCH: three documents, of which a request has one.

use http::StatusCode;
use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{AdditionalProperties, Object, OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};

use super::{ALWAYS, CHANGING, TAG, entry};
use crate::content::entry::EntryDocument;
use crate::routes::files::PatchDocument;
use crate::routes::openapi::headers::{CONTENT_LOCATION, ETAG, LAST_MODIFIED};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{path, preconditions};

/// One of the documents: its name, what it does, its fields, and the one that it needs.
struct PatchForm {
    name: &'static str,
    description: &'static str,
    fields: &'static [&'static str],
    needs: Option<&'static str>,
}

const FORMS: [PatchForm; 3] = [
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
        needs: Some("destination"),
    },
    PatchForm {
        name: "RenameEntry",
        description: "Give another name, in the same directory or at the same place below another \
                      mount.",
        fields: &["name", "overwrite", "create_parents", "backend", "instance"],
        needs: Some("name"),
    },
    PatchForm {
        name: ATTRIBUTES,
        description: "Change attributes: any of these, and at least one.",
        fields: &["mode", "owner", "group", "mtime"],
        needs: None,
    },
];
/// Some generators try the documents in the order of their names, and this one has no field that it
/// needs: its name has to be the last.
const ATTRIBUTES: &str = "SetAttributes";
const CHANGE: &str = "Change";
const CHANGED: &str = "Changed";

pub(super) fn update() -> OperationDoc {
    let answer = Body::json(CHANGED, json!({ "path": "/archive/report.pdf" }));
    let example = json!({ "destination": "/archive/report.pdf", "create_parents": true });
    patches(
        OperationDoc::new(TAG, "updateEntry", "Move, rename, or change attributes"),
        [path("docs/report.pdf")]
            .into_iter()
            .chain(preconditions())
            .collect(),
        Body::json(CHANGE, example),
    )
    .description(
        "A move is one step for readers, also to another mount and of whole directories. It \
         answers with the new path, a change of attributes with the whole entry.",
    )
    .answers(
        200,
        "The new path, or the entry.",
        &[CONTENT_LOCATION, ETAG, LAST_MODIFIED],
        vec![answer],
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
        &[ETAG, LAST_MODIFIED],
        vec![Body::json("Entry", entry())],
    )
}

fn patches(operation: OperationDoc, parameters: Vec<Parameter>, body: Body) -> OperationDoc {
    operation
        .parameters(parameters)
        .body(
            "What to change. `application/merge-patch+json` is the same.",
            body,
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
    schemas.push((CHANGED, Schema::Object(changed())));
    schemas
}

/// An entry of which only the path is certain. It is one schema, because generated clients differ
/// in how they choose between two, and what fits a moved path fits an entry, too.
fn changed() -> Object {
    let RefOr::T(Schema::Object(mut object)) = EntryDocument::schema() else {
        return Object::new();
    };
    object.description = Some(
        "The entry after a change of attributes; after a move its new `path` and nothing else."
            .into(),
    );
    object.required = vec!["path".into()];
    object
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
        object.required = self.needs.into_iter().map(Into::into).collect();
        object.min_properties = self.needs.is_none().then_some(1);
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
