//! One operation as the document describes it, in the order in which a reader wants to know it.

use http::StatusCode;
use utoipa::openapi::path::{OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{
    ContentBuilder, HttpMethod, PathItem, Ref, RefOr, Required, ResponseBuilder,
};

use super::headers::{self, Named};
use super::problems;
use crate::problem::OF_HEADS;

const UPLOAD_FORM: &str = "UploadForm";

/// An operation in the making.
pub(crate) struct OperationDoc(OperationBuilder);

/// What a body is.
pub(crate) struct Body {
    pub(crate) media_type: &'static str,
    pub(crate) schema: RefOr<Schema>,
    pub(crate) example: Option<serde_json::Value>,
}

impl Body {
    /// JSON of a type of the document.
    pub(crate) fn json(schema: &str, example: serde_json::Value) -> Self {
        let schema = Ref::from_schema_name(schema).into();
        Self {
            media_type: "application/json",
            schema,
            example: Some(example),
        }
    }

    /// Text of a media type.
    pub(crate) fn text(media_type: &'static str) -> Self {
        Self {
            media_type,
            schema: ObjectBuilder::new().schema_type(Type::String).into(),
            example: None,
        }
    }

    /// The bytes that a client stores, as they are or in a form. Generators take the first where
    /// they take one.
    pub(crate) fn upload() -> [Self; 2] {
        let form = Self {
            media_type: "multipart/form-data",
            schema: Ref::from_schema_name(UPLOAD_FORM).into(),
            example: None,
        };
        [
            Self::bytes("application/octet-stream", Some("hello\n".into())),
            form,
        ]
    }

    /// The bytes of a file. Generators look for `application/octet-stream`; what comes is the media
    /// type of the file.
    pub(crate) fn file() -> Vec<Self> {
        ["application/octet-stream", "*/*"]
            .map(|media_type| Self::bytes(media_type, None))
            .into()
    }

    fn bytes(media_type: &'static str, example: Option<serde_json::Value>) -> Self {
        Self {
            media_type,
            schema: binary().into(),
            example,
        }
    }
}

/// The form in which browsers and HTTP libraries send a file. Its part is a property of any name:
/// openapi-generator imports a class for a form whose properties are known, and does not write it.
pub(super) fn upload_form() -> (&'static str, Schema) {
    let form = ObjectBuilder::new()
        .additional_properties(Some(binary()))
        .min_properties(Some(1))
        .max_properties(Some(1))
        .description(Some(
            "A form with one file and nothing else. Its part may have any name.",
        ));
    (UPLOAD_FORM, form.into())
}

fn binary() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

impl OperationDoc {
    /// An operation that needs a key, as the document says of all.
    pub(crate) fn new(tag: &str, id: &str, summary: &str) -> Self {
        Self(
            OperationBuilder::new()
                .tag(tag)
                .operation_id(Some(id))
                .summary(Some(summary)),
        )
        .problems(&OF_HEADS)
        .problems(&[StatusCode::UNAUTHORIZED])
    }

    /// An operation that needs no key.
    pub(crate) fn open(tag: &str, id: &str, summary: &str) -> Self {
        Self(
            OperationBuilder::new()
                .tag(tag)
                .operation_id(Some(id))
                .summary(Some(summary))
                .securities(Some([])),
        )
        .problems(&OF_HEADS)
    }

    pub(crate) fn description(self, description: &str) -> Self {
        Self(self.0.description(Some(description)))
    }

    pub(crate) fn parameters(self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        Self(self.0.parameters(Some(parameters)))
    }

    /// What has to be sent: one of these.
    pub(crate) fn body(self, description: &str, bodies: impl IntoIterator<Item = Body>) -> Self {
        let request = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .description(Some(description));
        let request = bodies.into_iter().fold(request, |built, body| {
            built.content(
                body.media_type,
                ContentBuilder::new()
                    .schema(Some(body.schema))
                    .example(body.example)
                    .build(),
            )
        });
        Self(self.0.request_body(Some(request.build())))
    }

    /// A success, with its own headers beside those that every response has.
    pub(crate) fn answers(
        self,
        status: u16,
        description: &str,
        own: &[Named],
        bodies: Vec<Body>,
    ) -> Self {
        let with_headers = headers::add(ResponseBuilder::new().description(description), own);
        let response = bodies.into_iter().fold(with_headers, |built, body| {
            built.content(
                body.media_type,
                ContentBuilder::new()
                    .schema(Some(body.schema))
                    .example(body.example)
                    .build(),
            )
        });
        Self(self.0.response(status.to_string(), response.build()))
    }

    /// Failures, each with the codes that go with its status.
    pub(crate) fn problems(self, statuses: &[StatusCode]) -> Self {
        let named = |status: &StatusCode| Ref::from_response_name(problems::name(*status));
        Self(statuses.iter().fold(self.0, |built, status| {
            built.response(status.as_str(), named(status))
        }))
    }

    /// The same for HEAD, which never has a body.
    pub(crate) fn without_bodies(self) -> Self {
        let mut operation = self.0.build();
        for (status, response) in &mut operation.responses.responses {
            match response {
                RefOr::T(response) => response.content.clear(),
                // Only failures are referred to, by their status.
                RefOr::Ref(reference) => {
                    if let Ok(status) = StatusCode::from_bytes(status.as_bytes()) {
                        *reference = Ref::from_response_name(problems::name_of_head(status));
                    }
                }
            }
        }
        Self(operation.into())
    }

    /// Adds it to what can be done at a path.
    pub(crate) fn at(self, method: HttpMethod, mut item: PathItem) -> PathItem {
        item.merge_operations(PathItem::new(method, self.0.build()));
        item
    }
}
