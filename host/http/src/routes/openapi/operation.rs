//! One operation as the document describes it, in the order in which a reader wants to know it.

use http::StatusCode;
use utoipa::openapi::path::{OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, HttpMethod, PathItem, Ref, RefOr, Required, ResponseBuilder,
};

use super::headers::{self, Named};
use super::problems;
use crate::problem::OF_HEADS;

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

    /// Bytes of any kind.
    pub(crate) fn bytes(media_type: &'static str) -> Self {
        Self {
            media_type,
            schema: anything(),
            example: None,
        }
    }
}

/// No schema says more about what clients store.
pub(crate) fn anything() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .into()
}

impl OperationDoc {
    /// An operation that needs a key.
    pub(crate) fn new(tag: &str, id: &str, summary: &str) -> Self {
        Self::open(tag, id, summary)
            .secured()
            .problems(&[StatusCode::UNAUTHORIZED])
    }

    /// An operation for everyone.
    pub(crate) fn open(tag: &str, id: &str, summary: &str) -> Self {
        Self(
            OperationBuilder::new()
                .tag(tag)
                .operation_id(Some(id))
                .summary(Some(summary)),
        )
        .problems(&OF_HEADS)
    }

    fn secured(self) -> Self {
        let needs = |scheme: &str| SecurityRequirement::new(scheme, [] as [&str; 0]);
        Self(self.0.security(needs("bearer")).security(needs("basic")))
    }

    pub(crate) fn description(self, description: &str) -> Self {
        Self(self.0.description(Some(description)))
    }

    pub(crate) fn parameters(self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        Self(self.0.parameters(Some(parameters)))
    }

    pub(crate) fn body(self, required: bool, description: &str, bodies: Vec<Body>) -> Self {
        let required = if required {
            Required::True
        } else {
            Required::False
        };
        let empty = RequestBodyBuilder::new()
            .required(Some(required))
            .description(Some(description));
        let filled = bodies.into_iter().fold(empty, |built, body| {
            built.content(
                body.media_type,
                ContentBuilder::new()
                    .schema(Some(body.schema))
                    .example(body.example)
                    .build(),
            )
        });
        Self(self.0.request_body(Some(filled.build())))
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
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                response.content.clear();
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
